"""How sure a score is: accuracy and macro F1 over bootstrap resamples of the texts, stratified by label."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

SEED = 0  # the same resamples in every run and for every model, so that any two can be paired
LEVEL = 0.95
CELLS = 1 << 21  # numbers in the largest array of a block of resamples: 16 MB
MANY_TEXTS = 20_000  # of one label: drawing outcomes instead of texts then pays


@dataclass(frozen=True)
class Scored:
    """Scores as fractions: `accuracy` of any shape, and of the same with the labels as last axis, `f1`."""

    accuracy: np.ndarray
    f1: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The scores in which two models are compared."""
        return ("accuracy", "macro_f1")

    @property
    def macro_f1(self) -> np.ndarray:
        """The mean of the labels' F1, of the shape of `accuracy`."""
        return self.f1.mean(axis=-1)

    @property
    def micro_f1(self) -> np.ndarray:
        """The accuracy: they are one number with one true and one predicted label per text."""
        return self.accuracy

    def column(self, place: int) -> "Scored":
        """Return the scores of one variant of [..., variants]."""
        return Scored(self.accuracy[..., place], self.f1[..., place, :])


@dataclass(frozen=True)
class Stratum:
    """The texts of one true label.

    codes [n]: which joint outcome (what all M models predicted) each text has; one_hot [K, M * classes].
    """

    label: int
    codes: np.ndarray
    one_hot: np.ndarray
    rng: np.random.Generator

    def draw(self, resamples: int) -> np.ndarray:
        """Return how often each outcome occurs in each resample of this label's texts, [resamples, K].

        The texts that are drawn depend on the seed and the number of texts, not on the models nor
        on how many resamples are drawn at a time. Many texts with few outcomes are drawn by outcome
        (their counts are multinomial), which has the same distribution.
        """
        texts, outcomes = len(self.codes), len(self.one_hot)
        if texts > MANY_TEXTS and outcomes < texts // 8:
            shares = np.bincount(self.codes, minlength=outcomes) / texts
            return self.rng.multinomial(texts, shares, size=resamples)
        cells = self.codes[self.rng.integers(texts, size=(resamples, texts))]
        cells += outcomes * np.arange(resamples)[:, None]
        counts = np.bincount(cells.ravel(), minlength=resamples * outcomes)
        return counts.reshape(resamples, outcomes)


def stratify(truth: np.ndarray, models: np.ndarray, classes: int, seed: int) -> list[Stratum]:
    """Return one stratum per label that has texts; `models` [M, N] holds the predicted labels."""
    strata = []
    for label in np.unique(truth):
        outcomes, codes = np.unique(models[:, truth == label], axis=1, return_inverse=True)
        one_hot = outcomes.T[:, :, None] == np.arange(classes)
        strata.append(
            Stratum(
                int(label),
                codes.reshape(-1).astype(np.int64),
                one_hot.reshape(len(one_hot), -1).astype(np.float32),
                np.random.default_rng([seed, int(label)]),
            )
        )
    return strata


def scored(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> Scored:
    """Return the scores for counts per label (last axis): right, predicted, and true texts.

    A label that no text has and no text gets has F1 0, as in `metrics.scores`.
    """
    total = support + predicted
    f1 = np.divide(2 * hits, total, out=np.zeros(total.shape), where=total > 0)
    return Scored(hits.sum(axis=-1) / support.sum(), f1)


def observed(truth: np.ndarray, predicted: np.ndarray, classes: int) -> Scored:
    """Return the scores of `predicted` [..., N] against `truth` [N], of shape [...]."""
    given = predicted[..., None] == np.arange(classes)  # [..., N, classes]
    true = truth[:, None] == np.arange(classes)
    return scored((given & true).sum(axis=-2), given.sum(axis=-2), true.sum(axis=0))


def resampled(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    classes: int,
    resamples: int,
    seed: int = SEED,
    progress: Callable[[int], object] | None = None,
) -> Scored:
    """Return the scores over bootstrap resamples, [resamples, variants], mean over training seeds.

    `predicted` [variants, seeds, N] and `truth` [N] are class indices. Each resample draws as many
    texts of every true label as there are, with replacement, and scores all variants and seeds on
    the same draw; so column i less column j is the paired bootstrap of their difference (Efron &
    Tibshirani 1993, chapters 6 and 16). The counts are whole numbers that float32 holds, so the
    result does not depend on threads. `progress` is called with how many resamples were added.
    """
    variants, seeds, _ = predicted.shape
    models = variants * seeds
    strata = stratify(truth, predicted.reshape(models, -1), classes, seed)
    support = np.bincount(truth, minlength=classes)
    accuracy = np.empty((resamples, variants))
    f1 = np.empty((resamples, variants, classes))
    for rows in _blocks(resamples, max(models * classes, int(support.max()))):
        size = rows.stop - rows.start
        hits = np.zeros((size, models, classes))
        given = np.zeros((size, models, classes))
        for stratum in strata:
            counts = stratum.draw(size).astype(np.float32) @ stratum.one_hot
            counts = counts.reshape(size, models, classes)
            hits[..., stratum.label] = counts[..., stratum.label]
            given += counts
        scores = scored(hits, given, support)
        accuracy[rows] = scores.accuracy.reshape(size, variants, seeds).mean(axis=2)
        f1[rows] = scores.f1.reshape(size, variants, seeds, classes).mean(axis=2)
        if progress:
            progress(size)
    return Scored(accuracy, f1)


def resampled_shares(
    truth: np.ndarray, holds: np.ndarray, *, resamples: int, seed: int = SEED
) -> np.ndarray:
    """Return in what share of the texts something holds over bootstrap resamples, [resamples, variants].

    `holds` [variants, seeds, N], of bools; the share is the mean over training seeds. The resamples
    are drawn as in `resampled`, stratified by `truth` [N].
    """
    variants, seeds, texts = holds.shape
    models = variants * seeds
    strata = stratify(truth, holds.reshape(models, -1).astype(np.int64), 2, seed)
    shares = np.empty((resamples, variants))
    for rows in _blocks(resamples, max(2 * models, int(np.bincount(truth).max()))):
        size = rows.stop - rows.start
        counts = sum(s.draw(size).astype(np.float32) @ s.one_hot for s in strata)
        held = np.reshape(counts, (size, variants, seeds, 2))[..., 1]
        shares[rows] = held.mean(axis=2, dtype=np.float64) / texts
    return shares


def _blocks(resamples: int, width: int) -> Iterator[slice]:
    """Yield the resamples that are counted at a time, `width` numbers for each."""
    block = max(1, CELLS // width)
    for start in range(0, resamples, block):
        yield slice(start, min(start + block, resamples))


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of the resampled values [resamples]."""
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
