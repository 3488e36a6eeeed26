"""The scores of all variants at every share of noise, over the same resamples of the test texts."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from emopress.measure.evaluated import Evaluated
from emopress.measure.intervals import Scored, interval
from emopress.measure.scoring import observed, resampled

SCORES = ("macro_f1", "accuracy")  # of a contrast
Term = tuple[float, str, float]  # factor, variant, share of noise


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
        contrasts = {}
        for name in SCORES:
            seeds = np.zeros(self.observed[0.0].accuracy.shape[1])
            drawn = np.zeros(len(self.drawn[0.0].accuracy))
            for factor, variant, noise in terms:
                place = self.variants.index(variant)
                seeds = seeds + factor * getattr(self.observed[noise], name)[place]
                drawn = drawn + factor * getattr(self.drawn[noise], name)[:, place]
            low, high = interval(drawn)
            value = float(seeds.mean())
            contrasts[name] = {"value": value, "low": low, "high": high, "seeds": seeds.tolist()}
        return contrasts


def sampled(evaluated: Evaluated, resamples: int) -> Sampled:
    """Return the scores of all variants at every share of noise, over the same resamples of the texts."""
    total = len(evaluated.noise) * resamples
    with tqdm(total=total, desc="resamples", file=sys.stderr, mininterval=2.0) as bar:

        def draw(predicted: np.ndarray) -> Scored:
            return resampled(
                evaluated.truth,
                predicted,
                classes=len(evaluated.labels),
                resamples=resamples,
                progress=bar.update,
            )

        drawn = {noise: draw(evaluated.predicted[noise]) for noise in evaluated.noise}
    scores = {
        noise: observed(evaluated.truth, evaluated.predicted[noise], len(evaluated.labels))
        for noise in evaluated.noise
    }
    return Sampled(evaluated.variants, scores, drawn)
