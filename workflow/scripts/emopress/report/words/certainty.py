"""How certain a recommendation is: what the paired tests show, and what the intervals cover."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.measure.deciding import Judge, Metric, judge_of
from emopress.report.words import markup as t
from emopress.report.words.contrasts import compared
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import p_phrase
from emopress.tasks import MULTI, SINGLE

LEFT_OUT = "They cover no differences between training runs and are not corrected for the number of comparisons."
INTERVALS = {  # with one label per text, resamples are stratified by label
    SINGLE: f"The intervals hold for texts whose labels are as frequent as in this test split. {LEFT_OUT}",
    MULTI: f"The intervals hold for texts like those of this test split. {LEFT_OUT}",
}


def sure(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say whether a difference from the reference is shown, and what another training run would change."""
    variant, reference, judge = first["variant"], first["reference"], judge_of(rows)
    row = rows.loc[variant]
    sentences = []
    if reference is not None and reference != variant:
        sentences += tested(row, rows.loc[reference], judge, statistics["n_test"])
    if row["seeds"] > 1:
        spreads = [f"{100 * row[f'{m.column}_sd']:.2f} points of {m.name}" for m in judge.reported]
        sentences.append(
            f"Over {t.count(row['seeds'])} training runs with different seeds the standard deviation is "
            f"{' and '.join(spreads)}."
        )
    else:
        sentences.append("It was trained once; what another training run would change is unknown.")
    return [Markdown(sentence) for sentence in sentences]


def caveats(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say how certain scores and differences are, how the choice was made, and what intervals do not cover."""
    variant, reference = first["variant"], first["reference"]
    compare = reference is not None and reference != variant
    judge, n_test = judge_of(rows), statistics["n_test"]
    row = rows.loc[variant]
    differences = _differences(row, rows.loc[reference], judge, n_test) if compare else []
    meeting = f", {t.count(first['meeting'])} of which meet the limits" if first["limits"] else ""
    choice = (
        f"It was chosen from {t.count(first['candidates'])} variants{meeting}, by {judge.metric.name} on "
        f"{t.count(statistics['n_validation'])} validation texts."
    )
    sentences = [_intervals(row, judge, n_test), *differences, choice, INTERVALS[judge.task]]
    return [Markdown(sentence) for sentence in sentences]


def tested(row: pd.Series, base: pd.Series, judge: Judge, texts: int) -> list[str]:
    """Say what the paired tests against the reference `base` show, and what they could have missed.

    "No difference" is said only if neither the metric that decides nor macro F1 shows one.
    """
    name = t.code(base.name)
    tests = {metric: compared(metric, row, base) for metric in judge.reported}
    if any(t.missing(test["p"]) for test in tests.values()):
        return [f"Its difference from {name} was not tested."]
    shown = {metric: test for metric, test in tests.items() if test["shown"]}
    if not shown:
        return [_none_shown(name, tests, texts)]
    sentences = []
    for metric, test in shown.items():
        what = "gain over" if test["difference"] > 0 else "loss against"
        span = f"{t.points_interval(test['low'], test['high'])} points"
        sentences.append(
            f"A {what} {name} in {metric.name} is shown ({p_phrase(test['p'])}): {span} (95 % interval)."
        )
    sentences += [
        f"{metric.title} alone does not show it ({p_phrase(test['p'])})."
        for metric, test in tests.items()
        if metric not in shown
    ]
    return sentences


def _none_shown(name: str, tests: Mapping[Metric, Mapping[str, Any]], texts: int) -> str:
    """Say that no test shows a difference, and what could have been missed."""
    by = [f"in {metric.name} ({p_phrase(test['p'])})" for metric, test in tests.items()]
    text = f"No difference from {name} is shown on {t.count(texts)} test texts"
    text += f"{', neither' * (len(by) > 1)} {' nor '.join(by)}"
    lost = {
        m.name: -100 * test["low"] for m, test in tests.items() if round(1000 * test["low"]) < 0
    }
    missed = [f"{points:.1f} points of {metric}" for metric, points in lost.items()]
    if 1 < len(lost) == len(tests):  # in the order in which the metrics were named
        missed = [f"{points:.1f}" for points in lost.values()]
        missed[-1] += " points"
    return (
        f"{text}; a loss of up to {' or '.join(missed)} could have been missed."
        if missed
        else f"{text}."
    )


def _intervals(row: pd.Series, judge: Judge, texts: int) -> str:
    """Say how certain the scores are."""
    ends = [
        f"{t.interval(row[f'{m.column}_low'], row[f'{m.column}_high'])} % for {m.name}"
        for m in judge.reported
    ]
    return f"On {t.count(texts)} test texts the 95 % interval is {' and '.join(ends)}."


def _differences(row: pd.Series, base: pd.Series, judge: Judge, texts: int) -> list[str]:
    """Say which differences from the reference `base` fit the test texts, and how they were tested."""
    tests = {metric: compared(metric, row, base) for metric in judge.reported}
    if any(t.missing(test["p"]) for test in tests.values()):
        return []
    spans = [
        f"{t.points_interval(test['low'], test['high'])} points of {metric.name}"
        for metric, test in tests.items()
    ]
    named = {m: m.test(texts) for m in tests}
    named |= {m: f"the {test}" for m, test in named.items() if test.startswith("paired")}
    by = [f"{test} for {metric.name}" for metric, test in named.items()]
    if len(set(named.values())) == 1:
        by = [next(iter(named.values()))]
    sentences = [
        f"Differences from {t.code(base.name)} that fit the test texts: {' and '.join(spans)} "
        f"(95 % interval{'s' * (len(spans) > 1)}). p comes from {' and '.join(by)}, after Holm's correction for all "
        "comparisons of the data set."
    ]
    apart = [
        metric.name
        for metric, test in tests.items()
        if not test["shown"] and (test["low"] > 0 or test["high"] < 0)
    ]
    if apart:
        sentences.append(f"The uncorrected interval for {' and that for '.join(apart)} excludes 0.")
    return sentences
