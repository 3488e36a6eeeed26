"""How well predicted labels agree with the true ones: by class, or text by text for sets of them, bools [..., N, C]."""

import numpy as np


def macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the unweighted mean of the classes' F1 (0 for a class without any hit)."""
    scores = []
    for c in range(classes):
        hits = np.sum((labels == c) & (predicted == c))
        total = np.sum(labels == c) + np.sum(predicted == c)
        scores.append(2 * hits / total if total else 0.0)
    return float(np.mean(scores))


def text_f1(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the F1 of each text's set of labels, [..., N]: 2 |both| / (|true| + |predicted|).

    A text without labels of which none is predicted is right: 1 (scikit-learn's zero_division=1).
    """
    both = (truth & predicted).sum(axis=-1)
    total = truth.sum(axis=-1) + predicted.sum(axis=-1)
    return np.divide(2 * both, total, out=np.ones(total.shape), where=total > 0)


def text_jaccard(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the Jaccard index of each text's set of labels, [..., N]: |both| / |true or predicted|.

    A text without labels of which none is predicted is right: 1, as in `text_f1`.
    """
    both = (truth & predicted).sum(axis=-1)
    either = (truth | predicted).sum(axis=-1)
    return np.divide(both, either, out=np.ones(either.shape), where=either > 0)


def right(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return for each text whether its set of labels is exactly right, [..., N]."""
    return (truth == predicted).all(axis=-1)
