"""Which training texts calibrate a quantizer: a seeded sample, the same number from each class if it is balanced."""

from collections import Counter

import numpy as np


def calibration_sample(labels: list[int], texts: int, seed: int, balanced: bool) -> list[int]:
    """Return the indices of `texts` of the labelled texts (all, if there are fewer), ascending.

    Balanced: the same number from every class, as far as it has texts; what a small class cannot
    give is shared among the others, and what does not divide evenly goes to the first classes.
    """
    rng = np.random.default_rng(seed)
    size = min(texts, len(labels))
    if not balanced:
        return sorted(rng.choice(len(labels), size=size, replace=False).tolist())
    seen: Counter[int] = Counter()
    draws = []  # (how many of its class were drawn before it, class, index)
    for index in rng.permutation(len(labels)).tolist():
        draws.append((seen[labels[index]], labels[index], index))
        seen[labels[index]] += 1
    return sorted(index for _, _, index in sorted(draws)[:size])


def strata(labels: np.ndarray) -> list[int]:
    """Return the class that each text counts for in a balanced sample.

    labels: class indices [N]; or 0 and 1 [N, C], where a text counts for the rarest of its labels,
    and without any label for an additional class, C.
    """
    if labels.ndim == 1:
        return [int(label) for label in labels]
    has = labels > 0
    counts = np.where(has, has.sum(axis=0), len(labels) + 1)
    return np.where(has.any(axis=1), counts.argmin(axis=1), labels.shape[1]).tolist()


def calibration_rows(labels: np.ndarray, *, texts: int, balanced: bool, seed: int) -> list[int]:
    """Return which of the training texts that have these labels, [N] or [N, C], calibrate."""
    return calibration_sample(strata(labels), texts, seed, balanced)
