"""The confusion matrices of a data set's variants as small multiples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emopress.report.results import recipe_order
from emopress.report.style import GREY, STYLE, add_axes, heading, new_figure, plain

COLUMNS = 4
CELL = 0.44  # inches


def summed_confusion(seeds: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Return the confusion counts of one variant summed over its seeds (rows = true labels)."""
    return np.sum(
        [np.asarray(entry["confusion"], dtype=np.int64) for entry in seeds.values()], axis=0
    )


def row_shares(matrix: np.ndarray) -> np.ndarray:
    """Return each count as a fraction of its row; a row without texts stays 0."""
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)


def confusion_figure(
    details: Mapping[str, Any], dataset: str, labels: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw one matrix per variant: percent of the true label's texts, the count below it.

    Rows are true labels, columns predicted ones, in the order of `labels`; counts are summed over
    seeds.
    """
    variants = recipe_order(list(details[dataset]))
    columns = min(COLUMNS, len(variants))
    rows = -(-len(variants) // columns)
    side = CELL * len(labels)
    left, step_x = 1.0, side + 0.3
    top, step_y = 1.0, side + 0.45
    bottom = 0.5
    width = max(left + columns * step_x + 0.75, 6.4)
    height = top + rows * step_y + bottom
    most = max(len(seeds) for seeds in details[dataset].values())
    note = "Percent of the true label's texts, count below"
    note += f" (summed over {most} seeds)" if most > 1 else ""
    with rc_context(STYLE):
        figure = new_figure(width, height)
        heading(figure, plain(title or dataset), "Confusion on the test split")
        figure.text(0.012, 1 - 0.60 / height, note, va="top", fontsize=8.5, color=GREY)
        for index, variant in enumerate(variants):
            row, column = divmod(index, columns)
            axes = add_axes(
                figure,
                left + column * step_x,
                height - top - row * step_y - side - 0.1,
                side,
                side,
            )
            _matrix(axes, summed_confusion(details[dataset][variant]))
            per_point = 0.64 * len(variant) / 72
            size = min(8.5, (side + 0.2) / per_point)
            axes.set_title(plain(variant), fontsize=size, loc="left", pad=4)
            ticks = range(len(labels))
            names = [plain(label) for label in labels]
            axes.set_yticks(ticks, names if column == 0 else [])
            lowest = index + columns >= len(variants)
            axes.set_xticks(ticks, names if lowest else [], rotation=45, ha="right")
            axes.tick_params(length=0, pad=3, labelsize=8)
            if column == 0:
                axes.set_ylabel("true", color=GREY, fontsize=8)
            if lowest:
                axes.set_xlabel("predicted", color=GREY, fontsize=8)
        _colour_bar(figure, left + columns * step_x - 0.05, height - top - side - 0.1, side)
    return figure


def _matrix(axes: Axes, counts: np.ndarray) -> None:
    shares = row_shares(counts)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        number = int(counts[row, column])
        colour = "white" if share > 0.55 else "#222222" if number else "#BBBBBB"
        axes.text(
            column,
            row - 0.04,
            f"{100 * share:.0f}",
            ha="center",
            va="bottom",
            fontsize=8,
            color=colour,
        )
        axes.text(column, row + 0.08, str(number), ha="center", va="top", fontsize=6, color=colour)


def _colour_bar(figure: Figure, left: float, bottom: float, height: float) -> None:
    axes = add_axes(figure, left, bottom, 0.12, height)
    axes.imshow(
        np.linspace(1, 0, 100)[:, None],
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        extent=(0, 1, 0, 100),
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    axes.tick_params(labelsize=7.5, length=2)
    axes.spines[:].set_visible(False)
