"""Scores where a text has any number of labels, and bootstrap resamples of them over the texts.

Labels are bools: truth [N, C], predicted [..., N, C]. A text is right if its whole set is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emopress.measure.intervals import CELLS, SEED, Scored
from emopress.train.overlap import right as right  # `scores` of sets ask here
from emopress.train.overlap import text_f1, text_jaccard

SET_SCORES = ("sample_f1", "jaccard", "hamming_loss")  # which texts with one label do not have


@dataclass(frozen=True)
class SetScored(Scored):
    """Scores as fractions: `accuracy` is subset accuracy, the share of texts whose whole set is right.

    `f1` [..., C] per label; `micro` F1 over all (text, label) pairs together; `sample_f1`: the mean
    of the texts' own F1; `jaccard`: the mean of their Jaccard indices; `hamming_loss`: the share of
    wrong (text, label) pairs.
    """

    micro: np.ndarray
    sample_f1: np.ndarray
    jaccard: np.ndarray
    hamming_loss: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The scores in which two models are compared."""
        return (*super().names, "micro_f1", "sample_f1", "jaccard")

    @property
    def micro_f1(self) -> np.ndarray:
        """F1 of all pairs together, of the shape of `accuracy`."""
        return self.micro

    def column(self, place: int) -> "SetScored":
        """Return the scores of one variant of [..., variants]."""
        one = super().column(place)
        extra = (self.micro, self.sample_f1, self.jaccard, self.hamming_loss)
        return SetScored(one.accuracy, one.f1, *(values[..., place] for values in extra))


def crossed(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return in how many texts that have label i label j is predicted, [C, C] for both [N, C].

    What a confusion matrix is for one label per text, but a text counts in every row of its labels. Of
    the true labels twice: in how many texts two labels occur together.
    """
    return truth.astype(np.int64).T @ predicted.astype(np.int64)


def scored(
    hits: np.ndarray,
    given: np.ndarray,
    support: np.ndarray,
    *,
    exact: np.ndarray,
    sample_f1: np.ndarray,
    jaccard: np.ndarray,
    texts: int,
) -> SetScored:
    """Return the scores of counts per label [..., C] (true positives, predicted, true).

    `exact`: how many texts are right, `sample_f1` and `jaccard`: the sums of the texts' own, all [...].
    """
    total = support + given
    f1 = np.divide(2 * hits, total, out=np.zeros(total.shape), where=total > 0)
    pairs = total.sum(axis=-1)
    micro = np.divide(2 * hits.sum(axis=-1), pairs, out=np.zeros(pairs.shape), where=pairs > 0)
    wrong = pairs - 2 * hits.sum(axis=-1)
    classes = hits.shape[-1]
    means = (sample_f1 / texts, jaccard / texts, wrong / (texts * classes))
    return SetScored(exact / texts, f1, micro, *means)


def observed(truth: np.ndarray, predicted: np.ndarray) -> SetScored:
    """Return the scores of `predicted` [..., N, C] against `truth` [N, C], of shape [...]."""
    given = predicted.sum(axis=-2)
    return scored(
        (truth & predicted).sum(axis=-2),
        given,
        np.broadcast_to(truth.sum(axis=0), given.shape),
        exact=right(truth, predicted).sum(axis=-1),
        sample_f1=text_f1(truth, predicted).sum(axis=-1),
        jaccard=text_jaccard(truth, predicted).sum(axis=-1),
        texts=len(truth),
    )


def resampled(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    resamples: int,
    seed: int = SEED,
    progress: Callable[[int], object] | None = None,
) -> SetScored:
    """Return the scores over bootstrap resamples, [resamples, variants], mean over training seeds.

    `predicted` [variants, seeds, N, C]. Each resample draws N texts with replacement, not stratified,
    since sets of labels are no strata, and scores all variants and seeds on the same draw, as
    `intervals.resampled` does. `progress` is called with how many resamples were added.
    """
    variants, seeds, texts, classes = predicted.shape
    models = predicted.reshape(-1, texts, classes)
    rng = np.random.default_rng([seed, texts])
    counted = np.concatenate(  # per text, whole numbers that float32 holds
        [truth[None], models, models & truth], axis=0
    ).transpose(1, 0, 2)
    counted = counted.reshape(texts, -1).astype(np.float32)
    exact = right(truth, models).T.astype(np.float32)
    own_f1, own_jaccard = text_f1(truth, models).T, text_jaccard(truth, models).T
    blocks = []
    block = max(1, CELLS // max(texts, counted.shape[1]))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(texts, size=(size, texts)) + texts * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * texts).reshape(size, texts)
        weights = counts.astype(np.float32)
        sums = (weights @ counted).astype(np.float64).reshape(size, -1, classes)
        support, given, hits = np.split(sums, [1, 1 + len(models)], axis=1)
        blocks.append(
            _seed_means(
                scored(
                    hits,
                    given,
                    np.broadcast_to(support, given.shape),
                    exact=(weights @ exact).astype(np.float64),
                    sample_f1=counts @ own_f1,
                    jaccard=counts @ own_jaccard,
                    texts=texts,
                ),
                variants,
                seeds,
            )
        )
        if progress:
            progress(size)
    return SetScored(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _seed_means(scores: SetScored, variants: int, seeds: int) -> tuple[np.ndarray, ...]:
    """Return the fields of scores [resamples, variants * seeds], averaged over seeds."""
    parts = (scores.micro, scores.sample_f1, scores.jaccard, scores.hamming_loss)
    fields = (scores.accuracy, scores.f1, *parts)
    return tuple(
        values.reshape(len(values), variants, seeds, *values.shape[2:]).mean(axis=2)
        for values in fields
    )
