"""The chart that the study is for: the metric that decides against size or latency, with the Pareto front."""

import itertools
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.pareto import front_steps, pareto_front
from emopress.report.figures.looks import MUTED, SHAPES, WHITE, Spec, looks_of, path_of
from emopress.report.figures.parts import WIDTH, dots, filled, key, page, rows
from emopress.report.figures.scatter import (
    GAP,
    Box,
    Frame,
    Rows,
    frame_of,
    framed,
    front,
    labels,
)
from emopress.rows import Look

COSTS = {
    "size": ("size_bytes", 1e-6, "Size of the shipped files, MB (log scale)"),
    "latency": ("latency_ms_p50", 1.0, "Median time of one text, ms (log scale)"),
}
MAX_NAMES = 8  # above this number of variants the points are numbered and named below the plot
MAX_NUMBERS = 60  # above this number the models without passes and the front are, and no others
TALL = 400


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
    sort_of = [(sorts or {}).get(name, str(table.loc[name, "family"])) for name in names]
    looks = looks_of(sort_of)
    points = [
        _point(row, looks[sort], float(row[column]) * unit, metric.column)
        for (_, row), sort in zip(table.iterrows(), sort_of, strict=True)
    ]
    single = [
        {"x": point["x"], "y": 100 * float(score), **filled(point["bar"], point["path"])}
        for point in points
        for score in _several((by_seed or {}).get(point["variant"], []))
    ]
    frame = frame_of(points, WIDTH, TALL, more=[one["y"] for one in single])
    xs, ys = [point["x"] for point in points], [point["y"] for point in points]
    optimal = pareto_front(xs, ys)
    steps = front_steps(xs, ys)
    corners = [*zip(*steps, strict=True), (frame.across[1], steps[1][-1])]
    numbered = len(names) > MAX_NAMES
    listed = set(highlighted(table, MAX_NUMBERS) if len(names) > MAX_NUMBERS else names)
    named = [place for place, name in enumerate(names) if name in listed]
    words = [str(n) for n in range(1, len(named) + 1)] if numbered else names
    plot = framed(frame, points, (axis_title, f"{metric.title} on test, %"))
    bars, marks = plot["layer"]
    seeds = {**rows(single), **dots({}, size=22, opacity=0.45, strokeWidth=0)}
    plot["layer"] = [
        {**front(), **rows({"x": a, "y": b, "order": n} for n, (a, b) in enumerate(corners))},
        bars,
        *([seeds] if single else []),
        marks,
        *labels(frame, points, named, words, optimal, _taken(frame, corners, single)),
    ]
    simulated = any(point["fill"] == WHITE for point in points)
    shown = list(dict.fromkeys(looks.values()))
    views = [plot, key(_explained(shown, simulated, bool(single)))]
    if numbered:
        entries = [
            {**points[place], "words": names[place], "number": n, "bold": optimal[place]}
            for n, place in enumerate(named, start=1)
        ]
        views.append(key(entries))
    note = f"Thin lines: 95 % intervals{f' on {n_test:,} texts' if n_test else ''}."
    note += " Bold: on the Pareto front, which no other variant beats on both axes."
    if len(named) < len(names):
        note += f" {len(named)} of {len(names)} variants are numbered: models without passes and some of "
        note += "the front against size; the page shows all."
    return page(f"{metric.title} against {x}", title, note, *views)


def highlighted(table: pd.DataFrame, limit: int) -> list[str]:
    """Return at most `limit` variants in the table's order: models without passes, then the front.

    The front is that of the metric that decides against size. If it does not fit, it is thinned evenly along the sizes;
    its best and its smallest variant stay.
    """
    names = [str(name) for name in table.index]
    roots = [name for name in names if "+" not in name][:limit]
    optimal = pareto_front(
        table["size_bytes"].tolist(), table[judge_of(table).metric.column].tolist()
    )
    models = set(roots)
    front = [name for name, best in zip(names, optimal, strict=True) if best and name not in models]
    front.sort(key=lambda name: -float(table.loc[name, "size_bytes"]))
    room = limit - len(roots)
    if len(front) > room:
        step = (len(front) - 1) / max(1, room - 1)
        front = [front[round(step * place)] for place in range(room)]
    chosen = {*roots, *front}
    return [name for name in names if name in chosen]


def _point(row: pd.Series, look: Look, x: float, column: str) -> dict[str, Any]:
    """Return a variant's point, hollow if it is simulated; without an interval its score is all of it."""
    y, low, high = (100 * float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    ends = {"low": y if isnan(low) else low, "high": y if isnan(high) else high}
    simulated = str(row["simulated"]).lower() == "true"
    drawn = filled(look.colour, path_of(look), simulated)
    return {"variant": str(row.name), "x": x, "y": y, **ends, "bar": look.colour, **drawn}


def _several(scores: Sequence[float]) -> Sequence[float]:
    """Return the scores of the seeds, none if there is one seed: that is the mean itself."""
    return scores if len(scores) > 1 else []


def _explained(looks: Sequence[Look], simulated: bool, seeds: bool) -> list[dict[str, Any]]:
    """Return the entries of the key: the looks that occur, and what else there is to explain."""
    entries: list[dict[str, Any]] = [
        {"words": look.words, **filled(look.colour, path_of(look))} for look in looks
    ]
    entries.append({"words": "Pareto front", "dash": [4, 4], "colour": MUTED})
    if simulated:
        entries.append({"words": "hollow: simulated", **filled(MUTED, SHAPES["o"], True)})
    if seeds:
        entries.append({"words": "small: one seed", **filled(MUTED, SHAPES["o"]), "area": 22})
    return entries


def _taken(frame: Frame, corners: Sequence[tuple[float, float]], single: Rows) -> list[Box]:
    """Return the boxes in pixels around the front's lines and the scores of single seeds."""
    turns = [frame.place(*corner) for corner in corners]
    lines = [
        (*(np.minimum(a, b) - 0.3 * GAP), *(np.maximum(a, b) + 0.3 * GAP))
        for a, b in itertools.pairwise(turns)
    ]
    small = [frame.place(one["x"], one["y"]) for one in single]
    return lines + [(x - GAP / 3, y - GAP / 3, x + GAP / 3, y + GAP / 3) for x, y in small]
