"""The figure of the trade-off study: number and width of dense layers against the metric that decides."""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from emopress.measure.deciding import Metric
from emopress.measure.details import SPLITS, Trials, trade_off_of
from emopress.measure.pareto import TradeOff
from emopress.report.figures.looks import INK, LINES, REGION, SHAPES, Spec
from emopress.report.figures.parts import filled, key, mark, page, panels
from emopress.report.figures.scatter import Frame, frame_of, framed, labels

MARKERS = ("o", "^", "s", "D", "P", "v", "X", "p", "h")  # by depth, from no hidden layer on
PANEL, TALL = 290, 300  # pixels
RING = 380  # square pixels
NOTE = (
    "Means over {seeds} seeds, bars: one standard deviation. Best trade-off: models within one standard error of "
    "the best on validation; a ring marks the smallest."
)
ONE_SEED = "One seed: it is not known what another would change, so no best trade-off is marked."


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
    points: list[dict[str, Any]] = []
    for name, one in trials.items():
        scores = [100 * value for value in getattr(one, split)]
        y, spread = mean(scores), stdev(scores) if len(scores) > 1 else 0.0
        ends = {"y": y, "low": y - spread, "high": y + spread}
        look = _look(len(one.layers), depths)
        points.append(
            {"variant": name, "x": one.size_bytes * 1e-6, **ends, "bar": look["fill"], **look}
        )
    frame = frame_of(points, PANEL, TALL)
    plot = framed(frame, points, ("Size of the shipped files, MB (log scale)", words))
    if best:
        inside = [point for point in points if point["variant"] in best.within]
        floor = 100 * best.floor if split == "validation" else None
        plot["layer"].insert(0, _region(inside, floor, frame, **plot["encoding"]))
        ring = [point for point in points if point["variant"] == best.smallest]
        circle: Spec = {"stroke": INK, "size": RING, "opacity": 1, "strokeWidth": 1.4}
        plot["layer"].append(mark("point", ring, {}, **circle))
    names = [point["variant"] for point in points]
    plot["layer"] += labels(frame, points, range(len(names)), names, [False] * len(names), [])
    return plot


def _region(
    inside: Sequence[Mapping[str, Any]], floor: float | None, frame: Frame, x: Spec, y: Spec
) -> Spec:
    """Return the region from the smallest to the largest of the models, from the floor or lowest up."""
    edge = (frame.across[1] / frame.across[0]) ** 0.035
    rim = 0.035 * (frame.up[1] - frame.up[0])
    box = {
        "left": min(point["x"] for point in inside) / edge,
        "right": max(point["x"] for point in inside) * edge,
        "floor": min(point["y"] for point in inside) - rim if floor is None else floor,
        "top": max(point["y"] for point in inside) + rim,
    }
    sides = {"x": {**x, "field": "left"}, "x2": {"field": "right"}}
    ends = {"y": {**y, "field": "floor"}, "y2": {"field": "top"}}
    return mark("rect", [box], {**sides, **ends}, fill=REGION)


def _look(depth: int, depths: Sequence[int]) -> dict[str, str]:
    place = depths.index(depth)
    return filled(LINES[place % len(LINES)], SHAPES[MARKERS[place % len(MARKERS)]])


def _depth(layers: int) -> str:
    return {0: "no hidden layer", 1: "1 hidden layer"}.get(layers, f"{layers} hidden layers")
