"""Reliability: how often a variant is right when it says how sure it is, as small multiples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emopress.measure.deciding import judge_of
from emopress.measure.exact import FEW_IN_CELL
from emopress.report.figures.highlights import highlighted
from emopress.report.figures.style import (
    GREY,
    add_axes,
    heading,
    new_figure,
    note,
    plain,
    style_of,
    wrapped,
)

PANELS = 8
COLUMNS = 4
SIDE = 1.85  # inches
STEP = (2.35, 2.75)  # inches from panel to panel, across and down


def reliability_figure(
    table: pd.DataFrame, statistics: Mapping[str, Any], *, title: str, limit: int = PANELS
) -> Figure:
    """Draw accuracy against confidence per bin for the models without passes and the size front.

    `statistics`: the data set's statistics file. A bar's height is the share of right answers in
    its bin, a dot stands at the bin's mean confidence; the strip below the axis holds the texts.
    """
    names = [n for n in highlighted(table, limit) if statistics["variants"][n]["reliability"]]
    columns = min(COLUMNS, max(1, len(names)))
    rows = -(-len(names) // columns)
    with rc_context(style_of([title, *names])):
        figure = new_figure(max(6.9, 0.7 + columns * STEP[0]), 1.2 + rows * STEP[1])
        height = figure.get_size_inches()[1]
        heading(figure, plain(title), "Reliability")
        note(
            figure,
            "Bars: share of right answers per bin of confidence, on the diagonal where calibrated; "
            f"faint, with their number: bins of fewer than {FEW_IN_CELL} answers; grey, below: share of texts. "
            "ECE: expected calibration error. Models without passes "
            f"and the front of {judge_of(table).metric.name} against size.",
        )
        for index, name in enumerate(names):
            row, column = divmod(index, columns)
            bottom = height - 1.55 - SIDE - row * STEP[1]
            axes = add_axes(figure, 0.65 + column * STEP[0], bottom, SIDE, SIDE)
            entry = statistics["variants"][name]
            _panel(axes, entry["reliability"])
            text, size = wrapped(figure, name, SIDE + 0.3, 8.2)
            axes.set_title(text, fontsize=size, loc="left", pad=16, linespacing=1.05)
            axes.text(
                0,
                1.04,
                f"ECE {100 * entry['ece']:.1f} points",
                transform=axes.transAxes,
                fontsize=8,
                color=GREY,
            )
            if column == 0:
                axes.set_ylabel("Right, %", fontsize=8)
            if index + columns >= len(names):
                axes.set_xlabel("Confidence, %", fontsize=8, labelpad=2)
    return figure


def _panel(axes: Axes, bins: Mapping[str, Any]) -> None:
    low, high, right, confidence, count = (
        np.asarray(bins[key], dtype=float)
        for key in ("low", "high", "accuracy", "confidence", "count")
    )
    axes.plot([0, 100], [0, 100], color="#999999", lw=0.8, ls="--")
    few = count < FEW_IN_CELL
    for which, bar, dot in ((~few, "#CBDFEC", "#0072B2"), (few, "#F1F6FA", "#B9CFDF")):
        axes.bar(
            100 * low[which],
            100 * right[which],
            width=100 * (high - low)[which],
            align="edge",
            color=bar,
            edgecolor="white",
            linewidth=0.6,
            zorder=0.5,
        )
        axes.plot(100 * confidence[which], 100 * right[which], color=dot, ls="", marker="o", ms=3.4)
    for left, end, height, texts in zip(low[few], high[few], right[few], count[few], strict=True):
        axes.text(
            50 * (left + end),
            min(100 * height + 3, 94),
            f"{texts:g}",
            fontsize=5.5,
            color=GREY,
            ha="center",
            va="bottom",
        )
    strip = 16 * count / max(1.0, count.sum())
    axes.bar(
        100 * low, -strip, width=100 * (high - low), align="edge", color="#999999", linewidth=0
    )
    axes.axhline(0, color="#666666", lw=0.6)
    axes.set(xlim=(0, 100), ylim=(-16, 103))
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.tick_params(labelsize=7.5, length=2)
    axes.grid(color="#EEEEEE", linewidth=0.5)
