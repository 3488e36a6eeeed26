"""The parts that charts are put together from: rows of data, marks at pixels, axes, keys, the page around."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from emopress.report.figures.fitting import fitted, paragraph, plain, widest, wrapped
from emopress.report.figures.fonts import BASE
from emopress.report.figures.looks import (
    HEAD,
    INK,
    MUTED,
    SIZE,
    SMALL,
    WHITE,
    Spec,
    config,
)

LEFT = 54  # pixels left of a plot, for its axis
WIDTH = 640  # pixels of a plot; with its axis 700, so that 12 pixels are 10 where the figure is 600 wide
LINE = 17  # pixels from one entry of a key to the next
ICON = 24
NUMBER = "format(datum.value, '.3~r')"


def log_ticks(low: float, high: float) -> list[float]:
    """Return where a logarithmic axis has numbers: at 1, 2, 5, 10, ... or, of a short one, evenly."""
    first = floor(log10(low))
    subs = (1, 2, 5) if high / low < 1000 else (1, 3)
    ticks = [sub * 10.0**n for n in range(first, ceil(log10(high)) + 1) for sub in subs]
    ticks = [float(f"{tick:.6g}") for tick in ticks if low <= tick <= high]
    if len(ticks) >= 3:
        return ticks
    rough = (high - low) / 5
    whole = 10.0 ** floor(log10(rough))
    step = next(n * whole for n in (1, 2, 5, 10) if n * whole >= rough)
    return [float(f"{n * step:.6g}") for n in range(ceil(low / step), floor(high / step) + 1)]


def rows(values: Iterable[Mapping[str, Any]]) -> Spec:
    """Return a spec's data."""
    return {"data": {"values": [dict(value) for value in values]}}


def at(field: str, **more: Any) -> Spec:
    """Return a channel that takes a number; on its scale, or `scale=None` for pixels."""
    return {"field": field, "type": "quantitative", **more}


def given(field: str) -> Spec:
    """Return a channel whose field holds colours, paths or dashes themselves."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def pixels(*names: str) -> Spec:
    """Return the channels x, y, x2 and y2 of those `names`, in pixels from the upper left corner."""
    return {
        name: {"field": name} if name.endswith("2") else at(name, scale=None, axis=None)
        for name in names or ("x", "y")
    }


def axis(field: str, title: str | None, low: float, high: float, **more: Any) -> Spec:
    """Return a channel on an axis from `low` to `high`, with a grid."""
    kind = more.pop("scale", {"zero": False})
    scale = {"domain": [low, high], "nice": False, **kind}
    return at(field, scale=scale, axis={"title": title, "labelOverlap": True, **more})


def mark(sort: str, values: Iterable[Mapping[str, Any]], encoding: Spec, **look: Any) -> Spec:
    """Return a layer of its own rows."""
    return {**rows(values), "mark": {"type": sort, **look}, "encoding": encoding}


def texts(values: Iterable[Mapping[str, Any]], encoding: Spec | None = None, **look: Any) -> Spec:
    """Return texts at pixels; a row has x, y and text, and may have size, weight and colour."""
    whole = [{"size": SIZE, "weight": "normal", "colour": INK, **value} for value in values]
    dynamic = {
        "fontSize": {"expr": "datum.size"},
        "fontWeight": {"expr": "datum.weight"},
        "fill": {"expr": "datum.colour"},
    }
    look = {"align": "left", "baseline": "middle", "limit": 0, **dynamic, **look}
    return mark("text", whole, {**(encoding or pixels()), "text": {"field": "text"}}, **look)


def dots(encoding: Spec, **look: Any) -> Spec:
    """Return the mark and channels of markers: path, fill and stroke are in their rows."""
    channels = {"shape": given("path"), "fill": given("fill"), "stroke": given("stroke")}
    return {
        "mark": {"type": "point", "strokeWidth": 1.3, "opacity": 1, **look},
        "encoding": {**encoding, **channels},
    }


def filled(colour: str, path: str, hollow: bool = False) -> Spec:
    """Return what a row of `dots` says of its look."""
    fill, stroke = (WHITE, colour) if hollow else (colour, WHITE)
    return {"path": path, "fill": fill, "stroke": stroke}


def key(
    entries: Sequence[Mapping[str, Any]],
    *,
    columns: int = 0,
    left: float = LEFT,
    width: float = WIDTH,
) -> Spec:
    """Return what marks, lines and boxes mean, in columns that are read downwards.

    An entry has `words`, may have `number` and `bold`, and one of `path` with `fill` and `stroke`,
    `dash` with `colour` (and a path upon it), or `box` with `edge`.
    """
    room = width + left
    size = SMALL if len(entries) > 12 else SIZE
    numbered = 24 if any("number" in entry for entry in entries) else 0
    before = numbered + ICON + 6
    wide = widest((str(e["words"]) for e in entries), size, bold=True) + before + 14
    columns = columns or max(1, min(4, int(room // wide), len(entries)))
    step = min(wide, room / columns) if columns > 1 else room
    tall = -(-len(entries) // columns)
    words, marks, lines, boxes = [], [], [], []
    for place, entry in enumerate(entries):
        column, row = divmod(place, tall)
        x, y = column * step - left, row * LINE + LINE / 2
        weight = "bold" if entry.get("bold") else "normal"
        name, points = fitted(entry["words"], step - before - 8, size, bold=weight == "bold")
        look = {"y": y, "weight": weight, "size": points}
        words.append({**look, "x": x + before, "text": name})
        if "number" in entry:
            words.append({**look, "x": x + numbered - 6, "text": str(entry["number"]), "right": 1})
        middle = x + numbered + ICON / 2
        if "dash" in entry:
            ends = {"x": middle - ICON / 2, "x2": middle + ICON / 2, "y": y}
            lines.append({**ends, "colour": entry["colour"], "dash": entry["dash"]})
        if "box" in entry:
            ends = {"x": middle - 9, "x2": middle + 9, "y": y - 5, "y2": y + 5}
            look = {"fill": entry["box"], "edge": entry.get("edge", entry["box"])}
            boxes.append({**ends, **look, "dash": [3, 2] if "edge" in entry else [1, 0]})
        if "path" in entry:
            fill = entry.get("fill", entry.get("colour"))
            look = {"path": entry["path"], "fill": fill, "stroke": entry.get("stroke", WHITE)}
            marks.append({"x": middle, "y": y, **look, "area": entry.get("area", 100)})
    layers: list[Spec] = []
    if boxes:
        layers.append(_boxes(boxes))
    if lines:
        look = {"stroke": given("colour"), "strokeDash": given("dash")}
        layers.append(mark("rule", lines, {**pixels("x", "x2", "y"), **look}, strokeWidth=1.8))
    if marks:
        layers.append({**rows(marks), **dots(pixels(), size={"expr": "datum.area"})})
    layers += [texts([word for word in words if "right" not in word])]
    if numbered:
        layers.append(texts([word for word in words if "right" in word], align="right"))
    return {"width": width, "height": tall * LINE, "layer": layers}


def _boxes(boxes: Sequence[Mapping[str, Any]]) -> Spec:
    look = {"fill": given("fill"), "stroke": given("edge")}
    encoding = {**pixels("x", "x2", "y", "y2"), **look}
    return mark("rect", boxes, encoding, strokeWidth=0.8, strokeDash={"expr": "datum.dash"})


def page(
    heading: str, title: str, note: str, *views: Spec, left: float = LEFT, width: float = WIDTH
) -> Spec:
    """Return a whole figure: what it shows, of which data set, how to read it; below it the views."""
    lines = [(heading, HEAD, "bold", INK), (plain(title), SIZE + 1, "normal", MUTED)]
    lines += [(line, SIZE, "normal", MUTED) for line in paragraph(note, width + left - 8, SIZE)]
    y, words = 10.0, []
    for text, size, weight, colour in (line for line in lines if line[0]):
        look = {"size": size, "weight": weight, "colour": colour}
        name = fitted(text, width + left - 8, size, bold=weight == "bold")[0]
        words.append({"x": -left, "y": y, "text": name, **look})
        y += 1.25 * size + (4 if weight == "bold" else 2)
    head = {"width": width, "height": y - 4, "layer": [texts(words)]}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"{heading}, {plain(title)}",
        "background": WHITE,
        "padding": 10,
        "spacing": 12,
        "vconcat": [head, *views],
        "config": {**config(BASE), "aria": False},
    }


def panels(views: Sequence[Spec], columns: int, spacing: float) -> Spec:
    """Return views in columns, row by row."""
    return {"concat": list(views), "columns": columns, "spacing": spacing}


def named(name: str, x: float, y: float, room: float, size: float = SIZE) -> list[Spec]:
    """Return the rows of a variant's name in bold on up to two lines that end above `y`."""
    lines, points = wrapped(name, room / 1.09, size)
    look = {"x": x, "size": points, "weight": "bold"}
    ends = [y - 1.15 * size * (len(lines) - 1 - place) for place in range(len(lines))]
    return [{**look, "y": end, "text": line} for end, line in zip(ends, lines, strict=True)]
