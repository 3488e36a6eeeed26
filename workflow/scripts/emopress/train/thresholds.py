"""The probability from which on a label counts as predicted: the best on validation for the metric that decides.

Macro F1 is a mean of the labels' own scores, so each label gets the threshold with its highest F1. In the
other metrics the labels depend on each other (`searched`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from emopress.train.overlap import right, text_f1, text_jaccard

MACRO_F1, MICRO_F1 = "macro_f1", "micro_f1"  # metrics, as the config calls them
PER_TEXT = {
    "sample_f1": text_f1,
    "jaccard": text_jaccard,
    "subset_accuracy": right,
}  # means over texts
UNTUNED = 0.5  # of a label that no text has: there is nothing to tune it on
COMMON = tuple(
    step / 20 for step in range(1, 20)
)  # thresholds of all labels that a search starts from
ROUNDS = 50  # over the labels; a search ends long before
ROUNDING = 1e-12  # a gain below it is sums in another order


def best_threshold(probabilities: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Return the threshold with the highest F1 of one label, and that F1.

    probabilities [N] of 0 to 1; truth [N], bools. Predicted is what is at the threshold or above, so
    only the order of the texts counts: the candidates lie halfway between neighbouring different
    probabilities, where rounding in another engine moves no text across, and halfway between 0 and
    the smallest. Of thresholds with the same F1 the one nearest to 0.5, of these the higher, which
    predicts less. Without a text that has the label: 0.5 and an F1 of 0.
    """
    positives = int(truth.sum())
    if not positives:
        return UNTUNED, 0.0
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order].astype(np.float64)
    hits = np.cumsum(truth[order])  # of the k most probable texts
    counts = np.arange(1, len(ranked) + 1)
    f1 = 2 * hits / (positives + counts)
    below = np.append(ranked[1:], 0.0)
    cuts = np.flatnonzero(ranked > below)  # equal probabilities are on one side
    if not len(cuts):  # all of them 0
        return UNTUNED, 0.0
    thresholds = (ranked[cuts] + below[cuts]) / 2
    best = f1[cuts].max()
    among = thresholds[f1[cuts] == best]
    chosen = max(among, key=lambda value: (-abs(value - 0.5), value))
    return float(chosen), float(best)


def tuned(probabilities: np.ndarray, truth: np.ndarray) -> tuple[list[float], list[float]]:
    """Return each label's threshold and F1 [C] for probabilities and bools [N, C] (`best_threshold`)."""
    pairs = [best_threshold(probabilities[:, c], truth[:, c]) for c in range(truth.shape[1])]
    return [threshold for threshold, _ in pairs], [f1 for _, f1 in pairs]


def tuned_for(data: Mapping[str, Any]) -> str:
    """Return the metric that thresholds are tuned for, given what a model knows of its data set."""
    return str(data.get("judge_by", MACRO_F1))


def thresholds_for(judge_by: str, probabilities: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return each label's threshold [C], the best for a metric, of probabilities and bools [N, C]."""
    if judge_by == MACRO_F1:
        return tuned(probabilities, truth)[0]
    return searched(judge_by, probabilities, truth)


def searched(judge_by: str, probabilities: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return thresholds [C] that no change of a single one makes better: the best of some ascents.

    They start from every common threshold (COMMON) and from those of the labels' own F1 (`climbed`), the
    best start first; of equals the first. With three labels and 30 texts that found the best of all
    thresholds in 237 of 240 trials; from the best start only, in four of five. A label that no text
    has keeps 0.5.
    """
    known = truth.any(axis=0)
    starts = [np.full(truth.shape[1], common) for common in sorted(COMMON, key=_from_half)]
    starts.append(np.array(tuned(probabilities, truth)[0]))
    starts = [np.where(known, start, UNTUNED) for start in starts]
    starts.sort(key=lambda start: -_score(judge_by, probabilities, truth, start))
    best, best_thresholds = -1.0, starts[0]
    for start in starts:
        score, thresholds = climbed(judge_by, probabilities, truth, start)
        if score > best + ROUNDING:
            best, best_thresholds = score, thresholds
    for label in np.flatnonzero(known):  # the common ones lie anywhere between two texts
        best_thresholds[label] = _between(
            probabilities[:, label].astype(np.float64), best_thresholds[label]
        )
    return [float(threshold) for threshold in best_thresholds]


def climbed(
    judge_by: str, probabilities: np.ndarray, truth: np.ndarray, start: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the score and the thresholds [C] that coordinate ascent reaches from `start`.

    One label after the other gets its best threshold beside those of the others, until a round changes
    none. Candidates are those of `best_threshold`, and one above the highest probability: the label is
    never given. Of equals the one nearest to 0.5, of these the higher. Labels that no text has stay.
    """
    thresholds = start.copy()
    best = _score(judge_by, probabilities, truth, thresholds)
    for _ in range(ROUNDS):
        before = best
        for label in np.flatnonzero(truth.any(axis=0)):
            cuts = _cuts(probabilities[:, label])
            gained = _along(
                judge_by, probabilities >= thresholds, truth, label, probabilities, cuts
            )
            if gained.max() > best + ROUNDING:
                equal = cuts[gained >= gained.max() - ROUNDING]
                thresholds[label] = min(equal, key=_from_half)
                best = _score(judge_by, probabilities, truth, thresholds)
        if best <= before:
            break
    return best, thresholds


def _score(
    judge_by: str, probabilities: np.ndarray, truth: np.ndarray, thresholds: np.ndarray
) -> float:
    gained, possible = _counted(judge_by, probabilities >= thresholds, truth)
    return float(gained.sum() / max(possible.sum(), 1))


def _between(probabilities: np.ndarray, threshold: float) -> float:
    """Return the threshold halfway between the texts on either side, which divides them alike."""
    above, below = (
        probabilities[probabilities >= threshold],
        probabilities[probabilities < threshold],
    )
    return float(above.min(initial=1.0) + below.max(initial=0.0)) / 2


def _from_half(threshold: float) -> tuple[float, float]:
    return abs(threshold - UNTUNED), -threshold


def _cuts(probabilities: np.ndarray) -> np.ndarray:
    """Return the candidates for one label's threshold, highest first: halfway between its probabilities."""
    ranked = np.unique(probabilities.astype(np.float64))[::-1]
    edges = np.concatenate([[1.0], ranked, [0.0]])
    return np.unique((edges[1:] + edges[:-1]) / 2)[::-1]


def _along(
    judge_by: str,
    given: np.ndarray,
    truth: np.ndarray,
    label: int | np.signedinteger,
    probabilities: np.ndarray,
    cuts: np.ndarray,
) -> np.ndarray:
    """Return the metric at each of `cuts` (highest first) of one label, all others as `given` [N, C].

    Each text counts as it would with the label and without it; from cut to cut some texts get it.
    """
    order = np.argsort(-probabilities[:, label], kind="stable")
    taken = np.searchsorted(-probabilities[order, label], -cuts, side="right")  # texts that have it
    sides = []
    for has in (False, True):
        predicted = given.copy()
        predicted[:, label] = has
        sides.append(_counted(judge_by, predicted[order], truth[order]))
    gained, possible = (
        without.sum() + np.concatenate([[0.0], np.cumsum(with_it - without)])[taken]
        for without, with_it in zip(*sides, strict=True)
    )
    return np.asarray(gained / np.maximum(possible, 1))


def _counted(
    judge_by: str, predicted: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each text adds to numerator and denominator of a metric, [N] each."""
    if judge_by == MICRO_F1:
        pairs = predicted.sum(axis=1) + truth.sum(axis=1)
        return 2.0 * (predicted & truth).sum(axis=1), pairs.astype(np.float64)
    return PER_TEXT[judge_by](truth, predicted).astype(np.float64), np.ones(len(truth))
