"""Lines per variant: the score against noise in the texts, and loss and score against epochs of training.

Variants train on losses of different kinds (cross-entropy, distillation, hidden states), whose
heights say nothing about each other. Each loss curve is therefore divided by its own first value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.results import recipe_order
from emopress.report.figures.costs import highlighted
from emopress.report.figures.fitting import wrapped
from emopress.report.figures.looks import REST, SMALL, Spec, line_look
from emopress.report.figures.parts import (
    WIDTH,
    axis,
    given,
    key,
    mark,
    page,
    panels,
    pixels,
    rows,
    texts,
)
from emopress.report.figures.placement import spread, within

NAMED = 9  # variants that are coloured and named
ROOM = 200  # pixels for the names right of the plot
STEP = 30  # pixels between two names
TALL = 330
PANELS = (
    ("loss", "Training loss, % of its first epoch's"),
    ("validation_macro_f1", "Validation macro F1, %"),
)


def lines(x: Spec, y: Spec, *, band: bool = False) -> Spec:
    """Return lines of `variant, x, y, colour, dash`, with markers and bands from low to high."""
    by_variant = {"detail": {"field": "variant"}}
    line = {"mark": {"type": "line", "strokeWidth": 2, "aria": False}}
    point = {"mark": {"type": "point", "filled": True, "size": 36, "opacity": 1}}
    layers: list[Spec] = [
        {**line, "encoding": {**by_variant, "color": given("colour"), "strokeDash": given("dash")}},
        {**point, "encoding": {"color": given("colour")}},
    ]
    if band:
        ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
        area = {"type": "area", "opacity": 0.12, "aria": False}
        layers.insert(
            0, {"mark": area, "encoding": {**by_variant, **ends, "color": given("colour")}}
        )
    return {"encoding": {"x": x, "y": y}, "layer": layers}


def noise_figure(table: pd.DataFrame, statistics: Mapping[str, Any], *, title: str) -> Spec:
    """Return what decides (percent), of each variant, against the share of noise (percent of characters).

    `statistics`: the data set's statistics file. The models without passes and the variants of the
    size front are coloured and named at their lines' ends, all others are thin and grey.
    """
    metric = judge_of(table).metric
    points = {
        str(name): [
            (100 * float(point["noise"]), 100 * float(point[metric.column]))
            for point in statistics["variants"][name]["noise"]
        ]
        for name in table.index
        if statistics["variants"][name]["noise"]
    }
    names = [name for name in highlighted(table, NAMED) if name in points]
    scores = [y for line in points.values() for _, y in line]
    grey = len(points) - len(names)
    note = f"Named: models without passes and the front of {metric.name} against size"
    note += f"; grey: {grey} other variant{'s' * (grey > 1)}." if grey else "."
    wide = WIDTH - ROOM
    shares = [100 * float(share) for share in statistics["noise"]]
    x = axis("x", "Characters changed, %", min(shares), max(shares), values=shares, grid=False)
    low, high = _ends(scores)
    y = axis("y", f"{metric.title} on the test split, %", low, high, tickCount=6)
    others = [
        {"x": a, "y": b, "variant": n}
        for n, line in points.items()
        if n not in names
        for a, b in line
    ]
    looks = {name: line_look(place) for place, name in enumerate(names)}
    named = [{"x": a, "y": b, "variant": n, **looks[n]} for n in names for a, b in points[n]]
    plot = lines(x, y)
    plot |= {"width": wide, "height": max(TALL, STEP * len(names)), **rows(named)}
    plot["layer"][1]["encoding"]["shape"] = given("path")
    plot["layer"][1]["mark"]["size"] = 60
    thin = mark("line", others, {"detail": {"field": "variant"}}, stroke=REST, strokeWidth=1)
    ends = {name: plot["height"] * (high - points[name][-1][1]) / (high - low) for name in names}
    plot["layer"] = [
        *([thin] if others else []),
        *plot["layer"],
        *_name_ends(ends, looks, wide, plot["height"]),
    ]
    return page(f"{metric.title} on noisy texts", title, note, plot)


def training_figure(
    curves: Mapping[str, Sequence[Mapping[str, float | None]]],
    *,
    title: str = "",
    seed: int | None = None,
) -> Spec:
    """Return each variant's log, a list of {"epoch", "loss", "validation_macro_f1"} in order, as lines.

    A value that a log line lacks (None or no such key) is left out of its curve; a line without
    an epoch is an error. A loss is shown as percent of the variant's first one, since losses of
    different kinds have no axis in common. `seed`: the one whose curves these are, where there are
    several.
    """
    heading = "Training" if seed is None else f"Training, seed {seed} only"
    names = [name for name in recipe_order(list(curves)) if curves[name]]
    if not names:
        return page(heading, title, "No variant of this data set was trained in epochs.")
    looks = {name: line_look(place) for place, name in enumerate(names)}
    views = []
    for column, words in PANELS:
        points = [
            {"x": x, "y": y, "variant": name, **looks[name]}
            for name in names
            for x, y in points_of(name, curves[name], column)
        ]
        last = max([point["x"] for point in points], default=1.0)
        low, high = _ends([point["y"] for point in points], top=None if column == "loss" else 100.0)
        x = axis("x", "Epoch", 0, last, tickMinStep=1, format="d", grid=False)
        view = lines(x, axis("y", words, low, high, tickCount=6))
        view["layer"][1]["encoding"]["shape"] = given("path")
        views.append({**view, "width": (WIDTH - 70) / 2, "height": 280, **rows(points)})
    note = "Each variant trains on a loss of its own kind: only the shapes of the loss curves compare, "
    note += "not the losses."
    entries = [{"words": name, **looks[name], "area": 36} for name in names]
    return page(heading, title, note, panels(views, 2, 30), key(entries))


def points_of(
    name: str, log: Sequence[Mapping[str, float | None]], column: str
) -> list[tuple[float, float]]:
    """Return (epoch, percent) of a log's lines that have both: of the first loss, or of one."""
    points = []
    for number, line in enumerate(log):
        epoch, value = line.get("epoch"), line.get(column)
        if not isinstance(epoch, (int, float)):
            raise UserError(f"training log of {name}: line {number + 1} has no number 'epoch'")
        if value is not None:
            points.append((float(epoch), float(value)))
    whole = points[0][1] if column == "loss" and points else 1.0
    return [(epoch, 100 * value / whole) for epoch, value in points] if whole > 0 else []


def _ends(values: Sequence[float], *, top: float | None = 100.0) -> tuple[float, float]:
    """Return the ends of an axis with room around the values, which nothing passes that has a top."""
    low, high = min(values, default=0.0), max(values, default=100.0)
    room = max(0.5, 0.05 * (high - low))
    high = high + room if top is None else min(top, high + room)
    return max(0.0, low - room), max(high, low + room)


def _name_ends(
    ends: Mapping[str, float], looks: Mapping[str, Spec], wide: float, tall: float
) -> list[Spec]:
    """Return each name right of the plot at its line's end, as far apart as the names need."""
    order = sorted(ends, key=lambda name: ends[name])
    gaps = [float(STEP)] * (len(order) - 1)
    places = within(spread([ends[name] for name in order], gaps), gaps, 0.0, tall)
    words, leaders = [], []
    for name, place in zip(order, np.round(places, 1).tolist(), strict=True):
        leaders.append(
            {"x": wide + 5, "y": round(ends[name], 1), "x2": wide + 24, "y2": place, **looks[name]}
        )
        text, size = wrapped(name, ROOM - 34, SMALL + 1)
        top = place - 1.1 * size * (len(text) - 1) / 2
        words += [
            {"x": wide + 34, "y": top + 1.1 * size * n, "text": line, "size": size}
            for n, line in enumerate(text)
        ]
    channels = {**pixels("x", "y", "x2", "y2"), "stroke": given("colour")}
    markers = [
        {"x": one["x2"], "y": one["y2"], **looks[n]} for n, one in zip(order, leaders, strict=True)
    ]
    look = {**pixels(), "color": given("colour"), "shape": given("path")}
    return [
        mark("rule", leaders, channels, strokeWidth=1),
        mark("point", markers, look, filled=True, size=60, opacity=1),
        texts(words),
    ]
