"""The confusion matrices of a data set's variants as small multiples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emopress.measure.results import recipe_order
from emopress.report.figures.style import (
    GREY,
    add_axes,
    fitted,
    heading,
    new_figure,
    note,
    plain,
    style_of,
    text_width,
    wrapped,
)

COLUMNS = 4
CELL = 0.44  # inches
MANY = 16  # variants; above this number cells are small and hold the percent alone
MANY_COLUMNS = 6
SMALL_CELL = 0.27
BLANK = 0.005  # a smaller share is left blank where there are many matrices
TRUE_LABELS = "true labels together"  # heading; no variant has spaces in its name
LABEL = 1.3  # inches that a label may take


def summed_confusion(seeds: Mapping[str, Mapping[str, Any]]) -> np.ndarray:
    """Return the confusion counts of one variant summed over its seeds (rows = true labels)."""
    return np.sum(
        [np.asarray(entry["confusion"], dtype=np.int64) for entry in seeds.values()], axis=0
    )


def matrices(details: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return what is drawn of a data set: by heading the counts [C, C] and the texts of each row [C].

    Where texts have any number of labels (the details then tell which stand together) a row counts
    the texts that have the label, not its sum, and TRUE_LABELS comes first: the true labels
    themselves, so that a model's mistakes can be told from labels that do stand together.
    """
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for variant in recipe_order(list(details)):
        seeds = details[variant]
        counts = summed_confusion(seeds)
        first = next(iter(seeds.values()))
        if "cooccurrence" in first:
            together = np.asarray(first["cooccurrence"], dtype=np.int64)
            found.setdefault(TRUE_LABELS, (together, np.diag(together)))
            found[variant] = counts, len(seeds) * np.diag(together)
        else:
            found[variant] = counts, counts.sum(axis=1)
    return found


def row_shares(matrix: np.ndarray, texts: np.ndarray | None = None) -> np.ndarray:
    """Return each count as a fraction of its row's `texts`, else its sum; a row of none stays 0."""
    totals = (matrix.sum(axis=1) if texts is None else texts)[:, None]
    return np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)


def confusion_figure(
    details: Mapping[str, Any], dataset: str, labels: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw one matrix per variant: percent of the true label's texts, and the count below it.

    Rows are true labels, columns predicted ones, in the order of `labels`; counts are summed over
    seeds. Of more than MANY variants the matrices are smaller and have no counts. Where texts have
    any number of labels the first matrix has the true ones both ways (co-occurrence).
    """
    drawn = matrices(details[dataset])
    variants = list(drawn)
    many = len(variants) > MANY
    cell = SMALL_CELL if many else CELL
    columns = min(MANY_COLUMNS if many else COLUMNS, len(variants))
    rows = -(-len(variants) // columns)
    side = cell * len(labels)
    most = max(len(seeds) for seeds in details[dataset].values())
    whose = "texts that have the label" if TRUE_LABELS in drawn else "true label's texts"
    words = f"Percent of the {whose}" + (", blank below 0.5" if many else ", count below")
    words += f" (summed over {most} seeds)" if most > 1 and not many else ""
    with rc_context(style_of([title or dataset, *labels, *variants])):
        probe = new_figure(1, 1)
        names = [fitted(probe, label, LABEL, 8.0, least=8.0)[0] for label in labels]
        widest = max(min(LABEL, text_width(probe, label, 8.0)) for label in labels)
        left, step_x = 0.42 + widest, max(side + 0.22, 1.35)
        top, step_y = 1.0, side + 0.5
        bottom = 0.35 + 0.75 * widest
        width = max(left + columns * step_x + 0.75, 6.4)
        height = top + rows * step_y + bottom
        figure = new_figure(width, height)
        heading(figure, plain(title or dataset), "Confusion on the test split")
        note(figure, words)
        for index, variant in enumerate(variants):
            row, column = divmod(index, columns)
            axes = add_axes(
                figure,
                left + column * step_x,
                height - top - row * step_y - side - 0.15,
                side,
                side,
            )
            _matrix(axes, *drawn[variant], counts=not many)
            text, size = wrapped(figure, variant, step_x - 0.15, 7.6 if many else 8.5)
            axes.set_title(text, fontsize=size, loc="left", pad=4, linespacing=1.05)
            ticks = range(len(labels))
            axes.set_yticks(ticks, names if column == 0 else [])
            lowest = index + columns >= len(variants)
            slant: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(ticks, names if lowest else [], **slant)
            axes.tick_params(length=0, pad=3, labelsize=7 if many else 8)
            if column == 0:
                axes.set_ylabel("true", color=GREY, fontsize=8)
            if lowest:
                axes.set_xlabel("predicted", color=GREY, fontsize=8)
        _colour_bar(figure, left + columns * step_x - 0.05, height - top - side - 0.15, side)
    return figure


def _matrix(axes: Axes, matrix: np.ndarray, texts: np.ndarray, *, counts: bool) -> None:
    shares = row_shares(matrix, texts)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="none")
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        number = int(matrix[row, column])
        colour = "white" if share > 0.55 else "#222222" if number else "#BBBBBB"
        look: Any = {"ha": "center", "color": colour}
        percent = f"{100 * share:.0f}"
        if counts:
            axes.text(column, row - 0.04, percent, va="bottom", fontsize=8, **look)
            axes.text(column, row + 0.08, str(number), va="top", fontsize=6, **look)
        else:
            if share >= BLANK:
                axes.text(column, row, percent, va="center", fontsize=6.4, **look)


def _colour_bar(figure: Figure, left: float, bottom: float, height: float) -> None:
    axes = add_axes(figure, left, bottom, 0.12, height)
    axes.imshow(
        np.linspace(1, 0, 100)[:, None],
        cmap="Blues",
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="none",
        extent=(0, 1, 0, 100),
    )
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    axes.tick_params(labelsize=7.5, length=2)
    axes.spines[:].set_visible(False)
