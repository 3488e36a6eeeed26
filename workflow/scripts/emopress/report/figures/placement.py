"""Where to put the labels of a chart so that they cover neither labels nor points."""

from collections.abc import Sequence
from math import cos, hypot, pi, sin

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RINGS = (1.0, 2.2, 3.6, 5.2, 7.0)  # in units of the gap between a point and its label
ANGLES = (0.0, 0.5, 0.25, -0.25, 1.0, 0.75, -0.75, -0.5, 0.125, -0.125, 0.375, 0.625, 0.875, -0.875)


def place_labels(
    points: Floats,
    sizes: Floats,
    bounds: tuple[float, float, float, float],
    *,
    gap: float,
    obstacles: Sequence[tuple[float, float, float, float]] = (),
) -> Floats:
    """Return the centres (n, 2) of n labels with `sizes` (n, 2) around `points` (n, 2).

    All in one unit of length, pixels say. `bounds` and `obstacles` are boxes (left, bottom, right,
    top); a label stays within bounds where it can, and away from the obstacles, the other labels
    and a square of side `gap` around each point. Greedy, most crowded point first, then two rounds
    in which each label may move once more; the same input gives the same output.
    """
    if len(points) == 0:
        return np.zeros((0, 2))
    around = np.stack(
        [points - 0.75 * gap, points + 0.75 * gap],
    )
    fixed = np.concatenate([around[0], around[1]], axis=1)
    if obstacles:
        fixed = np.concatenate([fixed, np.asarray(obstacles, dtype=float)])
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    crowd = (distance < 8 * gap).sum(axis=1)
    order = sorted(range(len(points)), key=lambda i: (-crowd[i], i))
    centres = np.full((len(points), 2), np.nan)
    boxes, placed = np.zeros((len(points), 4)), np.zeros(len(points), dtype=bool)
    for _ in range(3):
        for index in order:
            placed[index] = False
            taken = boxes[placed]
            centres[index] = min(
                _candidates(points[index], sizes[index], gap),
                key=lambda centre: _cost(
                    centre, points[index], sizes[index], bounds, fixed, taken, gap
                ),
            )
            half = sizes[index] / 2
            boxes[index] = [*(centres[index] - half), *(centres[index] + half)]
            placed[index] = True
    return centres


def _candidates(point: Floats, size: Floats, gap: float) -> list[Floats]:
    """Return centres such that the label touches a ring around the point, nearest first."""
    centres = []
    for ring in RINGS:
        for angle in ANGLES:
            across, up = cos(pi * angle), sin(pi * angle)
            reach = ring * gap
            centres.append(
                np.array(
                    [
                        point[0] + across * reach + _side(across) * size[0] / 2,
                        point[1] + up * reach + _side(up) * size[1] / 2,
                    ]
                )
            )
    return centres


def _side(component: float) -> float:
    return max(-1.0, min(1.0, 2.0 * component))


def _cost(
    centre: Floats,
    point: Floats,
    size: Floats,
    bounds: tuple[float, float, float, float],
    fixed: Floats,
    taken: Floats,
    gap: float,
) -> float:
    box = np.concatenate([centre - size / 2, centre + size / 2])
    area = float(size[0] * size[1])
    outside = (
        max(0.0, bounds[0] - box[0])
        + max(0.0, bounds[1] - box[1])
        + max(0.0, box[2] - bounds[2])
        + max(0.0, box[3] - bounds[3])
    )
    padded = box + np.array([-0.2, -0.1, 0.2, 0.1]) * gap
    away = hypot(*(np.clip(point, box[:2], box[2:]) - point))
    return (
        1000.0 * outside / gap
        + 100.0 * _overlap(padded, taken) / area
        + 60.0 * _overlap(box, fixed) / area
        + away / gap
    )


def _overlap(box: Floats, others: Floats) -> float:
    """Return the summed area that `box` shares with each of the boxes `others` (m, 4)."""
    if len(others) == 0:
        return 0.0
    wide = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    high = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    return float((np.clip(wide, 0, None) * np.clip(high, 0, None)).sum())


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
