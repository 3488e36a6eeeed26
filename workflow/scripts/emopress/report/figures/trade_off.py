"""The figure of the trade-off study: number and width of dense layers against the metric that decides."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from emopress.measure.deciding import Metric
from emopress.measure.details import SPLITS, Trials, trade_off_of
from emopress.measure.pareto import TradeOff
from emopress.report.figures.marks import dot
from emopress.report.figures.placement import place_labels
from emopress.report.figures.scatter import log_ticks
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

MARKERS = ("o", "^", "s", "D", "P", "v", "X", "p", "h")  # by depth, from no hidden layer on
REGION = "#DCEFE6"
PANEL, TALL = 4.3, 3.6  # inches
NARROW = 4.0  # largest by smallest size up to which the ticks are evenly spaced numbers
NOTE = (
    "Means over {seeds} seeds, bars: one standard deviation. Best trade-off: models within one standard error of "
    "the best on validation; a ring marks the smallest."
)
ONE_SEED = "One seed: nothing tells what another would change, so no best trade-off is marked."


def trade_off_figure(trials: Mapping[str, Trials], metric: Metric, *, title: str) -> Figure:
    """Draw what decides (percent) against size, on validation, where the choice is made, and on test.

    One mark per model, coloured by its number of hidden layers. The shaded region holds the models of
    the best trade-off.
    """
    found = trade_off_of(trials)
    depths = sorted({len(one.layers) for one in trials.values()})
    with rc_context(style_of([title, *trials])):
        figure = new_figure(2 * PANEL + 1.75, TALL + 2.15)
        heading(figure, plain(title), f"Dense layers: {metric.name} against size")
        seeds = max(len(one.test) for one in trials.values())
        note(figure, NOTE.format(seeds=seeds) if found else ONE_SEED)
        for place, (split, words) in enumerate(
            (split, f"{metric.title} on {split}, %") for split in SPLITS
        ):
            axes = add_axes(figure, 0.7 + place * (PANEL + 0.75), 0.98, PANEL, TALL)
            _panel(axes, trials, split, found, depths)
            axes.set_ylabel(words)
        handles: list[Any] = [
            dot(*_look(depth, depths), False, label=_depth(depth)) for depth in depths
        ]
        if found:
            handles.append(
                Patch(facecolor=REGION, label="best trade-off: within one standard error")
            )
        _legend(figure, handles)
    return figure


def _panel(
    axes: Axes,
    trials: Mapping[str, Trials],
    split: str,
    found: TradeOff | None,
    depths: Sequence[int],
) -> None:
    sizes = np.array([one.size_bytes for one in trials.values()]) * 1e-6
    scores = [[100 * value for value in getattr(one, split)] for one in trials.values()]
    means = np.array([mean(values) for values in scores])
    spreads = np.array([stdev(values) if len(values) > 1 else 0.0 for values in scores])
    log_ticks(axes, sizes)
    if sizes.max() < NARROW * sizes.min():  # fewer than two of the log axis' own ticks
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    low, high = (means - spreads).min(), (means + spreads).max()
    pad = max(0.3, 0.12 * (high - low))
    axes.set_ylim(low - pad, high + pad)
    for (name, one), x, y, spread in zip(trials.items(), sizes, means, spreads, strict=True):
        colour, marker = _look(len(one.layers), depths)
        axes.errorbar([x], [y], yerr=[spread], color=colour, lw=1, capsize=2.5, zorder=3)
        axes.add_line(dot(colour, marker, False, float(x), float(y)))
        if found and name == found.smallest:
            ring: dict[str, Any] = {"ms": 15, "mfc": "none", "mec": "#111111", "mew": 1.3}
            axes.plot([x], [y], "o", zorder=3.5, **ring)
    if found:
        _shade(axes, trials, sizes, means, found, split)
    axes.set_xlabel("Size of the shipped files, MB (log scale)")
    axes.grid(color="#E8E8E8", linewidth=0.6)
    _names(axes, list(trials), sizes, means, spreads)


def _shade(
    axes: Axes,
    trials: Mapping[str, Trials],
    sizes: np.ndarray,
    means: np.ndarray,
    found: TradeOff,
    split: str,
) -> None:
    """Shade the region from the smallest to the largest of the models, from the floor or lowest up."""
    inside = [place for place, name in enumerate(trials) if name in found.within]
    across = np.log10(axes.get_xlim())
    edge = 0.035 * (across[1] - across[0])
    low, high = axes.get_ylim()
    rim = 0.035 * (high - low)
    left = 10 ** (np.log10(sizes[inside].min()) - edge)
    right = 10 ** (np.log10(sizes[inside].max()) + edge)
    bottom = 100 * found.floor if split == "validation" else means[inside].min() - rim
    top = means[inside].max() + rim
    box = [left, right, right, left], [bottom, bottom, top, top]
    axes.fill(*box, color=REGION, lw=0, zorder=0.5)


def _names(
    axes: Axes, names: Sequence[str], xs: np.ndarray, ys: np.ndarray, spreads: np.ndarray
) -> None:
    figure: Any = axes.figure
    labels = []
    for name in names:
        text, size = fitted(figure, name, 1.3, 8.0)
        labels.append(axes.text(0, 0, text, fontsize=size, ha="center", va="center", zorder=5))
    renderer = figure.canvas.get_renderer()
    boxes = [label.get_window_extent(renderer) for label in labels]
    gap = 11 * figure.dpi / 72
    low, high = (
        axes.transData.transform(np.column_stack([xs, ys + sign * spreads])) for sign in (-1, 1)
    )
    bars = [
        (x - gap / 3, bottom, x + gap / 3, top)
        for (x, bottom), (_, top) in zip(low, high, strict=True)
    ]
    window = axes.get_window_extent(renderer)
    centres = place_labels(
        axes.transData.transform(np.column_stack([xs, ys])),
        np.array([[box.width, box.height] for box in boxes]),
        (window.x0 + 2, window.y0 + 2, window.x1 - 2, window.y1 - 2),
        gap=gap,
        obstacles=bars,
    )
    back = axes.transData.inverted()
    for label, centre in zip(labels, centres, strict=True):
        label.set_position(tuple(back.transform(centre)))


def _look(depth: int, depths: Sequence[int]) -> tuple[str, str]:
    place = depths.index(depth)
    return LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]


def _depth(layers: int) -> str:
    return {0: "no hidden layer", 1: "1 hidden layer"}.get(layers, f"{layers} hidden layers")


def _legend(figure: Figure, handles: Sequence[Any]) -> None:
    width, height = figure.get_size_inches()
    figure.legend(
        handles=list(handles),
        loc="lower left",
        bbox_to_anchor=(0.55 / width, 0.08 / height),
        ncols=5,
        frameon=False,
        fontsize=8.2,
        handletextpad=0.4,
        columnspacing=1.5,
        borderaxespad=0,
    ).set_zorder(6)
