"""Labels of a scatter plot: no overlap, nothing cut off."""

import numpy as np

from emopress.report.figures.placement import place_labels

BOUNDS = (0.0, 0.0, 800.0, 500.0)


def boxes(centres, sizes):
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def overlaps(all_boxes):
    return [
        (i, j)
        for i, a in enumerate(all_boxes)
        for j, b in enumerate(all_boxes[:i])
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def test_labels_neither_overlap_nor_leave_the_axes():
    generator = np.random.default_rng(3)
    points = generator.uniform([20, 20], [780, 480], (25, 2))
    points[5] = points[4] + 2  # nearly the same place
    points[0], points[1] = (790, 490), (5, 5)  # corners
    sizes = np.tile([70.0, 12.0], (25, 1))
    placed = boxes(place_labels(points, sizes, BOUNDS, gap=8.0), sizes)
    assert overlaps(placed) == []
    assert (placed[:, :2] >= -1e-6).all() and (placed[:, 2:] <= [800, 500]).all()


def test_same_input_same_place_and_no_labels():
    points, sizes = np.array([[100.0, 100.0]]), np.array([[30.0, 10.0]])
    first = place_labels(points, sizes, BOUNDS, gap=8.0)
    assert (first == place_labels(points, sizes, BOUNDS, gap=8.0)).all()
    assert place_labels(np.zeros((0, 2)), np.zeros((0, 2)), BOUNDS, gap=8.0).shape == (0, 2)
