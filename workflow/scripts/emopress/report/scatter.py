"""The figure that the study is for: accuracy against size or latency, with the Pareto front."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from emopress.errors import UserError
from emopress.report.marks import LINE, dot, interval_bar, legend, legend_height, name_list
from emopress.report.pareto import front_steps, pareto_front
from emopress.report.placement import place_labels
from emopress.report.results import half_width, per_variant, yardstick
from emopress.report.style import GREY, STYLE, add_axes, heading, looks_of, new_figure, plain

COSTS = {
    "size": ("size_bytes", 1e-6, "Size of the shipped files, MB (log scale)"),
    "latency": ("latency_ms_p50", 1.0, "Median latency of one text, ms (log scale)"),
}
MAX_NAMES = 8  # above this number of variants the points are numbered and named beside the plot
PLOT = (5.9, 4.1, 6.5)  # inches: width, least and greatest height


def pareto_figure(
    summary: pd.DataFrame,
    dataset: str,
    x: str,
    *,
    title: str | None = None,
    sorts: Mapping[str, str] | None = None,
    n_test: int | None = None,
) -> Figure:
    """Draw accuracy (percent) against a cost on a log axis, one point per variant (seeds' mean).

    `x` is `size` or `latency`; `sorts` gives what colours a variant (its family where absent).
    Small faint points are single seeds, the dashed line is the Pareto front, hollow points are
    simulated variants. `n_test` adds a bar as long as the yardstick's 95 % interval.
    """
    if x not in COSTS:
        raise UserError(f"figure: x is {x!r}; allowed: {', '.join(COSTS)}")
    column, unit, axis_label = COSTS[x]
    table = per_variant(summary, dataset)
    names = [str(name) for name in table.index]
    xs, ys = (table[column] * unit).tolist(), (table["accuracy"] * 100).tolist()
    sort_of = [(sorts or {}).get(name, table.loc[name, "family"]) for name in names]
    looks = looks_of(sort_of)
    seeds = summary[summary["dataset"] == dataset]
    numbered = len(names) > MAX_NAMES
    with rc_context(STYLE):
        handles = _handles(list(dict.fromkeys(looks.values())), table)
        list_height = LINE * (len(names) + 1) if numbered else 0.0
        tall = min(max(PLOT[1], list_height), PLOT[2])
        height = max(tall + 1.32 + legend_height(len(handles)), list_height + 1.0)
        figure = new_figure(10.2 if numbered else 8.6, height)
        width = PLOT[0] if numbered else 7.3
        axes = add_axes(figure, 0.7, height - 0.85 - tall, width, tall)
        _scale(axes, seeds[column].to_numpy(float) * unit, seeds["accuracy"].to_numpy(float) * 100)
        for name, at_x, at_y, sort in zip(names, xs, ys, sort_of, strict=True):
            colour, marker, _ = looks[sort]
            own = seeds[seeds["variant"] == name]
            if len(own) > 1:
                style: Any = {
                    "marker": marker,
                    "markersize": 3.4,
                    "markeredgewidth": 0,
                    "alpha": 0.4,
                }
                axes.plot(own[column] * unit, own["accuracy"] * 100, color=colour, ls="", **style)
            axes.add_line(dot(colour, marker, bool(table.loc[name, "simulated"]), at_x, at_y))
        steps = front_steps(xs, ys)
        front = ([*steps[0], axes.get_xlim()[1]], [*steps[1], steps[1][-1]])
        axes.plot(*front, c=GREY, lw=1.1, ls="--", zorder=1)
        axes.set_xlabel(axis_label, labelpad=6)
        axes.set_ylabel("Accuracy on the test split, %")
        axes.grid(color="#E8E8E8", linewidth=0.6)
        heading(figure, plain(title or dataset), f"Accuracy against {x}")
        if n_test:
            half = 100 * half_width(yardstick(table)[1], n_test)
            interval_bar(axes, max(ys), half, n_test)
        optimal = pareto_front(xs, ys)
        texts = [str(number) for number in range(1, len(names) + 1)] if numbered else names
        dots = np.column_stack([seeds[column] * unit, seeds["accuracy"] * 100])
        _label_points(axes, np.column_stack([xs, ys]), texts, optimal, front, dots)
        if numbered:
            marks = [
                (*looks[sort][:2], bool(table.loc[n, "simulated"]))
                for n, sort in zip(names, sort_of, strict=True)
            ]
            name_list(figure, 0.7 + PLOT[0] + 0.55, names, marks, optimal)
        legend(figure, handles, height - tall - 1.32)
    return figure


def _handles(looks: Sequence[tuple[str, str, str]], table: pd.DataFrame) -> list[Line2D]:
    """Return the entries of the legend: the looks that occur, and what else there is to explain."""
    handles = [dot(colour, marker, False, label=words) for colour, marker, words in looks]
    handles.append(Line2D([], [], color=GREY, lw=1.1, ls="--", label="Pareto front"))
    if table["simulated"].any():
        handles.append(dot(GREY, "o", True, label="hollow: simulated"))
    if (table["seeds"] > 1).any():
        seed = Line2D([], [], marker="o", color=GREY, ls="", ms=3.4, mew=0, alpha=0.5)
        seed.set_label("small: one seed")
        handles.append(seed)
    return handles


def _scale(axes: Axes, xs: np.ndarray, ys: np.ndarray) -> None:
    """Set the limits with room around the points, and ticks in plain numbers (0.5, 1, 2, ...)."""
    axes.set_xscale("log")
    low, high = np.log10(xs.min()), np.log10(xs.max())
    pad = max(0.1, 0.07 * (high - low))
    axes.set_xlim(10 ** (low - pad), 10 ** (high + pad))
    subs = (1.0, 2.0, 5.0) if high - low + 2 * pad < 3.2 else (1.0, 3.0)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=40))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    pad = max(0.5, 0.1 * (ys.max() - ys.min()))
    axes.set_ylim(ys.min() - pad, ys.max() + pad)


def _label_points(
    axes: Axes,
    points: np.ndarray,
    texts: Sequence[str],
    optimal: Sequence[bool],
    front: tuple[list[float], list[float]],
    dots: np.ndarray,
) -> None:
    """Write each point's label where it covers nothing, with a thin line to its point if far."""
    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    labels = [
        axes.text(0, 0, plain(text), fontsize=8, fontweight="bold" if best else "normal")
        for text, best in zip(texts, optimal, strict=True)
    ]
    for label in labels:
        label.set(ha="center", va="center", color="#111111", zorder=5)
        label.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
    boxes = [label.get_window_extent(renderer) for label in labels]
    sizes = np.array([[box.width, box.height] for box in boxes])
    pixels, dots = axes.transData.transform(points), axes.transData.transform(dots)
    corners = axes.transData.transform(np.column_stack(front))
    gap = 7.5 * figure.dpi / 72  # a little more than a marker's radius
    lines = [
        (*(np.minimum(a, b) - 0.4 * gap), *(np.maximum(a, b) + 0.4 * gap))
        for a, b in itertools.pairwise(corners)
    ]
    small = [(x - gap / 3, y - gap / 3, x + gap / 3, y + gap / 3) for x, y in dots]
    window = axes.get_window_extent(renderer)
    bounds = (window.x0 + 2, window.y0 + 2, window.x1 - 2, window.y1 - 2)
    centres = place_labels(pixels, sizes, bounds, gap=gap, obstacles=lines + small)
    back = axes.transData.inverted()
    for label, centre, size, point in zip(labels, centres, sizes, pixels, strict=True):
        label.set_position(tuple(back.transform(centre)))
        near = np.clip(point, centre - size / 2, centre + size / 2)
        if np.hypot(*(near - point)) > 1.3 * gap:
            ends = back.transform(np.array([point, near]))
            axes.plot(ends[:, 0], ends[:, 1], color="#999999", lw=0.6, zorder=3)
