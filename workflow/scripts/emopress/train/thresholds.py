"""The probability from which on a label counts as predicted: per label the one with the highest F1."""

import numpy as np

UNTUNED = 0.5  # of a label that no text has: nothing says what it should be


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
