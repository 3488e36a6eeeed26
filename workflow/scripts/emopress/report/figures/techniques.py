"""Six measures of each technique's best variant, as a table of shaded cells, with the reference above."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, log

import pandas as pd

from emopress.measure.deciding import judge_of
from emopress.report.figures.bars import times
from emopress.report.figures.fitting import fitted
from emopress.report.figures.looks import MUTED, SHAPES, SIZE, SMALL, Spec, looks_of, path_of
from emopress.report.figures.matrices import cells
from emopress.report.figures.parts import dots, filled, page, pixels, rows, texts

MEASURES = 6
SCORE_STEPS = (10.0, 20.0, 40.0, 100.0)  # points of a score from the darkest cell to an empty one
NOISE = 10  # percent, or the share nearest to it
NAMES, CELL = (252, (74, 36))  # pixels


@dataclass(frozen=True)
class Measure:
    """One column: where it is from, how it is called, its unit, and whether less is better."""

    column: str
    name: str
    words: Callable[[float], str]
    ratio: bool
    less: bool = False


def techniques_figure(
    table: pd.DataFrame, *, title: str, sorts: Mapping[str, str], reference: str | None = None
) -> Spec:
    """Return a row per technique: the look of the last pass, the variant best on validation.

    `table`: one dataset's rows of the summary, indexed by variant; `sorts`: variant -> sort of its
    last pass. The darkest cell of a column is the best value among the drawn variants. A score gets
    paler with every point that it loses; a ratio is on a log scale whose empty cell is 1x or, for
    memory and bits, the most that a drawn variant takes. `reference` is the first row.
    """
    best = best_of_each(table, sorts)
    drawn = table.loc[list(dict.fromkeys([*best.values(), *([reference] if reference else [])]))]
    measures = chosen_measures(drawn)
    step = score_step(drawn, measures)
    looks = {look.words: look for look in looks_of(list(sorts.values())).values()}
    lines = [
        (words, variant, filled(looks[words].colour, path_of(looks[words])))
        for words, variant in best.items()
    ]
    if reference:
        lines.insert(0, ("the reference", reference, filled(MUTED, SHAPES["o"], hollow=True)))
    wide, tall = CELL
    names, values, boxes, marks = [], [], [], []
    for column, measure in enumerate(measures):
        for line, word in _heading(measure.name):
            look = {"x": column * wide + wide / 2, "y": -22 + 13 * line, "size": SMALL}
            values.append({**look, "text": word, "colour": MUTED})
    for place, (words, variant, look) in enumerate(lines):
        y = place * tall + (8 if reference and place else 0)
        row = table.loc[variant]
        head, size = fitted(words + " (simulated)" * _simulated(row), NAMES - 24, SIZE, bold=True)
        names.append({"x": 22 - NAMES, "y": y + 11, "text": head, "size": size, "weight": "bold"})
        name, size = fitted(variant, NAMES - 24, SMALL)
        names.append({"x": 22 - NAMES, "y": y + 26, "text": name, "size": size, "colour": MUTED})
        marks.append({"x": 8 - NAMES, "y": y + 12, **look})
        for column, measure in enumerate(measures):
            value = float(row[measure.column])
            x = column * wide
            place_of = position(row, measure, drawn, step)
            if place_of:
                box = {"x": x + 1, "x2": x + wide - 1, "y": y + 1, "y2": y + tall - 1}
                boxes.append({**box, "share": place_of})
            word = "–" if isnan(value) else measure.words(value)
            values.append({"x": x + wide / 2, "y": y + tall / 2, "text": word})
    width = wide * len(measures)
    view = {
        "width": width,
        "height": tall * len(lines) + 8,
        "layer": [
            *cells(boxes),
            {**rows(marks), **dots(pixels(), size=120)},
            texts(names),
            texts(values, align="center"),
        ],
    }
    note = _explained(measures, step, judge_of(table).metric.name)
    heading = "What each technique keeps and what it gains"
    return page(heading, title, note, view, left=NAMES, width=width)


def best_of_each(table: pd.DataFrame, sorts: Mapping[str, str]) -> dict[str, str]:
    """Return technique (the words of its look) -> its variant that is best on validation by what decides.

    Of equals the smaller one is chosen.
    """
    looks = looks_of([sorts[str(name)] for name in table.index])
    score = judge_of(table).metric.validation
    best: dict[str, str] = {}
    for look in looks.values():
        alike = [str(n) for n in table.index if looks[sorts[str(n)]].words == look.words]
        best[look.words] = max(
            alike,
            key=lambda n: (
                float(table.loc[n, score]),
                -float(table.loc[n, "size_bytes"]),
            ),
        )
    return best


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def chosen_measures(table: pd.DataFrame) -> list[Measure]:
    """Return the six columns: of those a reader needs, the first six that were measured."""
    judge = judge_of(table)
    scores = dict.fromkeys([*judge.reported, judge.accuracy])
    candidates = [
        *(Measure(metric.column, metric.name, _percent, ratio=False) for metric in scores),
        Measure("compression", "times smaller", times, ratio=True),
        Measure("speedup", "times faster", times, ratio=True),
        Measure("peak_memory_bytes", "memory", _megabytes, ratio=True, less=True),
        Measure("agreement", "agreement", _percent, ratio=False),
        Measure("ece", "ECE", _percent, ratio=False, less=True),
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
        candidates.insert(2, Measure(shares[share], f"{share:g} % noise", _percent, ratio=False))

    def gaps(measure: Measure) -> int:
        return int(table[measure.column].isna().sum()) if measure.column in table else len(table)

    there = [measure for measure in candidates if gaps(measure) < len(table)]
    kept = sorted(there, key=lambda measure: 2 * gaps(measure) > len(table))[:MEASURES]
    return [measure for measure in candidates if measure in kept]


def score_step(table: pd.DataFrame, measures: Sequence[Measure]) -> float:
    """Return the points of a score from the darkest cell to an empty one: enough for the widest."""
    spans = [
        100 * float(table[m.column].max() - table[m.column].min()) for m in measures if not m.ratio
    ]
    widest = max((span for span in spans if not isnan(span)), default=0.0)
    return next((step for step in SCORE_STEPS if step >= widest), SCORE_STEPS[-1])


def position(row: pd.Series, measure: Measure, table: pd.DataFrame, step: float) -> float | None:
    """Return how dark a value's cell is, 0 to 1 (the best of `table`); None if it was not measured."""
    value = float(row[measure.column])
    if isnan(value):
        return None
    column = table[measure.column].astype(float)
    best = float(column.min() if measure.less else column.max())
    if not measure.ratio:
        return max(0.0, 1 - 100 * abs(best - value) / step)
    if measure.less:  # as a ratio to the worst
        value, best = float(column.max()) / value, float(column.max()) / best
    if best <= 1:
        return max(0.0, min(1.0, value / best))
    return max(0.0, log(value) / log(best)) if value > 0 else 0.0


def _explained(measures: Sequence[Measure], step: float, decides: str) -> str:
    words = (
        "Of each technique the variant that is best on validation. Full shade: the best value of a "
    )
    words += f"column. A score that is {step:g} points lower has none; ratios are shaded on a log "
    words += "scale from 1x"
    if any(m.ratio and m.less for m in measures):
        words += ", memory and bits from the most drawn"
    words += "."
    names = {measure.column: measure.name for measure in measures}
    noisy = next((name for name in names.values() if name.endswith("noise")), None)
    words += f" {noisy}: {decides} on texts with so many characters changed." if noisy else ""
    words += " Memory: the peak of a process that loads the model and predicts a text." * (
        "peak_memory_bytes" in names
    )
    return words


def _heading(name: str) -> list[tuple[int, str]]:
    """Return a column's name on up to two lines with their numbers, the lower one first filled."""
    first, _, second = name.rpartition(" ")
    return [(line, word) for line, word in enumerate((first, second)) if word]


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB"


def _simulated(row: pd.Series) -> bool:
    return str(row["simulated"]).lower() == "true"
