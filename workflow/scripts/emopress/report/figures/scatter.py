"""The figure that the study is for: the metric that decides against size or latency, with the Pareto front."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.pareto import front_steps, pareto_front
from emopress.report.figures.marks import LINE, dot, interval_bar, legend, legend_height, name_list
from emopress.report.figures.placement import place_labels
from emopress.report.figures.style import (
    GREY,
    add_axes,
    fitted,
    heading,
    looks_of,
    new_figure,
    plain,
    style_of,
)

COSTS = {
    "size": ("size_bytes", 1e-6, "Size of the shipped files, MB (log scale)"),
    "latency": ("latency_ms_p50", 1.0, "Median latency of one text, ms (log scale)"),
}
MAX_NAMES = 8  # above this number of variants the points are numbered and named beside the plot
PLOT = (5.9, 4.1, 6.5)  # inches: width, least and greatest height


def pareto_figure(
    table: pd.DataFrame,
    x: str,
    *,
    title: str,
    sorts: Mapping[str, str] | None = None,
    by_seed: Mapping[str, Sequence[float]] | None = None,
    half_width: float | None = None,
    n_test: int | None = None,
) -> Figure:
    """Draw what decides (percent) against a cost on a log axis, one point per variant (seeds' mean).

    `table`: one dataset's rows of the summary, indexed by variant; `x` is `size` or `latency`;
    `sorts` gives what colours a variant (its family where absent). Small faint points are the
    scores of single seeds (`by_seed`), the dashed line is the Pareto front, hollow points are
    simulated variants. `half_width` (a fraction) of a 95 % interval on `n_test` texts adds a bar.
    """
    if x not in COSTS:
        raise UserError(f"figure: x is {x!r}; allowed: {', '.join(COSTS)}")
    column, unit, axis_label = COSTS[x]
    metric = judge_of(table).metric
    names = [str(name) for name in table.index]
    xs, ys = (table[column] * unit).tolist(), (table[metric.column] * 100).tolist()
    sort_of = [(sorts or {}).get(name, str(table.loc[name, "family"])) for name in names]
    simulated = [str(cell).lower() == "true" for cell in table["simulated"]]
    looks = looks_of(sort_of)
    single = [
        (at_x, 100 * float(score), looks[sort])
        for name, at_x, sort in zip(names, xs, sort_of, strict=True)
        for score in _several((by_seed or {}).get(name, []))
    ]
    numbered = len(names) > MAX_NAMES
    with rc_context(style_of([title, *names])):
        handles = _handles(list(dict.fromkeys(looks.values())), any(simulated), bool(single))
        list_height = LINE * (len(names) + 1) if numbered else 0.0
        tall = min(max(PLOT[1], list_height), PLOT[2])
        height = max(tall + 1.32 + legend_height(len(handles)), list_height + 1.0)
        figure = new_figure(10.2 if numbered else 8.6, height)
        width = PLOT[0] if numbered else 7.3
        axes = add_axes(figure, 0.7, height - 0.85 - tall, width, tall)
        heights = np.array([*ys, *(y for _, y, _ in single)])
        _scale(axes, np.array(xs), heights)
        for at_x, at_y, (colour, marker, _) in single:
            style: Any = {"marker": marker, "markersize": 3.4, "markeredgewidth": 0, "alpha": 0.4}
            axes.plot([at_x], [at_y], color=colour, ls="", **style)
        for at_x, at_y, sort, hollow in zip(xs, ys, sort_of, simulated, strict=True):
            colour, marker, _ = looks[sort]
            axes.add_line(dot(colour, marker, hollow, at_x, at_y))
        steps = front_steps(xs, ys)
        front = ([*steps[0], axes.get_xlim()[1]], [*steps[1], steps[1][-1]])
        axes.plot(*front, c=GREY, lw=1.1, ls="--", zorder=1)
        axes.set_xlabel(axis_label, labelpad=6)
        axes.set_ylabel(f"{metric.title} on the test split, %")
        axes.grid(color="#E8E8E8", linewidth=0.6)
        heading(figure, plain(title), f"{metric.title} against {x}")
        if half_width and n_test:
            interval_bar(axes, max(ys), 100 * half_width, n_test)
        optimal = pareto_front(xs, ys)
        texts = [str(number) for number in range(1, len(names) + 1)] if numbered else names
        dots = np.array([(at_x, at_y) for at_x, at_y, _ in single] or [(xs[0], ys[0])])
        _label_points(axes, np.column_stack([xs, ys]), texts, optimal, front, dots)
        if numbered:
            marks = [
                (*looks[sort][:2], hollow) for sort, hollow in zip(sort_of, simulated, strict=True)
            ]
            name_list(figure, 0.7 + PLOT[0] + 0.55, names, marks, optimal)
        legend(figure, handles, height - tall - 1.32)
    return figure


def _several(scores: Sequence[float]) -> Sequence[float]:
    """Return the scores of the seeds, none if there is one seed: that is the mean itself."""
    return scores if len(scores) > 1 else []


def _handles(looks: Sequence[tuple[str, str, str]], simulated: bool, seeds: bool) -> list[Line2D]:
    """Return the entries of the legend: the looks that occur, and what else there is to explain."""
    handles = [dot(colour, marker, False, label=words) for colour, marker, words in looks]
    handles.append(Line2D([], [], color=GREY, lw=1.1, ls="--", label="Pareto front"))
    if simulated:
        handles.append(dot(GREY, "o", True, label="hollow: simulated"))
    if seeds:
        seed = Line2D([], [], marker="o", color=GREY, ls="", ms=3.4, mew=0, alpha=0.5)
        seed.set_label("small: one seed")
        handles.append(seed)
    return handles


def log_ticks(axes: Axes, xs: np.ndarray) -> None:
    """Make x logarithmic with room around the points, and ticks in plain numbers (0.5, 1, 2, ...)."""
    axes.set_xscale("log")
    low, high = np.log10(xs.min()), np.log10(xs.max())
    pad = max(0.1, 0.07 * (high - low))
    axes.set_xlim(10 ** (low - pad), 10 ** (high + pad))
    subs = (1.0, 2.0, 5.0) if high - low + 2 * pad < 3.2 else (1.0, 3.0)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=40))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _scale(axes: Axes, xs: np.ndarray, ys: np.ndarray) -> None:
    """Set the limits with room around the points, and the ticks of x."""
    log_ticks(axes, xs)
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
    figure: Any = axes.figure
    renderer = figure.canvas.get_renderer()
    ground: Any = {"boxstyle": "square,pad=0.02", "fc": "white", "ec": "none", "alpha": 0.7}
    labels = []
    for text, best in zip(texts, optimal, strict=True):
        weight = "bold" if best else "normal"
        words, size = fitted(figure, text, 3.2, 8.0, weight=weight)
        labels.append(axes.text(0, 0, words, fontsize=size, fontweight=weight))
    for label in labels:
        label.set(ha="center", va="center", color="#111111", zorder=3.5, bbox=ground)
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
