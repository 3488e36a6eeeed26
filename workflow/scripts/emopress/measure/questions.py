"""Generative against discriminative LSTMs: how their losses to noise, few bits and calibration texts differ.

Every number is a contrast, a weighted sum of scores of some variants on clean or noisy test texts, so that
one paired bootstrap serves them all: each resample scores all variants, shares of noise and training
seeds on the same texts, and takes the mean over seeds (`measure.intervals`). It resamples texts alone:
what other training runs and other calibration texts would change is seen in the values per seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emopress import recipe
from emopress.checkpoint import DISCRIMINATIVE, GENERATIVE
from emopress.measure.sampled import Sampled, Term

COLLAPSED = 0.5  # of its macro F1 in fp32, clean: with less, a model has too little left to lose
Step = Mapping[str, Any] | None


@dataclass(frozen=True)
class Pair:
    """An LSTM of either kind, both after the same pass, or without one (fp32) where `step` is None."""

    generative: str
    discriminative: str
    step: Step

    @property
    def variants(self) -> dict[str, str]:
        """The two variants by kind."""
        return {GENERATIVE: self.generative, DISCRIMINATIVE: self.discriminative}

    @property
    def facts(self) -> dict[str, Any]:
        """What the statistics say of the pair: its pass and its variants."""
        return {"step": dict(self.step) if self.step else None, "variants": self.variants}


def pairs_of(models: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Return the pairs among LSTM variants, each {variant, kind, step}, in their order.

    `step` is the one pass of a variant, None without. If a kind has several models, the first that is among the
    variants in fp32 counts. Empty unless both kinds are there in fp32.
    """
    generative, discriminative = (_of_first(models, kind) for kind in (GENERATIVE, DISCRIMINATIVE))
    if not generative or not discriminative:
        return []
    return [
        Pair(model["variant"], discriminative[name]["variant"], discriminative[name]["step"])
        for name, model in generative.items()
        if name in discriminative
    ]


def _of_first(
    models: Sequence[Mapping[str, Any]], kind: str
) -> dict[str | None, Mapping[str, Any]]:
    """Return the variants of the first model of a kind that is there in fp32, by the name of their pass."""
    of_kind = [model for model in models if model["kind"] == kind]
    first = next((model["variant"] for model in of_kind if model["step"] is None), None)
    return {
        model["step"]["name"] if model["step"] else None: model
        for model in of_kind
        if recipe.parse(model["variant"]).model == first
    }


def less(terms: Sequence[Term], other: Sequence[Term]) -> list[Term]:
    """Return the terms of a difference."""
    return [*terms, *((-factor, variant, noise) for factor, variant, noise in other)]


def clean_losses(pair: Pair, start: Pair) -> dict[str, list[Term]]:
    """Return by kind what the variants of `pair` score less than those of `start` on clean texts."""
    return {
        kind: [(1.0, start.variants[kind], 0.0), (-1.0, variant, 0.0)]
        for kind, variant in pair.variants.items()
    }


def noise_losses(pair: Pair, shares: Sequence[float]) -> dict[str, list[Term]]:
    """Return by kind what the variants of `pair` lose on noisy texts, mean over the shares of noise."""
    return {
        kind: [(1.0, variant, 0.0), *((-1.0 / len(shares), variant, share) for share in shares)]
        for kind, variant in pair.variants.items()
    }


def both(scores: Sampled, terms: Mapping[str, Sequence[Term]]) -> dict[str, Any]:
    """Return the contrasts of terms by kind, and their `difference`, generative less discriminative."""
    difference = less(terms[GENERATIVE], terms[DISCRIMINATIVE])
    return {
        **{kind: scores.contrast(of_kind) for kind, of_kind in terms.items()},
        "difference": scores.contrast(difference),
    }


def questions(pairs: Sequence[Pair], scores: Sampled) -> dict[str, Any]:
    """Return what the report's questions need, fractions throughout; `generative` less `discriminative`.

    fp32: the two variants without a pass. noise: of each pair what either kind loses to noise, per
    share and in the mean, the difference, how much larger that is than in fp32 (`more_than_fp32`), and
    which kinds have `collapsed`. levels: of each pair the scores themselves, clean and with the most
    noise (`loudest`). bits: what either loses on clean texts against its own fp32 model, and the difference.
    calibration: of each two pairs whose passes differ in `balanced` alone, how much more either kind
    scores with class-conditional calibration texts, and the difference.
    """
    start = next(pair for pair in pairs if pair.step is None)
    return {
        "fp32": start.variants,
        "loudest": max(scores.noise, default=None),
        "levels": [_levels(pair, scores) for pair in pairs],
        "noise": [_noise(pair, start, scores) for pair in pairs] if scores.noise else [],
        "bits": [
            {**pair.facts, **both(scores, clean_losses(pair, start))}
            for pair in pairs
            if pair is not start
        ],
        "calibration": [
            {
                **balanced.facts,
                "unconditional": other.facts,
                **both(scores, clean_losses(other, balanced)),
            }
            for balanced, other in calibrated(pairs)
        ],
    }


def calibrated(pairs: Sequence[Pair]) -> list[tuple[Pair, Pair]]:
    """Return the pairs of pairs, balanced first, whose passes differ only in the balance of their texts."""
    return [
        (pair, other)
        for pair in pairs
        for other in pairs
        if _balanced(pair.step) is True
        and _balanced(other.step) is False
        and _but_balance(pair.step) == _but_balance(other.step)
    ]


def _balanced(step: Step) -> bool | None:
    return step["calibration"]["balanced"] if step and "calibration" in step else None


def _but_balance(step: Step) -> dict[str, Any]:
    assert step is not None
    rest = {key: value for key, value in step.items() if key not in ("name", "calibration")}
    return {**rest, "texts": step["calibration"]["texts"]}


def _levels(pair: Pair, scores: Sampled) -> dict[str, Any]:
    loudest = max(scores.noise, default=None)
    levels = {
        kind: {
            "clean": scores.contrast([(1.0, variant, 0.0)]),
            "noisy": None if loudest is None else scores.contrast([(1.0, variant, loudest)]),
        }
        for kind, variant in pair.variants.items()
    }
    return {**pair.facts, **levels}


def collapsed(pair: Pair, start: Pair, scores: Sampled) -> list[str]:
    """Return the kinds whose clean macro F1 after a pass is below COLLAPSED times that in fp32."""

    def score(variant: str) -> float:
        return float(scores.contrast([(1.0, variant, 0.0)])["macro_f1"]["value"])

    return [
        kind
        for kind, variant in pair.variants.items()
        if score(variant) < COLLAPSED * score(start.variants[kind])
    ]


def _noise(pair: Pair, start: Pair, scores: Sampled) -> dict[str, Any]:
    def difference(of: Pair) -> list[Term]:
        losses = noise_losses(of, scores.noise)
        return less(losses[GENERATIVE], losses[DISCRIMINATIVE])

    more = less(difference(pair), difference(start))
    return {
        **pair.facts,
        "shares": [
            {"noise": share, **both(scores, noise_losses(pair, [share]))} for share in scores.noise
        ],
        "mean": both(scores, noise_losses(pair, scores.noise)),
        "collapsed": collapsed(pair, start, scores),
        "more_than_fp32": None if pair is start else scores.contrast(more),
    }
