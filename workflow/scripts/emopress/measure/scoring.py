"""Scores by what a text has: one label (`intervals`) or any number of them (`sets`).

One label: class indices, truth [N], predicted [..., N]. Any number: bools with the labels as a last axis.
"""

from collections.abc import Callable

import numpy as np

from emopress.measure import intervals, sets
from emopress.measure.intervals import Scored


def right(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return for each text whether it is labelled right, its whole set if it has one: [..., N]."""
    return alike(truth, predicted, truth)


def alike(predicted: np.ndarray, other: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return for each text whether two models label it alike, [..., N]; the shape of `truth` shows the task."""
    same: np.ndarray = np.equal(predicted, other)
    return np.asarray(same.all(axis=-1)) if truth.ndim == 2 else same


def observed(truth: np.ndarray, predicted: np.ndarray, classes: int) -> Scored:
    """Return the scores of `predicted` against `truth`, of shape [...]."""
    if truth.ndim == 2:
        return sets.observed(truth, predicted)
    return intervals.observed(truth, predicted, classes)


def resampled(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    classes: int,
    resamples: int,
    progress: Callable[[int], object] | None = None,
) -> Scored:
    """Return the scores over bootstrap resamples of the texts, [resamples, variants], mean over seeds.

    predicted: [variants, seeds, N], or [variants, seeds, N, C].
    """
    if truth.ndim == 2:
        return sets.resampled(truth, predicted, resamples=resamples, progress=progress)
    return intervals.resampled(
        truth, predicted, classes=classes, resamples=resamples, progress=progress
    )


def resampled_shares(truth: np.ndarray, holds: np.ndarray, *, resamples: int) -> np.ndarray:
    """Return in what share of the texts something holds over resamples, [resamples, variants].

    holds: bools [variants, seeds, N]. Stratified by label, where a text has one.
    """
    strata = np.zeros(len(truth), dtype=np.int64) if truth.ndim == 2 else truth
    return intervals.resampled_shares(strata, holds, resamples=resamples)
