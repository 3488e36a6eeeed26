"""The training curves of a data set's variants: loss and validation macro F1 against epochs.

Variants train on losses of different kinds (cross-entropy, distillation, hidden states), whose
heights say nothing about each other. Each curve is therefore divided by its own first value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emopress.errors import UserError
from emopress.measure.results import recipe_order
from emopress.report.figures.style import (
    LINES,
    add_axes,
    fitted,
    heading,
    new_figure,
    note,
    plain,
    style_of,
)

PANELS = (
    ("loss", "Training loss, % of its first epoch's"),
    ("validation_macro_f1", "Validation macro F1, %"),
)
DASHES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D")  # with colours and dashes: 112 variants that look different
LINE = 0.185  # inches between two names of the list


def training_figure(
    curves: Mapping[str, Sequence[Mapping[str, float | None]]],
    *,
    title: str = "",
    seed: int | None = None,
) -> Figure:
    """Draw each variant's log, a list of {"epoch", "loss", "validation_macro_f1"} in order.

    A value that a log line lacks (None or no such key) is left out of its curve; a line without
    an epoch is an error. A loss is shown as percent of the variant's first one, since losses of
    different kinds have no axis in common. `seed`: the one whose curves these are, where there are
    several.
    """
    names = [name for name in recipe_order(list(curves)) if curves[name]]
    with rc_context(style_of([title, *names])):
        height = max(4.4, 1.3 + LINE * len(names)) if names else 1.4
        figure = new_figure(11.4, height)
        words = "Training" if seed is None else f"Training, seed {seed} only"
        heading(figure, plain(title), words)
        if not names:
            figure.text(
                0.012, 0.5, "No variant of this data set was trained in epochs.", fontsize=10
            )
            return figure
        note(
            figure,
            "Each variant trains on a loss of its own kind: only the shapes of the loss curves "
            "compare, not the losses.",
        )
        looks = {name: look_of(place) for place, name in enumerate(names)}
        for number, (key, label) in enumerate(PANELS):
            tall = min(height - 1.6, 4.6)
            axes = add_axes(figure, 0.65 + number * 3.95, height - 1.0 - tall, 3.2, tall)
            for name in names:
                _curve(axes, name, curves[name], key, looks[name])
            axes.set(xlabel="Epoch", ylabel=label)
            axes.set_xlim(left=0)
            axes.grid(color="#E8E8E8", linewidth=0.6)
        _name_list(figure, 8.25, looks)
    return figure


def look_of(place: int) -> tuple[str, str, str]:
    """Return colour, dashes and marker of the variant at a place of the list."""
    dash, mark = place // len(LINES), place // (len(LINES) * len(DASHES))
    return LINES[place % len(LINES)], DASHES[dash % len(DASHES)], MARKS[mark % len(MARKS)]


def points_of(
    name: str, log: Sequence[Mapping[str, float | None]], key: str
) -> list[tuple[float, float]]:
    """Return (epoch, percent) of a log's lines that have both: of the first loss, or of one."""
    points = []
    for number, line in enumerate(log):
        epoch, value = line.get("epoch"), line.get(key)
        if not isinstance(epoch, (int, float)):
            raise UserError(f"training log of {name}: line {number + 1} has no number 'epoch'")
        if value is not None:
            points.append((float(epoch), float(value)))
    whole = points[0][1] if key == "loss" and points else 1.0
    return [(epoch, 100 * value / whole) for epoch, value in points] if whole > 0 else []


def _curve(
    axes: Axes,
    name: str,
    log: Sequence[Mapping[str, float | None]],
    key: str,
    look: tuple[str, str, str],
) -> None:
    points = points_of(name, log, key)
    if points:
        xs, ys = zip(*points, strict=True)
        colour, dash, mark = look
        axes.plot(xs, ys, color=colour, ls=dash, lw=1.4, marker=mark, ms=2.8, clip_on=False)


def _name_list(figure: Figure, left: float, looks: Mapping[str, tuple[str, str, str]]) -> None:
    width, height = figure.get_size_inches()
    for row, (name, (colour, dash, mark)) in enumerate(looks.items()):
        text, size = fitted(figure, name, width - left - 0.55, 8.2)
        y = (height - 1.1 - LINE * row) / height
        ends = [left / width, (left + 0.32) / width]
        look: Any = {"color": colour, "transform": figure.transFigure}
        figure.add_artist(Line2D(ends, [y, y], ls=dash, lw=1.6, **look))
        figure.add_artist(Line2D([sum(ends) / 2], [y], ls="", marker=mark, ms=3.4, **look))
        figure.text((left + 0.42) / width, y, text, fontsize=size, va="center", color="#111111")
