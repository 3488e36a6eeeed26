"""Places on a line that are as near to the wished ones as room for each allows."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def spread(wished: Sequence[float], gaps: Sequence[float]) -> Floats:
    """Return ascending places with at least `gaps` between neighbours, nearest to `wished`.

    `wished` (n) are in the order that the places keep, `gaps` has n - 1 entries. Least squares
    under that condition: what is too close becomes one block around its mean, as in isotonic
    regression (pool adjacent violators).
    """
    offsets = np.concatenate([[0.0], np.cumsum(gaps)]) if len(wished) else np.zeros(0)
    blocks: list[tuple[float, int]] = []  # of each block: its mean without offsets, its length
    for place, offset in zip(wished, offsets, strict=True):
        mean, size = place - float(offset), 1
        while blocks and blocks[-1][0] > mean:
            before, length = blocks.pop()
            mean, size = (before * length + mean * size) / (length + size), length + size
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return np.asarray(means, dtype=float) + offsets


def within(places: Floats, gaps: Sequence[float], low: float, high: float) -> Floats:
    """Return spread places moved between `low` and `high`, gaps kept; too many run over `low`."""
    if len(places) == 0:
        return places
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    raised = np.maximum(places, low + offsets)
    return np.minimum(raised, high - (offsets[-1] - offsets))
