"""A score against a cost on a log axis: front, intervals, points, and labels that cover none of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np

from emopress.report.figures.fitting import fitted, width
from emopress.report.figures.looks import AXIS, SMALL, Spec
from emopress.report.figures.parts import (
    NUMBER,
    at,
    axis,
    dots,
    given,
    log_ticks,
    mark,
    pixels,
    rows,
    texts,
)
from emopress.report.figures.placement import place_labels

GAP = 11.0  # pixels, a little more than a marker's radius
MARKER = 130  # square pixels
Rows = Sequence[Mapping[str, Any]]  # of points: variant, x, y, low, high, bar, path, fill, stroke
Box = tuple[float, float, float, float]  # left, upper, right and lower end in pixels


@dataclass(frozen=True)
class Frame:
    """The ends of both axes, and the size of the plot in pixels."""

    across: tuple[float, float]
    up: tuple[float, float]
    width: float
    height: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies in pixels from the upper left corner."""
        (left, right), (low, high) = map(log, self.across), self.up
        return self.width * (log(x) - left) / (right - left), self.height * (high - y) / (
            high - low
        )


def frame_of(points: Rows, width: float, height: float, *, more: Sequence[float] = ()) -> Frame:
    """Return a frame with room around points and scores; none passes what a score can be."""
    sizes = [log(point["x"]) for point in points]
    scores = [point[end] for point in points for end in ("y", "low", "high")] + list(more)
    room = max(0.2, 0.09 * (max(sizes) - min(sizes)))
    across = exp(min(sizes) - room), exp(max(sizes) + room)
    room = max(0.4, 0.07 * (max(scores) - min(scores)))
    up = max(0.0, min(scores) - room), min(100.0, max(scores) + room)
    return Frame(across, up, width, height)


def framed(frame: Frame, points: Rows, titles: tuple[str, str]) -> Spec:
    """Return the scatter of points on a frame's axes, without a front."""
    ticks: Spec = {"values": log_ticks(*frame.across), "labelExpr": NUMBER, "grid": False}
    x = axis("x", titles[0], *frame.across, scale={"type": "log"}, **ticks)
    y = axis("y", titles[1], *frame.up, tickCount=6, domain=False, ticks=False)
    return {"width": frame.width, "height": frame.height, **rows(points), **scatter(x, y)}


def scatter(x: Spec, y: Spec) -> Spec:
    """Return the layers of points on the given axes: their intervals, then themselves."""
    bars = {"type": "rule", "strokeWidth": 1.4, "opacity": 0.32, "aria": False}
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": given("bar")}
    points = dots({}, size=MARKER, name="points")
    return {"encoding": {"x": x, "y": y}, "layer": [{"mark": bars, "encoding": ends}, points]}


def front() -> Spec:
    """Return the layer of the Pareto front, a line through x and y by their order."""
    line = {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1.2, "aria": False}
    return {"mark": line, "encoding": {"order": at("order")}}


def labels(
    frame: Frame,
    points: Rows,
    named: Sequence[int],
    words: Sequence[str],
    fat: Sequence[bool],
    taken: Sequence[Box],
) -> list[Spec]:
    """Return the words of the `named` places where they cover nothing, with a thin line to their point if far.

    They keep clear of each other, of all points and their intervals, and of the boxes `taken`. `fat`: by point whether
    its words are bold.
    """
    bold = [fat[place] for place in named]
    fits = [fitted(word, 230, SMALL, bold=one) for word, one in zip(words, bold, strict=True)]
    sizes = np.array(
        [(width(t, s, bold=b) + 3, s + 2) for (t, s), b in zip(fits, bold, strict=True)]
    )
    everywhere = np.array([frame.place(point["x"], point["y"]) for point in points])
    where = everywhere[list(named)]
    unnamed = np.delete(everywhere, list(named), axis=0)
    bars = []
    for point in points:
        x, top = frame.place(point["x"], point["high"])
        bars.append((x - 2, top, x + 2, frame.place(point["x"], point["low"])[1]))
    bounds = (2.0, 2.0, frame.width - 2.0, frame.height - 2.0)
    marks = np.concatenate([unnamed - 0.75 * GAP, unnamed + 0.75 * GAP], axis=1)
    obstacles = [*taken, *bars, *map(tuple, marks.tolist())]
    centres = place_labels(where, sizes, bounds, gap=GAP, obstacles=obstacles)
    placed, leaders = [], []
    for (text, size), one, centre, box, point in zip(
        fits, bold, centres, sizes, where, strict=True
    ):
        weight = "bold" if one else "normal"
        place = dict(zip(("x", "y"), centre.round(1).tolist(), strict=True))
        placed.append({**place, "text": text, "size": size, "weight": weight})
        near = np.clip(point, centre - box / 2, centre + box / 2)
        if np.hypot(*(near - point)) > 1.4 * GAP:
            ends = np.concatenate([point, near]).round(1).tolist()
            leaders.append(dict(zip(("x", "y", "x2", "y2"), ends, strict=True)))
    lines = mark("rule", leaders, pixels("x", "y", "x2", "y2"), stroke=AXIS)
    return [*([lines] if leaders else []), texts(placed, align="center")]
