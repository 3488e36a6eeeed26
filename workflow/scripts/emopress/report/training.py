"""The training curves of a data set's variants: loss and validation macro F1 against epochs."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emopress.errors import UserError
from emopress.report.results import recipe_order
from emopress.report.style import LINES, STYLE, add_axes, heading, new_figure, plain

PANELS = (("loss", "Training loss", 1.0), ("validation_macro_f1", "Validation macro F1, %", 100.0))
DASHES = ("-", "--", ":", "-.")
LINE = 0.185  # inches between two names of the list


def training_figure(
    curves: Mapping[str, Sequence[Mapping[str, float | None]]],
    *,
    title: str = "",
    seed: int | None = None,
) -> Figure:
    """Draw each variant's log, a list of {"epoch", "loss", "validation_macro_f1"} in order.

    A value that a log line lacks (None or no such key) is left out of its curve; a line without
    an epoch is an error. `seed`: the one whose curves these are, where there are several.
    """
    names = [name for name in recipe_order(list(curves)) if curves[name]]
    with rc_context(STYLE):
        height = max(4.2, 1.2 + LINE * len(names))
        figure = new_figure(11.0, height)
        words = "Training" if seed is None else f"Training, seed {seed} only"
        heading(figure, plain(title), words)
        if not names:
            figure.text(
                0.012, 0.5, "No variant of this data set was trained in epochs.", fontsize=10
            )
            return figure
        looks = {
            name: (LINES[i % len(LINES)], DASHES[i // len(LINES) % len(DASHES)])
            for i, name in enumerate(names)
        }
        for number, (key, label, scale) in enumerate(PANELS):
            axes = add_axes(figure, 0.65 + number * 3.95, height - 3.6, 3.2, 2.75)
            for name in names:
                _curve(axes, name, curves[name], key, scale, looks[name])
            axes.set(xlabel="Epoch", ylabel=label)
            axes.set_xlim(left=0)
            axes.grid(color="#E8E8E8", linewidth=0.6)
        _name_list(figure, 8.25, looks)
    return figure


def _curve(
    axes: Axes,
    name: str,
    log: Sequence[Mapping[str, float | None]],
    key: str,
    scale: float,
    look: tuple[str, str],
) -> None:
    for number, line in enumerate(log):
        if not isinstance(line.get("epoch"), (int, float)):
            raise UserError(f"training log of {name}: line {number + 1} has no number 'epoch'")
    points = [(line["epoch"], line.get(key)) for line in log]
    kept = [
        (epoch, scale * value) for epoch, value in points if epoch is not None and value is not None
    ]
    if kept:
        xs, ys = zip(*kept, strict=True)
        axes.plot(xs, ys, color=look[0], ls=look[1], lw=1.4, marker="o", ms=2.5, clip_on=False)


def _name_list(figure: Figure, left: float, looks: Mapping[str, tuple[str, str]]) -> None:
    width, height = figure.get_size_inches()
    room = 72 * (width - left - 0.55)
    size = min(8.2, room / (0.62 * max(len(name) for name in looks)))
    for row, (name, (colour, dash)) in enumerate(looks.items()):
        y = (height - 0.95 - LINE * row) / height
        ends = [left / width, (left + 0.32) / width]
        figure.add_artist(
            Line2D(ends, [y, y], color=colour, ls=dash, lw=1.6, transform=figure.transFigure)
        )
        figure.text(
            (left + 0.42) / width, y, plain(name), fontsize=size, va="center", color="#111111"
        )
