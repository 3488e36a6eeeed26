"""Generative against discriminative LSTMs: how their losses to noise, few bits and calibration texts differ.

Every number is a contrast, a weighted sum of scores of some variants on clean or noisy test texts, so that
one paired bootstrap serves them all: each resample scores all variants, shares of noise and training
seeds on the same texts, and takes the mean over seeds (`measure.intervals`). It resamples texts alone:
what other trainings and other calibration texts would change stands in the values per seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emopress import recipe
from emopress.lstm.weights import DISCRIMINATIVE, GENERATIVE
from emopress.measure.intervals import Scored, interval

SCORES = ("macro_f1", "accuracy")
COLLAPSED = 0.5  # of its macro F1 in fp32, clean: with less, a model has too little left to lose
Term = tuple[float, str, float]  # factor, variant, share of noise
Step = Mapping[str, Any] | None


@dataclass(frozen=True)
class Pair:
    """An LSTM of either kind, both after the same pass, or without one (fp32) where `step` is None."""

    generative: str
    discriminative: str
    step: Step


@dataclass(frozen=True)
class Sampled:
    """The scores of all variants by share of noise: `observed` [variants, seeds], `drawn` [resamples, variants]."""

    variants: Sequence[str]
    observed: Mapping[float, Scored]
    drawn: Mapping[float, Scored]

    @property
    def noise(self) -> list[float]:
        """The shares of noise above 0, ascending."""
        return sorted(share for share in self.observed if share > 0)

    def contrast(self, terms: Sequence[Term]) -> dict[str, dict[str, Any]]:
        """Return by score the weighted sum of some scores (fractions): value, 95 % interval low and high, seeds.

        `value` is the mean of `seeds`, the sums of each training seed.
        """
        found = {}
        for name in SCORES:
            seeds = np.zeros(self.observed[0.0].accuracy.shape[1])
            drawn = np.zeros(len(self.drawn[0.0].accuracy))
            for factor, variant, noise in terms:
                place = self.variants.index(variant)
                seeds = seeds + factor * getattr(self.observed[noise], name)[place]
                drawn = drawn + factor * getattr(self.drawn[noise], name)[:, place]
            low, high = interval(drawn)
            value = float(seeds.mean())
            found[name] = {"value": value, "low": low, "high": high, "seeds": seeds.tolist()}
        return found


def pairs_of(models: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Return the pairs among LSTM variants, each {variant, kind, step}, in their order.

    `step` is the one pass of a variant, None without. Of several models of a kind the first one that is
    there in fp32 counts, with its variants. Without both kinds in fp32 there are none.
    """
    kinds = {kind: _of_first(models, kind) for kind in (GENERATIVE, DISCRIMINATIVE)}
    if not all(kinds.values()):
        return []
    steps = {name: model["step"] for own in kinds.values() for name, model in own.items()}
    return [
        Pair(
            kinds[GENERATIVE][name]["variant"], kinds[DISCRIMINATIVE][name]["variant"], steps[name]
        )
        for name in kinds[GENERATIVE]
        if name in kinds[DISCRIMINATIVE]
    ]


def _of_first(
    models: Sequence[Mapping[str, Any]], kind: str
) -> dict[str | None, Mapping[str, Any]]:
    """Return by the name of their pass the variants of the first model of a kind that is there in fp32."""
    own = [model for model in models if model["kind"] == kind]
    first = next((model["variant"] for model in own if model["step"] is None), None)
    return {
        model["step"]["name"] if model["step"] else None: model
        for model in own
        if recipe.parse(model["variant"]).model == first
    }


def less(terms: Sequence[Term], other: Sequence[Term]) -> list[Term]:
    """Return the terms of a difference."""
    return [*terms, *((-factor, variant, noise) for factor, variant, noise in other)]


def clean_loss(variant: str, start: str) -> list[Term]:
    """Return what `variant` scores less than `start` on clean texts."""
    return [(1.0, start, 0.0), (-1.0, variant, 0.0)]


def noise_loss(variant: str, shares: Sequence[float]) -> list[Term]:
    """Return what a variant loses on noisy texts, mean over the shares of noise."""
    return [(1.0, variant, 0.0), *((-1.0 / len(shares), variant, share) for share in shares)]


def questions(pairs: Sequence[Pair], scores: Sampled) -> dict[str, Any]:
    """Return what the report's questions need, fractions throughout; `generative` less `discriminative`.

    fp32: the two variants without a pass. noise: of each pair what either kind loses to noise, per
    share and in the mean, the difference, how much larger that is than in fp32 (`more_than_fp32`), and
    which kinds have `collapsed`. levels: of each pair the scores themselves, clean and with the most
    noise (`loudest`). bits: what either loses on clean texts against its own fp32 model, and the difference.
    calibration: of each two pairs whose passes differ in `balanced` alone, how much more either kind
    scores with class-conditional calibration texts, and the difference.
    """
    start = pairs[0] if pairs[0].step is None else next(p for p in pairs if p.step is None)
    return {
        "fp32": _named(start)["variants"],
        "loudest": max(scores.noise, default=None),
        "levels": [_levels(pair, scores) for pair in pairs],
        "noise": [_noise(pair, start, scores) for pair in pairs] if scores.noise else [],
        "bits": [
            {
                **_named(pair),
                **_sides(
                    scores,
                    clean_loss(pair.generative, start.generative),
                    clean_loss(pair.discriminative, start.discriminative),
                ),
            }
            for pair in pairs
            if pair is not start
        ],
        "calibration": [
            {
                **_named(balanced),
                "unconditional": _named(other),
                **_sides(
                    scores,
                    clean_loss(other.generative, balanced.generative),
                    clean_loss(other.discriminative, balanced.discriminative),
                ),
            }
            for balanced, other in calibrated(pairs)
        ],
    }


def calibrated(pairs: Sequence[Pair]) -> list[tuple[Pair, Pair]]:
    """Return the two pairs, balanced first, whose passes are the same but for the balance of their texts."""
    found = []
    for pair in pairs:
        for other in pairs:
            opposite = _balanced(pair.step) is True and _balanced(other.step) is False
            if opposite and _but_balance(pair.step) == _but_balance(other.step):
                found.append((pair, other))
    return found


def _balanced(step: Step) -> bool | None:
    return step["calibration"]["balanced"] if step and "calibration" in step else None


def _but_balance(step: Step) -> dict[str, Any]:
    assert step is not None
    rest = {key: value for key, value in step.items() if key not in ("name", "calibration")}
    return {**rest, "texts": step["calibration"]["texts"]}


def _named(pair: Pair) -> dict[str, Any]:
    return {
        "step": dict(pair.step) if pair.step else None,
        "variants": {GENERATIVE: pair.generative, DISCRIMINATIVE: pair.discriminative},
    }


def _sides(
    scores: Sampled, generative: Sequence[Term], discriminative: Sequence[Term]
) -> dict[str, Any]:
    return {
        GENERATIVE: scores.contrast(generative),
        DISCRIMINATIVE: scores.contrast(discriminative),
        "difference": scores.contrast(less(generative, discriminative)),
    }


def _levels(pair: Pair, scores: Sampled) -> dict[str, Any]:
    def at(variant: str, noise: float) -> dict[str, dict[str, Any]]:
        return scores.contrast([(1.0, variant, noise)])

    found = _named(pair)
    for kind, variant in found["variants"].items():
        noisy = at(variant, max(scores.noise)) if scores.noise else None
        found[kind] = {"clean": at(variant, 0.0), "noisy": noisy}
    return found


def collapsed(pair: Pair, start: Pair, scores: Sampled) -> list[str]:
    """Return the kinds whose clean macro F1 after a pass is below COLLAPSED times that in fp32."""

    def score(variant: str) -> float:
        return float(scores.contrast([(1.0, variant, 0.0)])["macro_f1"]["value"])

    ends = ((pair.generative, start.generative), (pair.discriminative, start.discriminative))
    return [
        kind
        for kind, (after, before) in zip((GENERATIVE, DISCRIMINATIVE), ends, strict=True)
        if score(after) < COLLAPSED * score(before)
    ]


def _noise(pair: Pair, start: Pair, scores: Sampled) -> dict[str, Any]:
    def difference(of: Pair) -> list[Term]:
        mine, theirs = (noise_loss(v, scores.noise) for v in (of.generative, of.discriminative))
        return less(mine, theirs)

    shares = [
        {
            "noise": share,
            **_sides(
                scores,
                noise_loss(pair.generative, [share]),
                noise_loss(pair.discriminative, [share]),
            ),
        }
        for share in scores.noise
    ]
    mean = _sides(
        scores,
        noise_loss(pair.generative, scores.noise),
        noise_loss(pair.discriminative, scores.noise),
    )
    return {
        **_named(pair),
        "shares": shares,
        "mean": mean,
        "collapsed": collapsed(pair, start, scores),
        "more_than_fp32": None
        if pair is start
        else scores.contrast(less(difference(pair), difference(start))),
    }
