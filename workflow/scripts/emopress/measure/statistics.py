"""How good every variant of a data set is, how sure that is, and how it compares with others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emopress.measure import paired
from emopress.measure.calibration_error import calibration_error, reliability_bins
from emopress.measure.deciding import Judge, Metric
from emopress.measure.evaluated import Evaluated
from emopress.measure.exact import FEW_IN_CELL, Bounds, bounds_of, proportion, score_bounds
from emopress.measure.intervals import Scored
from emopress.measure.sampled import Sampled
from emopress.measure.scoring import alike, observed, resampled_shares, right
from emopress.measure.sets import SET_SCORES

Against = dict[str, str | None]  # variant, or kind of comparison -> whom it is compared with


def points(by_seed: np.ndarray, drawn: np.ndarray, exact: Bounds, *, few: bool) -> dict[str, Any]:
    """Return mean, sd over seeds (null for one), 95 % interval of the mean, and the seeds' values.

    The interval is the bootstrap's, or the `exact` one (`exact.bounds_of`).
    """
    low, high = bounds_of(drawn, exact, few=few)
    return {
        "mean": float(by_seed.mean()),
        "sd": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
        "low": low,
        "high": high,
        "by_seed": by_seed.tolist(),
    }


def quality(evaluated: Evaluated, place: int, drawn: Scored) -> dict[str, Any]:
    """Return a variant's scores with their intervals, and its calibration over all seeds.

    The calibration error has no interval: resampling texts only adds to it, so that percentiles of
    the bootstrap leave out the true value of a well calibrated model (in simulation, always). Where
    texts have any number of labels it is that of all (text, label) pairs: how far the share of pairs
    that are true is from the probability that they were given.
    """
    predicted = evaluated.predicted[0.0][place]
    scores = observed(evaluated.truth, predicted, len(evaluated.labels))
    if evaluated.probabilities is None:
        bins = reliability_bins(evaluated.confidence[0.0][place], right(evaluated.truth, predicted))
    else:
        probabilities = evaluated.probabilities[place]
        bins = reliability_bins(
            probabilities, np.broadcast_to(evaluated.truth, probabilities.shape)
        )
    of_variant = drawn.column(place)
    exact, few = score_bounds(evaluated.truth, predicted, len(evaluated.labels)), evaluated.few
    return {
        **{
            name: points(getattr(scores, name), getattr(of_variant, name), exact[name], few=few)
            for name in ("accuracy", "macro_f1", "micro_f1", *SET_SCORES)
            if name in exact
        },
        "class_f1": {
            label: points(
                scores.f1[:, i],
                of_variant.f1[:, i],
                exact["f1"][i],
                few=few or exact["trials"][i] < FEW_IN_CELL,
            )
            for i, label in enumerate(evaluated.labels)
        },
        "ece": calibration_error(bins),
        "reliability": bins,
    }


def agreements(
    evaluated: Evaluated, teachers: Against, resamples: int
) -> dict[str, dict[str, float]]:
    """Return by variant that has a teacher in what share of the texts it gives the teacher's label."""
    predicted = evaluated.predicted[0.0]
    taught = {name: teachers[name] for name in evaluated.variants if teachers.get(name)}
    if not taught:
        return {}
    agree = np.stack(
        [
            alike(
                predicted[evaluated.place(name)],
                predicted[evaluated.place(str(other))],
                evaluated.truth,
            )
            for name, other in taught.items()
        ]
    )
    drawn = resampled_shares(evaluated.truth, agree, resamples=resamples)
    shares = {}
    for place, name in enumerate(taught):
        mean, texts = float(agree[place].mean()), len(evaluated.texts)
        low, high = bounds_of(drawn[:, place], proportion(mean * texts, texts), few=evaluated.few)
        shares[name] = {"mean": mean, "low": low, "high": high}
    return shares


def comparison(
    evaluated: Evaluated, variant: str, other: str | None, drawn: Scored
) -> dict[str, Any] | None:
    """Return the paired comparison of a variant with another, None with none or with itself."""
    if other is None or other == variant:
        return None
    places = [evaluated.place(variant), evaluated.place(other)]
    this, that = (drawn.column(place) for place in places)
    mine, theirs = (evaluated.predicted[0.0][place] for place in places)
    return {
        "variant": other,
        **paired.difference(
            evaluated.truth, mine, theirs, classes=len(evaluated.labels), drawn=(this, that)
        ),
    }


def baseline(evaluated: Evaluated, linears: list[str]) -> str | None:
    """Return which of `linears` is best on validation, of equals the first."""
    return max(linears, key=lambda name: evaluated.validation[evaluated.place(name)], default=None)


def robustness(
    evaluated: Evaluated, scores: Sampled, metrics: Sequence[Metric]
) -> list[list[dict[str, Any]]]:
    """Return, by variant, accuracy and the `metrics`, with their intervals, at each share of noise."""
    columns = list(dict.fromkeys(["accuracy", *(metric.column for metric in metrics)]))
    rows: list[list[dict[str, Any]]] = [[] for _ in evaluated.variants]
    for noise in evaluated.noise:
        drawn, scored = scores.drawn[noise], scores.observed[noise]
        for place, row in enumerate(rows):
            point, of_variant = {"noise": noise}, drawn.column(place)
            exact = score_bounds(
                evaluated.truth, evaluated.predicted[noise][place], len(evaluated.labels)
            )
            for column in columns:
                low, high = bounds_of(getattr(of_variant, column), exact[column], few=evaluated.few)
                mean = float(getattr(scored, column)[place].mean())
                point |= {column: mean, f"{column}_low": low, f"{column}_high": high}
            row.append(point)
    return rows


def statistics_of(
    evaluated: Evaluated,
    scores: Sampled,
    compared: Mapping[str, Against],
    *,
    judge: Judge,
    resamples: int,
) -> dict[str, Any]:
    """Return the statistics of every variant, all over the same resamples of the test texts.

    `compared`: variant -> whom it is compared with, as `teacher`, `linear` and `reference`.
    """
    clean, noisy = scores.drawn[0.0], robustness(evaluated, scores, judge.reported)
    teachers = {variant: against["teacher"] for variant, against in compared.items()}
    agreed = agreements(evaluated, teachers, resamples)
    table = {
        variant: {
            "teacher": against["teacher"],
            "seeds": evaluated.seeds,
            **quality(evaluated, evaluated.place(variant), clean),
            "agreement": agreed.get(variant),
            "against": {
                kind: comparison(evaluated, variant, other, clean)
                for kind, other in against.items()
            },
            "noise": noisy[evaluated.place(variant)],
        }
        for variant, against in compared.items()
    }
    paired.corrected(paired.distinct_pairs(table))
    return table
