"""The metric that decides against the share of noise in the texts, one line per variant, a few of them named."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emopress.measure.deciding import judge_of
from emopress.report.figures.highlights import highlighted
from emopress.report.figures.spread import spread, within
from emopress.report.figures.style import (
    LINES,
    add_axes,
    heading,
    new_figure,
    note,
    plain,
    style_of,
    wrapped,
)

NAMED = 9  # variants that are coloured and named
ROOM = 2.9  # inches for the names right of the plot
WIDTH = 5.0
STEP = 0.30  # inches between two names
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h")
COLOURS = ("#000000", *LINES[:-1], "#7F2704", "#882255")


def noise_figure(
    table: pd.DataFrame, statistics: Mapping[str, Any], *, title: str, limit: int = NAMED
) -> Figure:
    """Draw what decides (percent), of each variant, against the share of noise (percent of characters).

    `statistics`: the data set's statistics file. The models without passes and the variants of the
    size front are coloured and named at their lines' ends, all others are thin and grey.
    """
    metric = judge_of(table).metric
    names = [str(name) for name in table.index if statistics["variants"][name]["noise"]]
    named = [name for name in highlighted(table, limit) if name in names]
    with rc_context(style_of([title, *names])):
        tall = max(3.9, STEP * len(named) + 0.2)
        figure = new_figure(0.75 + WIDTH + 0.45 + ROOM, tall + 1.65)
        heading(figure, plain(title), f"{metric.title} on noisy texts")
        grey = len(names) - len(named)
        note(
            figure,
            f"Named: models without passes and the front of {metric.name} against size"
            + (f"; grey: {grey} other variant{'s' * (grey > 1)}." if grey else "."),
        )
        axes = add_axes(figure, 0.75, 0.55, WIDTH, tall)
        ends: list[tuple[str, float, dict[str, Any]]] = []
        for name in [n for n in names if n not in named] + named:
            points = statistics["variants"][name]["noise"]
            xs = [100 * float(point["noise"]) for point in points]
            ys = [100 * float(point[metric.column]) for point in points]
            if name not in named:
                axes.plot(xs, ys, color="#CCCCCC", lw=0.8, zorder=1)
                continue
            rank = named.index(name)
            colour, marker = COLOURS[rank % len(COLOURS)], MARKERS[rank % len(MARKERS)]
            width = 2.0 if "+" not in name else 1.4
            look: dict[str, Any] = {"color": colour, "marker": marker}
            axes.plot(xs, ys, ms=4.5, lw=width, zorder=3, clip_on=False, **look)
            ends.append((name, ys[-1], look))
        shares = [100 * float(share) for share in statistics["noise"]]
        axes.set_xticks(shares, [f"{share:g}" for share in shares])
        axes.set_xlim(min(shares), max(shares) * 1.02)
        axes.set(xlabel="Characters changed, %", ylabel=f"{metric.title} on the test split, %")
        axes.grid(color="#E8E8E8", linewidth=0.6)
        _name_ends(figure, axes, ends, tall)
    return figure


def _name_ends(
    figure: Figure, axes: Axes, ends: Sequence[tuple[str, float, dict[str, Any]]], tall: float
) -> None:
    """Write each name right of the plot at its line's end, as far apart as the names need."""
    low, high = axes.get_ylim()
    last = axes.get_xlim()[1] / 1.02
    ends = sorted(ends, key=lambda end: end[1])
    wished = [tall * (y - low) / (high - low) for _, y, _ in ends]
    across, height = figure.transFigure, figure.get_size_inches()[1]
    gaps = [STEP] * (len(ends) - 1)
    places = within(spread(wished, gaps), gaps, 0.0, tall)
    width = figure.get_size_inches()[0]
    for (name, y, look), place in zip(ends, places, strict=True):
        text, size = wrapped(figure, name, ROOM - 0.1, 8.0)
        left = 0.75 + WIDTH + 0.34
        row = (0.55 + place) / height
        start = across.inverted().transform(axes.transData.transform((last, y)))
        line: dict[str, Any] = {"transform": across, "color": look["color"], "clip_on": False}
        figure.add_artist(Line2D([start[0], left / width], [start[1], row], lw=0.6, **line))
        figure.add_artist(
            Line2D([left / width], [row], ls="", marker=look["marker"], ms=4.5, **line)
        )
        where = ((left + 0.1) / width, row)
        figure.text(*where, text, fontsize=size, color="#111111", va="center", linespacing=1.05)
