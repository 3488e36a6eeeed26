"""Macro F1 against bits: LSTMs of both kinds, by rounding and by what the calibration texts are."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emopress.report.figures.style import add_axes, heading, new_figure, note, plain, style_of

COLOURS = {"generative": "#D55E00", "discriminative": "#0072B2"}
DASHES = {"gpfq": "-", "rtn": "--"}
MARKERS = {"gpfq": "o", "rtn": "s"}
WORDS = {"gpfq": "path-following", "rtn": "to nearest"}
APART = 0.07  # of the distance of two numbers of bits, between two marks
FULL = "fp32"


def bits_figure(statistics: Mapping[str, Any], *, title: str) -> Figure:
    """Draw macro F1 with its 95 % interval against bits, one line per kind, rounding and balance of texts.

    `statistics`: the data set's statistics file. Of passes that differ in the number of calibration texts
    alone, the one with most is drawn; class-unconditional samples are hollow marks.
    """
    questions = statistics.get("questions")
    with rc_context(style_of([title])):
        if questions is None:
            figure = new_figure(9.0, 1.4)
            heading(figure, plain(title), "Macro F1 against bits")
            figure.text(0.012, 0.4, "This data set has no LSTMs of both kinds.", fontsize=10)
            return figure
        figure = new_figure(9.8, 5.6)
        heading(figure, plain(title), "Macro F1 against bits: generative and discriminative LSTMs")
        note(
            figure,
            "Bars are 95 % intervals over the test texts. Hollow: class-unconditional calibration texts.",
        )
        axes = add_axes(figure, 0.75, 0.6, 5.3, 4.1)
        lines = series(questions["bits"])
        bits = sorted({b for points in lines.values() for b, _ in points}, reverse=True)
        places = {name: place for place, name in enumerate([FULL, *map(str, bits)])}
        for rank, (key, points) in enumerate(lines.items()):
            shift = APART * (rank - (len(lines) - 1) / 2)
            _draw(axes, points, statistics, places, shift, key)
        for side, kind in zip((-APART, APART), COLOURS, strict=True):
            point = (FULL, questions["fp32"][kind])
            _draw(axes, [point], statistics, places, side, (kind, "gpfq", True))
        axes.set_xticks(list(places.values()), list(places))
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set(xlabel="Bits of weights", ylabel="Macro F1 on the test split, %")
        axes.grid(color="#E8E8E8", linewidth=0.6)
        handles = [Line2D([], [], label=_named(key), **_look(key)) for key in lines]
        figure.legend(
            handles=handles,
            loc="center left",
            bbox_to_anchor=(0.635, 0.5),
            frameon=False,
            fontsize=8,
        )
    return figure


Key = tuple[str, str, bool]  # kind, rounding, class-conditional
Point = tuple[int | str, str]  # bits, variant


def series(entries: Sequence[Mapping[str, Any]]) -> dict[Key, list[Point]]:
    """Return the lines of the figure: the variants by kind, rounding and balance, from most bits to fewest."""
    most: dict[tuple[str, bool, int], Mapping[str, Any]] = {}
    for entry in entries:
        step = entry["step"]
        key = step["method"], bool(step["calibration"]["balanced"]), step["bits"]
        texts = step["calibration"]["texts"]
        if key not in most or most[key]["step"]["calibration"]["texts"] < texts:
            most[key] = entry
    lines: dict[Key, list[Point]] = {}
    for kind in COLOURS:
        for (method, balanced, bits), entry in sorted(
            most.items(), key=lambda item: (item[0][0], not item[0][1], -item[0][2])
        ):
            lines.setdefault((kind, method, balanced), []).append((bits, entry["variants"][kind]))
    return lines


def _draw(
    axes: Axes,
    points: Sequence[Point],
    statistics: Mapping[str, Any],
    places: Mapping[str, int],
    shift: float,
    key: Key,
) -> None:
    scores = [statistics["variants"][variant]["macro_f1"] for _, variant in points]
    xs = [places[str(bits)] + shift for bits, _ in points]
    ys = [100 * score["mean"] for score in scores]
    # The mean of several seeds may lie outside of the interval by rounding alone.
    below = [max(0.0, y - 100 * score["low"]) for y, score in zip(ys, scores, strict=True)]
    above = [max(0.0, 100 * score["high"] - y) for y, score in zip(ys, scores, strict=True)]
    axes.errorbar(xs, ys, yerr=[below, above], capsize=2, elinewidth=0.9, **_look(key))


def _look(key: Key) -> dict[str, Any]:
    kind, method, balanced = key
    return {
        "color": COLOURS[kind],
        "ls": DASHES[method] if balanced else ":",
        "marker": MARKERS[method],
        "mfc": COLOURS[kind] if balanced else "white",
        "ms": 5,
        "lw": 1.4,
    }


def _named(key: Key) -> str:
    kind, method, balanced = key
    return f"{kind}, {WORDS[method]}" + ("" if balanced else ", unconditional")
