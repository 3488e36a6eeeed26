"""A page of bars: groups of named rows, with the words right of each bar."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.report.figures.fitting import fitted, widest
from emopress.report.figures.looks import INK, MUTED, PALE, SMALL, WHITE, Spec
from emopress.report.figures.parts import (
    LEFT,
    NUMBER,
    WIDTH,
    at,
    given,
    key,
    log_ticks,
    mark,
    page,
    pixels,
    texts,
)

ROW, GAP, HEAD = 20, 10, 30  # pixels: a bar, between variants of two bars, the heading of a group
NAMES = 300  # pixels that the names may take
LOG_FROM = 12.0  # greatest by least ratio from which on the axis is logarithmic
Row = dict[str, Any]  # name, value, words, colour; may have edge, behind, low and high
Groups = Sequence[tuple[str, Sequence[Row]]]


def bar_page(
    groups: Groups,
    *,
    title: str,
    heading: str,
    note: str,
    axis_title: str,
    entries: Sequence[Mapping[str, Any]],
    ratio: bool,
    empty: str,
    each: int = 1,
) -> Spec:
    """Lay out the bars of all groups on one page, as tall as they need; `each`: bars of a variant."""
    bars = [bar for _, group in groups for bar in group]
    if not bars:
        return page(heading, title, empty)
    heads = [head for head, _ in groups]
    longest = max(widest((b["name"] for b in bars), SMALL + 1), widest(heads, SMALL + 1, bold=True))
    left = min(NAMES, longest) + 14
    across = WIDTH + LEFT - left
    ends = [v for b in bars for v in (b["value"], b.get("behind")) if v is not None]
    scale = _scale(ends, widest((b["words"] for b in bars), SMALL) + 12, across, ratio)
    names, y = [], 4.0
    for head, group in groups:
        if head:
            names.append(_name(head, y + HEAD - 12, left, "bold"))
            y += HEAD
        for place, bar in enumerate(group):
            if bar["name"]:  # the first of a variant's bars has it
                names.append(_name(bar["name"], y + ROW * each / 2, left, "normal"))
            bar["y"] = y + ROW / 2
            y += ROW + (GAP if each > 1 and place % each == each - 1 else 0)
    at_x = at(
        "value", scale=scale["scale"], axis={"title": axis_title + scale["words"], **scale["axis"]}
    )
    behind = [{"value": b["behind"], "colour": PALE, "y": b["y"]} for b in bars if "behind" in b]
    keys = ("low", "high", "y")
    lines = [{end: bar[end] for end in keys} for bar in bars if "low" in bar]
    line = {**pixels("y"), "x": {**at_x, "field": "low"}, "x2": {"field": "high"}}
    layers = [
        _bars(behind, at_x, scale, 8),
        _bars([b for b in bars if "behind" not in b], at_x, scale, 8),
        _bars([b for b in bars if "behind" in b], at_x, scale, 4),
        *([mark("rule", lines, line, stroke=INK, strokeWidth=1.4)] if lines else []),
        _words(bars, at_x, scale),
    ]
    if ratio:
        one = {**pixels("y", "y2"), "x": {**at_x, "field": "one"}}
        layers.insert(0, mark("rule", [{"one": 1, "y": 0, "y2": y}], one, stroke=MUTED))
    plot = {"width": across, "height": y, "layer": [texts(names, align="right"), *layers]}
    views = [plot, key(entries, columns=1, left=left, width=across)] if entries else [plot]
    return page(heading, title, note, *views, left=left, width=across)


def _name(name: str, y: float, left: float, weight: str) -> Row:
    text, size = fitted(name, left - 12, SMALL + 1, bold=weight == "bold")
    return {"x": -8, "y": y, "text": text, "size": size, "weight": weight}


def _scale(values: Sequence[float], words: float, across: float, ratio: bool) -> Row:
    """Return an axis on which the words beside the bars fit, and where its bars start.

    `words`: the pixels of the widest. Where a bar ends is at most all but that of `across`.
    """
    low, high = min(values), max(values)
    part = 1 - words / across
    if ratio and low > 0 and high / low > LOG_FROM:
        low, high = min(low, 1.0), max(high, 1.0)
        start = low / (high / low) ** 0.02
        end = start * (high / start) ** (1 / part)
        axis = {"values": log_ticks(start, end), "labelExpr": f"{NUMBER} + 'x'"}
        scale = {"type": "log", "domain": [start, end], "nice": False}
        return {"scale": scale, "axis": axis, "from": 1.0, "words": " (log scale)"}
    end = max(high, 1.0) / part if ratio else 100.0
    shown: Row = {"labelExpr": f"{NUMBER} + 'x'"} if ratio else {"tickCount": 6}
    ends: Row = {"domain": [0.0, end], "nice": False}
    return {"scale": ends, "axis": shown, "from": 0.0, "words": ""}


def _bars(bars: Sequence[Row], at_x: Spec, scale: Row, half: int) -> Spec:
    """Return bars of twice `half` pixels."""
    rows = [
        {
            "value": bar["value"],
            "start": scale["from"],
            "y": bar["y"] - half,
            "y2": bar["y"] + half,
            "fill": bar["colour"],
            "edge": bar.get("edge", bar["colour"]),
            "dash": [3, 2] if "edge" in bar else [1, 0],
        }
        for bar in bars
    ]
    look = {"fill": given("fill"), "stroke": given("edge")}
    encoding = {**pixels("y", "y2"), "x": at_x, "x2": {"field": "start"}, **look}
    return mark("rect", rows, encoding, strokeWidth=0.8, strokeDash={"expr": "datum.dash"})


def _words(bars: Sequence[Row], at_x: Spec, scale: Row) -> Spec:
    """Return the words right of each bar; of a ratio below 1 too: left of it they would meet the names."""
    start, room = scale["from"], scale["scale"]["domain"]
    rows = []
    for bar in bars:
        ends = [bar["value"], *(bar[e] for e in ("behind", "high") if e in bar), start]
        look = {"y": bar["y"], "text": bar["words"], "size": SMALL, "colour": bar.get("ink", INK)}
        rows.append({**look, "value": max(ends), "side": "left", "right": 5})
        if "high" in bar and bar["high"] > 0.65 * room[1]:  # of scores: inside the bar
            rows[-1] |= {"value": bar["low"], "colour": WHITE, "side": "right", "right": -5}
    encoding = {**pixels("y"), "x": at_x}
    look = {"align": {"expr": "datum.side"}, "xOffset": {"expr": "datum.right"}}
    return texts(rows, encoding, **look)
