"""Reliability: how often a variant is right when it says how sure it is, as small multiples."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.measure.deciding import judge_of
from emopress.measure.exact import FEW_IN_CELL
from emopress.report.figures.costs import highlighted
from emopress.report.figures.looks import AXIS, BLUE, MUTED, PALE, SMALL, WHITE, Spec
from emopress.report.figures.parts import axis, given, mark, named, page, panels, texts

PANELS, COLUMNS = 9, 3
SIDE = 168  # pixels
STRIP = 16  # percent of the axis, below it, for the share of texts
FAINT = "#B9CFDF"


def reliability_figure(table: pd.DataFrame, statistics: Mapping[str, Any], *, title: str) -> Spec:
    """Return accuracy against confidence per bin for the models without passes and the size front.

    `statistics`: the data set's statistics file. A bar's height is the share of right answers in its bin, a dot is at
    the bin's mean confidence; the strip below the axis shows the texts.
    """
    names = [n for n in highlighted(table, PANELS) if statistics["variants"][n]["reliability"]]
    note = (
        "Bars: share of right answers per bin of confidence, on the diagonal where calibrated; "
        f"faint, with their number: bins of fewer than {FEW_IN_CELL} answers; grey, below: share of "
        "texts. ECE: expected calibration error. Models without passes and the front of "
        f"{judge_of(table).metric.name} against size."
    )
    views = [
        _panel(name, statistics["variants"][name], first=place % COLUMNS == 0)
        for place, name in enumerate(names)
    ]
    return page("Reliability", title, note, *([panels(views, COLUMNS, 26)] if views else []))


def diagonal() -> Spec:
    """Return the line on which confidence and accuracy are equal."""
    ends = [{"x": 0, "y": 0}, {"x": 100, "y": 100}]
    return mark("line", ends, {}, strokeDash=[4, 4], strokeWidth=1.2, aria=False)


def _panel(name: str, entry: Mapping[str, Any], *, first: bool) -> Spec:
    bins = entry["reliability"]
    total = max(1.0, sum(bins["count"]))
    rows = [
        {
            "left": 100 * low,
            "right": 100 * high,
            "x": 100 * confidence,
            "y": 100 * right,
            "middle": 50 * (low + high),
            "zero": 0,
            "share": -STRIP * count / total,
            "bar": "#EEF4F9" if count < FEW_IN_CELL else PALE,
            "dot": FAINT if count < FEW_IN_CELL else BLUE,
            "n": f"{count:g}" if count < FEW_IN_CELL else "",
        }
        for low, high, right, confidence, count in zip(
            *(bins[key] for key in ("low", "high", "accuracy", "confidence", "count")), strict=True
        )
    ]
    ticks = [0, 25, 50, 75, 100]
    x = axis("x", "Confidence, %", 0, 100, values=ticks, grid=False, offset=0)
    y = axis("y", "Right, %" if first else None, -STRIP, 100, values=ticks)
    sides = {"x": {**x, "field": "left"}, "x2": {"field": "right"}}
    bars = {**sides, "y": y, "y2": {"field": "zero"}, "fill": given("bar")}
    strip = {**sides, "y": {**y, "field": "share"}, "y2": {"field": "zero"}}
    dots = {"x": x, "y": y, "color": given("dot")}
    numbers = {"x": {**x, "field": "middle"}, "y": {**y, "field": "foot"}}
    few = [
        {**row, "text": row["n"], "size": 9, "colour": MUTED, "foot": 4} for row in rows if row["n"]
    ]
    head = named(name, 0, -24, SIDE, SMALL + 1)
    ece = {"x": 0, "y": -9, "text": f"ECE {100 * entry['ece']:.1f} points", "colour": MUTED}
    return {
        "width": SIDE,
        "height": SIDE * (100 + STRIP) / 100,
        "encoding": {"x": x, "y": y},
        "layer": [
            mark("rect", rows, bars, stroke=WHITE, strokeWidth=0.6),
            mark("rect", rows, strip, fill=AXIS),
            diagonal(),
            mark("point", rows, dots, filled=True, size=26, opacity=1),
            *([texts(few, numbers, align="center")] if few else []),
            texts([*head, {**ece, "size": SMALL}]),
        ],
    }
