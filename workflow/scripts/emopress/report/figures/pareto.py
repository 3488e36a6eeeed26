"""The chart that the study is for: the metric that decides against size or latency, with the Pareto front."""

import itertools
from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.pareto import front_steps, pareto_front
from emopress.passes import Look
from emopress.report.figures.looks import AXIS, MUTED, SHAPES, SMALL, Spec, looks_of, path_of
from emopress.report.figures.parts import (
    NUMBER,
    WIDTH,
    at,
    axis,
    dots,
    filled,
    given,
    key,
    log_ticks,
    mark,
    page,
    pixels,
    rows,
    texts,
)
from emopress.report.figures.placement import place_labels
from emopress.report.figures.text import fitted, width

COSTS = {
    "size": ("size_bytes", 1e-6, "Size of the shipped files, MB (log scale)"),
    "latency": ("latency_ms_p50", 1.0, "Median time of one text, ms (log scale)"),
}
MAX_NAMES = 8  # above this number of variants the points are numbered and named below the plot
TALL = 400
GAP = 11.0  # pixels, a little more than a marker's radius
MARKER = 130  # square pixels


def pareto_figure(
    table: pd.DataFrame,
    x: str,
    *,
    title: str,
    sorts: Mapping[str, str] | None = None,
    by_seed: Mapping[str, Sequence[float]] | None = None,
    n_test: int | None = None,
) -> Spec:
    """Return what decides (percent) against a cost on a log axis, one point per variant (seeds' mean).

    `table`: one data set's rows of the summary, indexed by variant; `x` is `size` or `latency`;
    `sorts` gives what colours a variant (its family where absent). Small faint points are the scores
    of single seeds (`by_seed`), the dashed line is the Pareto front, hollow points are simulated
    variants, upright lines 95 % intervals on `n_test` texts.
    """
    if x not in COSTS:
        raise UserError(f"figure: x is {x!r}; allowed: {', '.join(COSTS)}")
    column, unit, axis_title = COSTS[x]
    metric = judge_of(table).metric
    names = [str(name) for name in table.index]
    xs, ys = (table[column] * unit).tolist(), (table[metric.column] * 100).tolist()
    ends = [
        (100 * table[f"{metric.column}_{end}"]).fillna(table[metric.column] * 100)
        for end in ("low", "high")
    ]
    sort_of = [(sorts or {}).get(name, str(table.loc[name, "family"])) for name in names]
    hollow = [str(cell).lower() == "true" for cell in table["simulated"]]
    looks = looks_of(sort_of)
    points = [
        {
            "variant": name,
            "x": at_x,
            "y": at_y,
            "low": low,
            "high": high,
            "bar": looks[sort].colour,
            **filled(looks[sort].colour, path_of(looks[sort]), simulated),
        }
        for name, at_x, at_y, low, high, sort, simulated in zip(
            names, xs, ys, *(end.tolist() for end in ends), sort_of, hollow, strict=True
        )
    ]
    single = [
        {"x": point["x"], "y": 100 * float(score), **filled(point["bar"], point["path"])}
        for point in points
        for score in _several((by_seed or {}).get(point["variant"], []))
    ]
    frame = _Frame(xs, [*ys, *ends[0], *ends[1], *(one["y"] for one in single)])
    optimal = pareto_front(xs, ys)
    numbered = len(names) > MAX_NAMES
    labels = [str(n) for n in range(1, len(names) + 1)] if numbered else names
    ticks: Spec = {"values": log_ticks(*frame.across), "labelExpr": NUMBER, "grid": False}
    plot = scatter(
        axis("x", axis_title, *frame.across, scale={"type": "log"}, **ticks),
        axis("y", f"{metric.title} on test, %", *frame.up, tickCount=6, domain=False, ticks=False),
    )
    front = front_steps(xs, ys)
    corners = [*zip(*front, strict=True), (frame.across[1], front[1][-1])]
    plot |= {"width": WIDTH, "height": TALL, **rows(points)}
    plot["layer"][0] |= rows({"x": a, "y": b, "order": n} for n, (a, b) in enumerate(corners))
    seeds = {**rows(single), **dots({}, size=22, opacity=0.45, strokeWidth=0)}
    plot["layer"] = [
        plot["layer"][0],
        plot["layer"][1],
        *([seeds] if single else []),
        plot["layer"][2],
    ]
    plot["layer"] += _labels(frame, points, labels, optimal, corners, single)
    views = [plot, key(_explained(list(dict.fromkeys(looks.values())), any(hollow), bool(single)))]
    if numbered:
        entries = [
            {**point, "words": point["variant"], "number": n, "bold": best}
            for n, (point, best) in enumerate(zip(points, optimal, strict=True), start=1)
        ]
        views.append(key(entries))
    note = f"Thin lines: 95 % intervals{f' on {n_test:,} texts' if n_test else ''}."
    note += " Bold: on the Pareto front, which no other variant beats on both axes."
    return page(f"{metric.title} against {x}", title, note, *views)


def scatter(x: Spec, y: Spec) -> Spec:
    """Return a scatter of `variant, x, y, low, high, bar, path, fill, stroke`: front, intervals, points.

    The front (x, y, order) is the first layer's data, the points that of the whole.
    """
    front = {"type": "line", "strokeDash": [4, 4], "strokeWidth": 1.2, "aria": False}
    bars = {"type": "rule", "strokeWidth": 1.4, "opacity": 0.32, "aria": False}
    return {
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": front, "encoding": {"order": at("order")}},
            {
                "mark": bars,
                "encoding": {
                    "y": {**y, "field": "low"},
                    "y2": {"field": "high"},
                    "color": given("bar"),
                },
            },
            dots({}, size=MARKER, name="points"),
        ],
    }


def highlighted(table: pd.DataFrame, limit: int) -> list[str]:
    """Return at most `limit` variants in the table's order: models without passes, then the front.

    The front is that of what decides against size. Where it is longer than the room, it is thinned
    evenly along the sizes; its best and its smallest variant stay.
    """
    names = [str(name) for name in table.index]
    roots = [name for name in names if "+" not in name][:limit]
    optimal = pareto_front(
        table["size_bytes"].tolist(), table[judge_of(table).metric.column].tolist()
    )
    front = [name for name, best in zip(names, optimal, strict=True) if best and name not in roots]
    front.sort(key=lambda name: -float(table.loc[name, "size_bytes"]))
    room = limit - len(roots)
    if len(front) > room:
        step = (len(front) - 1) / max(1, room - 1)
        front = [front[round(step * place)] for place in range(room)]
    return [name for name in names if name in {*roots, *front}]


class _Frame:
    """The ends of both axes with room around the points, and where a point is in pixels."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        low, high = log(min(xs)), log(max(xs))
        pad = max(0.23, 0.07 * (high - low))
        self.across = [float(np.exp(low - pad)), float(np.exp(high + pad))]
        pad = max(0.5, 0.06 * (max(ys) - min(ys)))
        self.up = [max(0.0, min(ys) - pad), max(ys) + pad]
        if self.up[1] > 100:  # no axis passes what a score can be; a mark at its end is drawn whole
            self.up[1] = 100.0

    def place(self, x: float, y: float) -> tuple[float, float]:
        left, right = map(log, self.across)
        low, high = self.up
        return WIDTH * (log(x) - left) / (right - left), TALL * (high - y) / (high - low)


def _several(scores: Sequence[float]) -> Sequence[float]:
    """Return the scores of the seeds, none if there is one seed: that is the mean itself."""
    return scores if len(scores) > 1 else []


def _explained(looks: Sequence[Look], simulated: bool, seeds: bool) -> list[dict[str, object]]:
    """Return the entries of the key: the looks that occur, and what else there is to explain."""
    entries: list[dict[str, object]] = [
        {"words": look.words, **filled(look.colour, path_of(look))} for look in looks
    ]
    entries.append({"words": "Pareto front", "dash": [4, 4], "colour": MUTED})
    if simulated:
        entries.append({"words": "hollow: simulated", **filled(MUTED, SHAPES["o"], True)})
    if seeds:
        entries.append({"words": "small: one seed", **filled(MUTED, SHAPES["o"]), "area": 22})
    return entries


def _labels(
    frame: _Frame,
    points: Sequence[Mapping[str, object]],
    labels: Sequence[str],
    optimal: Sequence[bool],
    corners: Sequence[tuple[float, float]],
    single: Sequence[Mapping[str, object]],
) -> list[Spec]:
    """Return each point's label where it covers nothing, with a thin line to its point if far."""
    fits = [
        fitted(label, 230, SMALL, bold=best) for label, best in zip(labels, optimal, strict=True)
    ]
    sizes = np.array(
        [
            (width(t, size, bold=best) + 3, size + 2)
            for (t, size), best in zip(fits, optimal, strict=True)
        ]
    )
    where = np.array([frame.place(p["x"], p["y"]) for p in points])  # type: ignore[arg-type]
    turns = [frame.place(*corner) for corner in corners]
    taken = [
        (*(np.minimum(a, b) - 0.3 * GAP), *(np.maximum(a, b) + 0.3 * GAP))
        for a, b in itertools.pairwise(turns)
    ]
    for one in single:
        x, y = frame.place(one["x"], one["y"])  # type: ignore[arg-type]
        taken.append((x - GAP / 3, y - GAP / 3, x + GAP / 3, y + GAP / 3))
    for point, (x, _) in zip(points, where, strict=True):
        top, bottom = (frame.place(point["x"], point[end])[1] for end in ("high", "low"))  # type: ignore[arg-type]
        taken.append((x - 2, top, x + 2, bottom))
    bounds = (2.0, 2.0, WIDTH - 2.0, TALL - 2.0)
    centres = place_labels(where, sizes, bounds, gap=GAP, obstacles=taken)
    words, leaders = [], []
    for (text, size), best, centre, box, point in zip(
        fits, optimal, centres, sizes, where, strict=True
    ):
        x, y = (round(float(one), 1) for one in centre)
        words.append(
            {"x": x, "y": y, "text": text, "size": size, "weight": "bold" if best else "normal"}
        )
        near = np.clip(point, centre - box / 2, centre + box / 2)
        if np.hypot(*(near - point)) > 1.4 * GAP:
            ends = zip(("x", "y", "x2", "y2"), (*point, *near), strict=True)
            leaders.append({name: round(float(one), 1) for name, one in ends})
    lines = mark("rule", leaders, pixels("x", "y", "x2", "y2"), stroke=AXIS)
    return [*([lines] if leaders else []), texts(words, align="center")]
