"""Six measures of each technique's best variant, a small radar each, its teacher behind it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, isnan, log, pi, sin
from typing import Any

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from emopress.measure.deciding import judge_of
from emopress.report.figures.bars import times
from emopress.report.figures.style import (
    GREY,
    add_axes,
    fitted,
    heading,
    looks_of,
    new_figure,
    note,
    plain,
    style_of,
    wrapped,
)

MEASURES = 6
RINGS = 4
STEPS = (2.5, 5.0, 10.0, 25.0)  # points of a score from ring to ring
COLUMNS = 4
PANEL = (2.75, 2.95)  # inches from panel to panel, across and down
SIDE = 2.5  # inches of the axes
NOISE = 10  # percent, or the share nearest to it


@dataclass(frozen=True)
class Measure:
    """One spoke: where it is from, how it is called, its unit, and whether less is better."""

    column: str
    name: str
    words: Callable[[float], str]
    ratio: bool
    less: bool = False


def radar_figure(
    table: pd.DataFrame, *, title: str, sorts: Mapping[str, str], reference: str | None = None
) -> Figure:
    """Draw one radar per technique: the look of the last pass, the variant best on validation.

    `table`: one dataset's rows of the summary, indexed by variant; `sorts`: variant -> sort of its
    last pass. On every spoke the outermost ring is the best value among the drawn variants. A score
    loses a fixed number of points from ring to ring; a ratio is on a log scale whose centre is 1x
    or, for memory, the most that a drawn variant takes. `reference` is drawn behind all, dashed.
    """
    best = best_of_each(table, sorts)
    drawn = table.loc[list(dict.fromkeys([*best.values(), *([reference] if reference else [])]))]
    measures = chosen_measures(drawn)
    step = score_step(drawn, measures)
    columns = min(COLUMNS, max(2, len(best)))
    rows = -(-len(best) // columns)
    with rc_context(style_of([title, *map(str, drawn.index)])):
        figure = new_figure(max(8.6, columns * PANEL[0] + 0.2), 1.45 + rows * PANEL[1])
        height = figure.get_size_inches()[1]
        heading(figure, plain(title), "What each technique keeps and what it gains")
        note(figure, _explained(measures, step, reference, judge_of(table).metric.name))
        behind = None
        if reference:
            behind = [position(table.loc[reference], m, drawn, step) for m in measures]
        looks = looks_of(list(sorts.values()))
        colours = {words: colour for colour, _, words in looks.values()}
        for index, (technique, variant) in enumerate(best.items()):
            row, column = divmod(index, columns)
            left, top = 0.1 + column * PANEL[0], height - 1.4 - row * PANEL[1]
            axes = add_axes(figure, left, top - 0.45 - SIDE + 0.1, SIDE, SIDE)
            own = table.loc[variant]
            places = [position(own, measure, drawn, step) for measure in measures]
            _radar(axes, places, behind, colours[technique])
            for spoke, measure in enumerate(measures):
                _words(axes, spoke, measure, float(own[measure.column]))
            width = figure.get_size_inches()[0]
            head = technique + (" (simulated)" if _simulated(own) else "")
            text, size = fitted(figure, head, PANEL[0] - 0.2, 9.0, weight="bold")
            figure.text(left / width, top / height, text, fontsize=size, fontweight="bold")
            text, size = wrapped(figure, variant, PANEL[0] - 0.2, 7.6)
            figure.text(
                left / width,
                (top - 0.05) / height,
                text,
                fontsize=size,
                color=GREY,
                va="top",
                linespacing=1.05,
            )
    return figure


def best_of_each(table: pd.DataFrame, sorts: Mapping[str, str]) -> dict[str, str]:
    """Return technique (the words of its look) -> its variant that is best on validation by what decides.

    Equals are told apart by size, the smaller first.
    """
    looks = looks_of([sorts[str(name)] for name in table.index])
    score = judge_of(table).metric.validation
    best: dict[str, str] = {}
    for sort in looks:
        words = looks[sort][2]
        alike = [str(n) for n in table.index if looks[sorts[str(n)]][2] == words]
        best[words] = max(
            alike,
            key=lambda n: (
                float(table.loc[n, score]),
                -float(table.loc[n, "size_bytes"]),
            ),
        )
    return best


def chosen_measures(table: pd.DataFrame) -> list[Measure]:
    """Return the six spokes: of those a reader needs, the first six that were measured."""
    score = lambda value: f"{100 * value:.1f}"  # noqa: E731
    judge = judge_of(table)
    scores = dict.fromkeys([*judge.reported, judge.accuracy])
    wanted = [
        *(Measure(metric.column, metric.name, score, ratio=False) for metric in scores),
        Measure("compression", "times smaller", times, ratio=True),
        Measure("speedup", "times faster", times, ratio=True),
        Measure("peak_memory_bytes", "memory", _megabytes, ratio=True, less=True),
        Measure("agreement", "agreement", score, ratio=False),
        Measure("ece", "ECE", score, ratio=False, less=True),
        Measure("bits_per_weight", "bits / weight", lambda v: f"{v:.1f}", ratio=True, less=True),
    ]
    noisy = f"{judge.metric.column}_noise_"
    shares = {
        float(column.removeprefix(noisy)): column
        for column in map(str, table.columns)
        if re.fullmatch(rf"{noisy}[\d.]+", column)
    }
    if shares:
        share = min(shares, key=lambda share: (abs(share - NOISE), share))
        wanted.insert(2, Measure(shares[share], f"{share:g} % noise", score, ratio=False))

    def gaps(measure: Measure) -> int:
        return int(table[measure.column].isna().sum()) if measure.column in table else len(table)

    there = [measure for measure in wanted if gaps(measure) < len(table)]
    kept = sorted(there, key=lambda measure: 2 * gaps(measure) > len(table))[:MEASURES]
    return [measure for measure in wanted if measure in kept]


def score_step(table: pd.DataFrame, measures: Sequence[Measure]) -> float:
    """Return the points of a score from ring to ring: enough for the widest score to fit."""
    spans = [
        100 * float(table[m.column].max() - table[m.column].min()) for m in measures if not m.ratio
    ]
    widest = max((span for span in spans if not isnan(span)), default=0.0)
    return next((step for step in STEPS if RINGS * step >= widest), STEPS[-1])


def position(row: pd.Series, measure: Measure, table: pd.DataFrame, step: float) -> float | None:
    """Return how far out a value lies, 0 to 1 (the best of `table`); None if it was not measured."""
    value = float(row[measure.column])
    if isnan(value):
        return None
    column = table[measure.column].astype(float)
    best = float(column.min() if measure.less else column.max())
    if not measure.ratio:
        lost = 100 * abs(best - value)
        return max(0.0, 1 - lost / (RINGS * step))
    if measure.less:  # as a ratio to the worst
        value, best = float(column.max()) / value, float(column.max()) / best
    if best <= 1:
        return max(0.0, min(1.0, value / best))
    return max(0.0, log(value) / log(best)) if value > 0 else 0.0


def _explained(
    measures: Sequence[Measure], step: float, reference: str | None, decides: str
) -> str:
    words = "Of each technique the variant that is best on validation. Outermost ring: the best "
    words += f"value drawn. Scores lose {step:g} points from ring to ring; ratios are on a log "
    words += "scale with 1x"
    if any(m.ratio and m.less for m in measures):
        words += " (or the most memory or bits drawn)"
    words += " at the centre."
    names = {measure.column: measure.name for measure in measures}
    noisy = next((name for name in names.values() if name.endswith("noise")), None)
    words += f" {noisy}: {decides} on texts with so many characters changed." if noisy else ""
    words += " Memory: the peak of a process that loads the model and predicts a text." * (
        "peak_memory_bytes" in names
    )
    return words + (" Dashed: the reference." if reference else "")


def _radar(
    axes: Axes, places: Sequence[float | None], behind: Sequence[float | None] | None, colour: str
) -> None:
    """Draw rings, spokes, the reference's outline and the variant's area."""
    count = len(places)
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set(xlim=(-1.72, 1.72), ylim=(-1.72, 1.72))
    for ring in range(1, RINGS + 1):
        outline = [_at(spoke, count, ring / RINGS) for spoke in range(count)]
        edge = "#BBBBBB" if ring == RINGS else "#E4E4E4"
        axes.add_patch(Polygon(outline, fill=False, edgecolor=edge, lw=0.7))
    for spoke in range(count):
        x, y = _at(spoke, count, 1.0)
        axes.plot([0, x], [0, y], color="#E4E4E4", lw=0.7, zorder=1)
    if behind:
        outline = [_at(spoke, count, place or 0.0) for spoke, place in enumerate(behind)]
        axes.add_patch(Polygon(outline, fill=False, edgecolor="#777777", lw=0.9, ls="--", zorder=2))
    outline = [_at(spoke, count, place or 0.0) for spoke, place in enumerate(places)]
    axes.add_patch(Polygon(outline, facecolor=colour, alpha=0.22, lw=0, zorder=3))
    axes.add_patch(Polygon(outline, fill=False, edgecolor=colour, lw=1.5, zorder=4))
    for (x, y), place in zip(outline, places, strict=True):
        hollow: Any = {"mfc": "white" if place is None else colour, "mec": colour}
        axes.plot(x, y, marker="o", ms=3.2, zorder=5, **hollow)


def _words(axes: Axes, spoke: int, measure: Measure, value: float) -> None:
    x, y = _at(spoke, MEASURES, 1.1)
    words = "not measured" if isnan(value) else measure.words(value)
    side = "center" if abs(x) < 0.1 else "left" if x > 0 else "right"
    shift = 0.22 if side != "center" else 0.0
    axes.text(
        x - shift * (1 if x > 0 else -1),
        y + (0.06 if y > 0.5 else -0.06 if y < -0.5 else 0),
        f"{measure.name}\n{words}",
        ha=side,
        va="bottom" if y > 0.3 else "top" if y < -0.3 else "center",
        fontsize=7.2,
        linespacing=1.1,
        color="#222222",
    )


def _at(spoke: int, count: int, radius: float) -> tuple[float, float]:
    """Return a point on a spoke; the first one points up, the others follow clockwise."""
    angle = pi / 2 - 2 * pi * spoke / count
    return radius * cos(angle), radius * sin(angle)


def _simulated(row: pd.Series) -> bool:
    return str(row.get("simulated")).lower() == "true"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB"
