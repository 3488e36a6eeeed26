"""The paired permutation test: whether two models differ in a score, for few texts."""

import numpy as np

from emopress.measure import scoring
from emopress.measure.intervals import CELLS, SEED, Scored

SWAPS = 9_999
ROUNDING = 1e-12  # differences below it are sums in another order


def permutation_p(
    truth: np.ndarray, this: np.ndarray, other: np.ndarray, classes: int
) -> dict[str, float]:
    """Return the two-sided p of the difference of each score, mean over seeds, by the score's name.

    this, other: [seeds, N], or bools [seeds, N, C]. Of two equally good models it is chance which of
    them gave which of a text's two answers: for each text the answers change places or do not, with all
    seeds at once. p is the share of `SWAPS` such draws, and of the sample as one more, whose difference
    is as large as the sample's (Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses", chapter
    2). The draws are the same in every run. Resampling has no such p for few texts: of one text of each
    label it never varies.
    """
    rng, texts = np.random.default_rng(SEED), len(truth)
    step = max(1, CELLS // (2 * len(this) * texts * classes))
    seen = scoring.observed(truth, np.stack([this, other]), classes)
    real = {name: _difference(seen, name) for name in seen.names}
    as_large = dict.fromkeys(real, 1)
    for start in range(0, SWAPS, step):
        swap = rng.random((min(step, SWAPS - start), texts)) < 0.5
        swap = swap.reshape(len(swap), 1, texts, *[1] * (this.ndim - 2))
        pair = np.stack([np.where(swap, other, this), np.where(swap, this, other)])
        drawn = scoring.observed(truth, pair, classes)
        for name, value in real.items():
            as_large[name] += int((np.abs(_difference(drawn, name)) >= abs(value) - ROUNDING).sum())
    return {name: count / (1 + SWAPS) for name, count in as_large.items()}


def _difference(scores: Scored, name: str) -> np.ndarray:
    """Return the mean over seeds, the last axis, of the first model less that of the second."""
    mine, theirs = getattr(scores, name).mean(axis=-1)
    return mine - theirs
