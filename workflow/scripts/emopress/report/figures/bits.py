"""LSTMs of both kinds in few bits: macro F1 against bits, and what a token costs the generative one."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.report.figures.looks import BLUE, INK, ORANGE, SHAPES, WHITE, Spec
from emopress.report.figures.parts import (
    WIDTH,
    axis,
    dots,
    filled,
    given,
    key,
    page,
    rows,
)
from emopress.report.words.verdicts import FIRST, listed

COLOURS = {"generative": ORANGE, "discriminative": BLUE}
DASHES = {"gpfq": [1, 0], "rtn": [7, 3]}
MARKERS = {"gpfq": "o", "rtn": "s"}
WORDS = {"gpfq": "path-following", "rtn": "to nearest"}
APART = 0.07  # of the distance of two numbers of bits, between two marks
FULL = "fp32"
TALL = 320
BOXES = 0.8  # of the room of one variant, for its boxes together
SHADES = (ORANGE, "#E58B4D", "#F0B68D", "#F8DCC9")  # clean, then more and more noise
NONE = "This data set has no LSTMs of both kinds."

Key = tuple[str, str, bool]  # kind, rounding, class-conditional
Point = tuple[int | str, str]  # bits, variant


def bits_figure(statistics: Mapping[str, Any], *, title: str) -> Spec:
    """Return macro F1 with its 95 % interval against bits, one line per kind, rounding and balance of texts.

    `statistics`: the data set's statistics file. Of passes that differ only in the number of calibration texts, the one
    with most texts is drawn; class-unconditional samples have hollow marks.
    """
    questions = statistics.get("questions")
    if questions is None:
        return page("Macro F1 against bits", title, NONE)
    lines = series(questions["bits"])
    bits = sorted({b for points in lines.values() for b, _ in points}, reverse=True)
    places = {name: place for place, name in enumerate([FULL, *map(str, bits)])}
    drawn = [
        (name, points, APART * (rank - (len(lines) - 1) / 2))
        for rank, (name, points) in enumerate(lines.items())
    ]
    for side, kind in zip((-APART, APART), COLOURS, strict=True):
        drawn.append(((kind, "gpfq", True), [(FULL, questions["fp32"][kind])], side))
    values = [
        {
            "x": places[str(bits)] + shift,
            "line": place,
            **_look(name),
            **_score(statistics, variant),
        }
        for place, (name, points, shift) in enumerate(drawn)
        for bits, variant in points
    ]
    low, high = min(v["low"] for v in values), max(v["high"] for v in values)
    room = max(0.5, 0.05 * (high - low))
    labels = f"{list(places)}[datum.value]"
    x = axis(
        "x", "Bits of weights", -0.5, len(places) - 0.5,
        values=list(places.values()), labelExpr=labels, grid=False,
    )  # fmt: skip
    y = axis(
        "y",
        "Macro F1 on the test split, %",
        max(0.0, low - room),
        min(100.0, high + room),
        tickCount=6,
    )
    line = {"detail": {"field": "line"}, "stroke": given("colour"), "strokeDash": given("dash")}
    bars = {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "stroke": given("colour")}
    plot = {
        "width": WIDTH,
        "height": TALL,
        **rows(values),
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 1}, "encoding": bars},
            {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": line},
            dots({}, size=70),
        ],
    }
    entries = [{"words": _named(name), **_look(name), "area": 70} for name in lines]
    note = "Thin lines are 95 % intervals over the test texts. Hollow: class-unconditional calibration texts."
    heading = "Macro F1 against bits: generative and discriminative LSTMs"
    return page(heading, title, note, plot, key(entries))


def series(entries: Sequence[Mapping[str, Any]]) -> dict[Key, list[Point]]:
    """Return the lines of the figure: the variants by kind, rounding and balance, from most bits to fewest."""
    most: dict[tuple[str, bool, int], Mapping[str, Any]] = {}
    for entry in entries:
        step = entry["step"]
        name = step["method"], bool(step["calibration"]["balanced"]), step["bits"]
        texts = step["calibration"]["texts"]
        if name not in most or most[name]["step"]["calibration"]["texts"] < texts:
            most[name] = entry
    lines: dict[Key, list[Point]] = {}
    for kind in COLOURS:
        for (method, balanced, bits), entry in sorted(
            most.items(), key=lambda item: (item[0][0], not item[0][1], -item[0][2])
        ):
            lines.setdefault((kind, method, balanced), []).append((bits, entry["variants"][kind]))
    return lines


def _score(statistics: Mapping[str, Any], variant: str) -> dict[str, float]:
    """Return a variant's macro F1 and the ends of its interval, which the mean of seeds may miss by rounding."""
    score = statistics["variants"][variant]["macro_f1"]
    low, y, high = (100 * score[end] for end in ("low", "mean", "high"))
    return {"y": y, "low": min(low, y), "high": max(high, y)}


def _look(name: Key) -> dict[str, Any]:
    kind, method, balanced = name
    dash = DASHES[method] if balanced else [2, 3]
    look = filled(COLOURS[kind], SHAPES[MARKERS[method]], hollow=not balanced)
    return {"colour": COLOURS[kind], "dash": dash, **look}


def _named(name: Key) -> str:
    kind, method, balanced = name
    return f"{kind}, {WORDS[method]}" + ("" if balanced else ", unconditional")


def cross_entropy_figure(
    statistics: Mapping[str, Any], details: Mapping[str, Any], *, title: str
) -> Spec:
    """Return the tokens' cross-entropy (nats) in fp32 and in the bits that the section lists, a box per share of noise.

    `details`: variant -> seed -> entry with `cross_entropy`; of several seeds it is the first.
    """
    heading = "Cross-entropy of the test texts' tokens: the generative LSTM"
    questions = statistics.get("questions")
    if questions is None:
        return page(heading, title, NONE)
    levels = listed(questions)
    shades: dict[float, str] = {}
    boxes = []
    for place, level in enumerate(levels):
        parts = _test_parts(details[level["variants"][FIRST]])
        step = BOXES / len(parts)
        for rank, part in enumerate(parts):
            shade = shades.setdefault(part["noise"], SHADES[min(rank, len(SHADES) - 1)])
            middle = place + step * (rank - (len(parts) - 1) / 2)
            ends = {f"q{q}": part["quantiles"][q] for q in ("5", "25", "50", "75", "95")}
            sides = {"x": middle, "left": middle - 0.42 * step, "right": middle + 0.42 * step}
            boxes.append({**sides, "shade": shade, "mean": part["mean"], **ends})
    bits = [f"{level['step']['bits']} bits" if level["step"] else FULL for level in levels]
    x = axis(
        "x", None, -0.5, len(levels) - 0.5,
        values=list(range(len(levels))), labelExpr=f"{bits}[datum.value]", grid=False,
    )  # fmt: skip
    y = axis("mean", "Nats per token", 0, 1.05 * max(max(b["q95"], b["mean"]) for b in boxes))
    across = {"x": {**x, "field": "left"}, "x2": {"field": "right"}}
    whisker = {"y": {**y, "field": "q5"}, "y2": {"field": "q95"}}
    bar = {"y": {**y, "field": "q25"}, "y2": {"field": "q75"}, "fill": given("shade")}
    plot = {
        "width": WIDTH,
        "height": TALL,
        **rows(boxes),
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "rule", "stroke": INK}, "encoding": whisker},
            {
                "mark": {"type": "rect", "stroke": INK, "strokeWidth": 0.8},
                "encoding": {**across, **bar},
            },
            {
                "mark": {"type": "rule", "stroke": INK},
                "encoding": {**across, "y": {**y, "field": "q50"}},
            },
            {"mark": {"type": "point", "fill": INK, "stroke": WHITE, "size": 30, "opacity": 1}},
        ],
    }
    entries = [
        {"words": f"{100 * share:g} % noise", "box": shade, "edge": INK}
        for share, shade in shades.items()
    ]
    note = "Boxes: half of the tokens, and the median; whiskers: 90 %; dots: the mean. True label, first seed."
    return page(heading, title, note, plot, key(entries))


def _test_parts(seeds: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what is known of the test texts, from clean to most noise."""
    parts = next(iter(seeds.values()))["cross_entropy"]["parts"]
    return sorted((p for p in parts if p["split"] == "test"), key=lambda part: part["noise"])
