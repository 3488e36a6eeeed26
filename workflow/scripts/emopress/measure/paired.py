"""Whether two models that predicted the same texts differ: McNemar's test, paired bootstrap, permutation, Holm."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from emopress.measure import scoring
from emopress.measure.deciding import FEW_TEXTS
from emopress.measure.exact import (
    FEW_IN_CELL,
    Bounds,
    bounds_of,
    difference_bounds,
    has_no_width,
)
from emopress.measure.intervals import Scored, interval
from emopress.measure.permutation import ROUNDING, permutation_p

ALPHA = 0.05


def mcnemar_exact(only_this: int, only_other: int) -> float:
    """Return the two-sided exact p of McNemar's test (McNemar 1947).

    Of the texts that one model alone labels right, each of two equally good models gets half: p is
    twice the tail of Binomial(only_this + only_other, 1/2), and 1 where they never differ.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    return float(mcnemar([[0, only_this], [only_other, 0]], exact=True).pvalue)


def combined(p_values: Sequence[float]) -> float:
    """Return one p for the same comparison under several training seeds: min(1, 2 x their mean).

    Valid however the seeds' tests depend on each other, which they do: they share the texts
    (Rüschendorf 1982; Vovk & Wang 2020). A single seed's p stays as it is.
    """
    mean = float(np.mean(p_values))
    return mean if len(p_values) == 1 else min(1.0, 2 * mean)


def bootstrap_p(differences: np.ndarray) -> float:
    """Return the two-sided bootstrap p of resampled differences [resamples].

    Twice the share of resamples on the rarer side of zero, zero itself included, and the sample as
    one more resample (Davison & Hinkley 1997, section 4.2), so that p is never 0; at most 1.
    """
    below = int((differences <= ROUNDING).sum())
    above = int((differences >= -ROUNDING).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + len(differences)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values corrected for their number (Holm 1979), in the same order."""
    if len(p_values) < 2:
        return [float(p) for p in p_values]
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, alpha=ALPHA, method="holm")[1]]


def single_counts(truth: np.ndarray, this: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how many texts only `this` and only `other` label right, [2, seeds], from [seeds, N]."""
    right, other_right = scoring.right(truth, this), scoring.right(truth, other)
    return np.stack([(right & ~other_right).sum(axis=1), (~right & other_right).sum(axis=1)])


def difference_ends(
    truth: np.ndarray,
    this: np.ndarray,
    other: np.ndarray,
    *,
    classes: int,
    spreads: Mapping[str, np.ndarray],
) -> dict[str, Bounds]:
    """Return the 95 % interval of each difference: that of the resampled ones, `spreads`, or the exact one.

    It is exact where there are few texts (of 20, one that a model alone has right gave 0 to +15 points,
    as if the other could not be better) or resampling gives one number.
    """
    ends, few = {name: interval(spread) for name, spread in spreads.items()}, _few(truth)
    inexact = [name for name, bounds in ends.items() if few or has_no_width(bounds)]
    if inexact:
        exact = difference_bounds(truth, this, other, classes)
        ends |= {name: exact[name] for name in inexact}
    return ends


def label_differences(
    truth: np.ndarray,
    this: np.ndarray,
    other: np.ndarray,
    *,
    classes: int,
    drawn: tuple[Scored, Scored],
) -> list[Bounds]:
    """Return the interval of the difference of each label's F1, `this` less `other`; all as in `difference`.

    It is exact as in `difference_ends`, few texts being few that have the label or are given it.
    """
    spreads, few = drawn[0].f1 - drawn[1].f1, _few(truth)  # [resamples, C]
    exact = difference_bounds(truth, this, other, classes)
    return [
        bounds_of(spreads[:, label], bounds, few=few or trials < FEW_IN_CELL)
        for label, (bounds, trials) in enumerate(zip(exact["f1"], exact["trials"], strict=True))
    ]


def _few(truth: np.ndarray) -> bool:
    return len(truth) < FEW_TEXTS


def difference(
    truth: np.ndarray,
    this: np.ndarray,
    other: np.ndarray,
    *,
    classes: int,
    drawn: tuple[Scored, Scored],
) -> dict[str, Any]:
    """Return the comparison of `this` with `other`, both [seeds, N]: differences are this less other.

    Where texts have any number of labels both are bools [seeds, N, C], and a text is right, for
    accuracy (subset accuracy) and McNemar's test alike, if its whole set is. The other scores have the
    p of the paired bootstrap, of few texts that of the permutation test.
    Seeds are paired in order. `drawn` holds the scores of either over the same resamples,
    [resamples] each. Scores are fractions, intervals of 95 % (`difference_ends`); p is not corrected yet.
    """
    pairs = single_counts(truth, this, other)
    p_values = [mcnemar_exact(int(mine), int(theirs)) for mine, theirs in pairs.T]
    points = scoring.observed(truth, np.stack([this, other]), classes)
    result: dict[str, Any] = {}
    spreads = {name: getattr(drawn[0], name) - getattr(drawn[1], name) for name in points.names}
    ends = difference_ends(truth, this, other, classes=classes, spreads=spreads)
    permuted = permutation_p(truth, this, other, classes) if _few(truth) else {}
    for name, spread in spreads.items():
        mine, theirs = getattr(points, name).mean(axis=1)
        low, high = ends[name]
        result |= {
            f"{name}_difference": float(mine - theirs),
            f"{name}_low": low,
            f"{name}_high": high,
        }
        if name != "accuracy":
            result[f"{name}_p"] = permuted[name] if permuted else bootstrap_p(spread)
    return {
        **result,
        "only_this_right": int(pairs[0].sum()),
        "only_other_right": int(pairs[1].sum()),
        "mcnemar_p": combined(p_values),
    }


def corrected(family: Iterable[Sequence[dict[str, Any]]]) -> None:
    """Complete the comparisons of one family with each score's `<score>_p_holm` and `<score>_shown`.

    Each member holds the comparisons of one pair of models, which have the same p whoever is compared
    with whom: a pair counts once. Accuracy's are `mcnemar_p_holm` and `shown`. Shown: the difference is
    more than chance gives, at 5 % over the whole family of this score.
    """
    pairs = list(family)
    for name in [key for key in (pairs[0][0] if pairs else {}) if key.endswith("_p")]:
        shown = "shown" if name == "mcnemar_p" else f"{name.removesuffix('_p')}_shown"
        for pair, p in zip(pairs, holm([pair[0][name] for pair in pairs]), strict=True):
            for comparison in pair:
                comparison |= {f"{name}_holm": p, shown: p < ALPHA}


def distinct_pairs(table: Mapping[str, Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the comparisons of all variants by pair of models: the teacher may be the reference too."""
    pairs: dict[frozenset[str], list[dict[str, Any]]] = {}
    for variant, entry in table.items():
        for comparison in filter(None, entry["against"].values()):
            pairs.setdefault(frozenset((variant, comparison["variant"])), []).append(comparison)
    return list(pairs.values())
