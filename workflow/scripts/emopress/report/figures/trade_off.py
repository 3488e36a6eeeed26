"""The figure of the trade-off study: number and width of dense layers against the metric that decides."""

from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import mean, stdev
from typing import Any

import numpy as np

from emopress.measure.deciding import Metric
from emopress.measure.details import SPLITS, Trials, trade_off_of
from emopress.measure.pareto import TradeOff
from emopress.report.figures.looks import INK, LINES, REGION, SHAPES, SMALL, Spec
from emopress.report.figures.parts import (
    NUMBER,
    axis,
    dots,
    filled,
    given,
    key,
    log_ticks,
    mark,
    page,
    panels,
    rows,
    texts,
)
from emopress.report.figures.placement import place_labels
from emopress.report.figures.text import fitted, width

MARKERS = ("o", "^", "s", "D", "P", "v", "X", "p", "h")  # by depth, from no hidden layer on
PANEL, TALL = 290, 300  # pixels
RING = 380  # square pixels
NOTE = (
    "Means over {seeds} seeds, bars: one standard deviation. Best trade-off: models within one standard error of "
    "the best on validation; a ring marks the smallest."
)
ONE_SEED = "One seed: nothing tells what another would change, so no best trade-off is marked."


def trade_off_figure(trials: Mapping[str, Trials], metric: Metric, *, title: str) -> Spec:
    """Return what decides (percent) against size, on validation, where the choice is made, and on test.

    One mark per model, coloured by its number of hidden layers. The shaded region holds the models of
    the best trade-off.
    """
    best = trade_off_of(trials)
    depths = sorted({len(one.layers) for one in trials.values()})
    seeds = max(len(one.test) for one in trials.values())
    views = [
        _panel(trials, split, f"{metric.title} on {split}, %", best, depths) for split in SPLITS
    ]
    entries: list[dict[str, Any]] = [
        {"words": _depth(depth), **_look(depth, depths)} for depth in depths
    ]
    if best:
        entries.append({"words": "best trade-off: within one standard error", "box": REGION})
    note = NOTE.format(seeds=seeds) if best else ONE_SEED
    heading = f"Dense layers: {metric.name} against size"
    return page(heading, title, note, panels(views, 2, 20), key(entries))


def _panel(
    trials: Mapping[str, Trials],
    split: str,
    words: str,
    best: TradeOff | None,
    depths: Sequence[int],
) -> Spec:
    values: list[dict[str, Any]] = []
    for name, one in trials.items():
        scores = [100 * value for value in getattr(one, split)]
        middle, spread = mean(scores), stdev(scores) if len(scores) > 1 else 0.0
        ends = {
            "x": one.size_bytes * 1e-6,
            "y": middle,
            "low": middle - spread,
            "high": middle + spread,
        }
        look = _look(len(one.layers), depths)
        values.append({"variant": name, **ends, "bar": look["fill"], **look})
    sizes = [log(value["x"]) for value in values]
    room = max(0.1, 0.12 * (max(sizes) - min(sizes)))
    across = exp(min(sizes) - room), exp(max(sizes) + room)
    low, high = min(v["low"] for v in values), max(v["high"] for v in values)
    room = max(0.3, 0.12 * (high - low))
    up = max(0.0, low - room), min(100.0, high + room)
    x = axis(
        "x", "Size of the shipped files, MB (log scale)", *across, scale={"type": "log"},
        values=log_ticks(*across), labelExpr=NUMBER,
    )  # fmt: skip
    y = axis("y", words, *up, tickCount=6)
    bars = {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "stroke": given("bar")}
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 1.2}, "encoding": bars},
        dots({}, size=110),
    ]
    if best:
        inside = [value for value in values if value["variant"] in best.within]
        layers.insert(0, _region(inside, split, best, x, y, across, up))
        ring = [value for value in values if value["variant"] == best.smallest]
        layers.append(mark("point", ring, {}, stroke=INK, size=RING, opacity=1, strokeWidth=1.4))

    def place(at_x: float, at_y: float) -> tuple[float, float]:
        left, right = map(log, across)
        return PANEL * (log(at_x) - left) / (right - left), TALL * (up[1] - at_y) / (up[1] - up[0])

    layers.append(
        _names(
            values,
            [
                (place(v["x"], v["y"]), place(v["x"], v["low"]), place(v["x"], v["high"]))
                for v in values
            ],
        )
    )
    return {
        "width": PANEL,
        "height": TALL,
        **rows(values),
        "encoding": {"x": x, "y": y},
        "layer": layers,
    }


def _region(
    inside: Sequence[Mapping[str, Any]],
    split: str,
    best: TradeOff,
    x: Spec,
    y: Spec,
    across: tuple[float, float],
    up: tuple[float, float],
) -> Spec:
    """Return the region from the smallest to the largest of the models, from the floor or lowest up."""
    edge = 0.035 * (log(across[1]) - log(across[0]))
    rim = 0.035 * (up[1] - up[0])
    box = {
        "left": exp(min(log(v["x"]) for v in inside) - edge),
        "right": exp(max(log(v["x"]) for v in inside) + edge),
        "floor": 100 * best.floor if split == "validation" else min(v["y"] for v in inside) - rim,
        "top": max(v["y"] for v in inside) + rim,
    }
    sides = {"x": {**x, "field": "left"}, "x2": {"field": "right"}}
    ends = {"y": {**y, "field": "floor"}, "y2": {"field": "top"}}
    return mark("rect", [box], {**sides, **ends}, fill=REGION)


def _names(
    values: Sequence[Mapping[str, Any]], places: Sequence[Sequence[tuple[float, float]]]
) -> Spec:
    """Return the models' names where they cover nothing; `places`: of each mark and its bar's ends."""
    gap = 13.0
    fits = [fitted(value["variant"], 130, SMALL) for value in values]
    sizes = np.array([(width(text, size) + 3, size + 2) for text, size in fits])
    bars = [(x - 3, top, x + 3, bottom) for (x, _), (_, bottom), (_, top) in places]
    points = np.array([point for point, *_ in places])
    bounds = (2.0, 2.0, PANEL - 2.0, TALL - 2.0)
    centres = place_labels(points, sizes, bounds, gap=gap, obstacles=bars)
    words = [
        {"x": round(float(x), 1), "y": round(float(y), 1), "text": text, "size": size}
        for (x, y), (text, size) in zip(centres, fits, strict=True)
    ]
    return texts(words, align="center")


def _look(depth: int, depths: Sequence[int]) -> dict[str, str]:
    place = depths.index(depth)
    return filled(LINES[place % len(LINES)], SHAPES[MARKERS[place % len(MARKERS)]])


def _depth(layers: int) -> str:
    return {0: "no hidden layer", 1: "1 hidden layer"}.get(layers, f"{layers} hidden layers")
