"""How sure a recommendation is: what the paired tests show, and what the intervals say and leave out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.measure.deciding import Judge, Metric, judge_of
from emopress.report.words import markup as t
from emopress.report.words.contrasts import compared
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import p_phrase
from emopress.tasks import MULTI, SINGLE

OF_INTERVALS = "they leave out the spread between trainings, and they are not corrected for the number of comparisons."
INTERVALS = {  # with one label per text resamples are stratified by it
    SINGLE: f"The intervals are over texts with this test split's shares of labels: {OF_INTERVALS}",
    MULTI: f"The intervals are over texts like those of this test split: {OF_INTERVALS}",
}


def sure(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say whether a difference to the reference is shown, and what another training would change."""
    variant, reference, judge = first["variant"], first["reference"], judge_of(rows)
    row = rows.loc[variant]
    told = []
    if reference is not None and reference != variant:
        told += tested(row, rows.loc[reference], judge, statistics["n_test"])
    if row["seeds"] > 1:
        spreads = [f"{100 * row[f'{m.column}_sd']:.2f} points of {m.name}" for m in judge.reported]
        told.append(
            f"Over {t.count(row['seeds'])} trainings with different seeds the standard deviation is "
            f"{' and '.join(spreads)}."
        )
    else:
        told.append("Trained once: what another training would change is not known.")
    return [Markdown(sentence) for sentence in told]


def caveats(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say how sure scores and differences are, what the choice was made on, and what intervals do not say."""
    variant, reference = first["variant"], first["reference"]
    compare = reference is not None and reference != variant
    differences = (
        _differences(rows.loc[variant], rows.loc[reference], judge_of(rows), statistics["n_test"])
        if compare
        else []
    )
    meeting = f"; {t.count(first['meeting'])} met the limits" if first["limits"] else ""
    return [
        Markdown(_intervals(rows.loc[variant], judge_of(rows), statistics["n_test"])),
        *map(Markdown, differences),
        Markdown(
            f"It was chosen among {t.count(first['candidates'])}, judged by {judge_of(rows).metric.name} on "
            f"{t.count(statistics['n_validation'])} validation texts{meeting}."
        ),
        Markdown(INTERVALS[judge_of(rows).task]),
    ]


def tested(row: pd.Series, base: pd.Series, judge: Judge, texts: int) -> list[str]:
    """Say in words what the paired tests against the reference `base` found, and what they could have missed.

    Of no difference is spoken only where neither the metric that decides nor macro F1 shows one.
    """
    name = t.code(base.name)
    tests = {metric: compared(metric, row, base) for metric in judge.reported}
    if any(t.missing(test["p"]) for test in tests.values()):
        return [f"Its difference to {name} was not tested."]
    shown = {metric: test for metric, test in tests.items() if test["shown"]}
    if not shown:
        return [_none_shown(name, tests, texts)]
    told = []
    for metric, test in shown.items():
        what = "gain over" if test["difference"] > 0 else "loss against"
        span = f"{t.points_interval(test['low'], test['high'])} points"
        told.append(
            f"In {metric.name} a {what} {name} is shown ({p_phrase(test['p'])}): {span} (95 % interval)."
        )
    told += [
        f"The {metric.name} alone does not show it ({p_phrase(test['p'])})."
        for metric, test in tests.items()
        if metric not in shown
    ]
    return told


def _none_shown(name: str, tests: Mapping[Metric, Mapping[str, Any]], texts: int) -> str:
    """Say that no test shows a difference, and what could have been missed."""
    by = [f"in {metric.name} ({p_phrase(test['p'])})" for metric, test in tests.items()]
    text = f"No difference to {name} is shown on {t.count(texts)} test texts"
    text += f"{', neither' * (len(by) > 1)} {' nor '.join(by)}"
    lost = {
        m.name: -100 * test["low"] for m, test in tests.items() if round(1000 * test["low"]) < 0
    }
    missed = [f"{points:.1f} points of {metric}" for metric, points in lost.items()]
    if 1 < len(lost) == len(tests):  # in the order in which they stand
        missed = [f"{points:.1f}" for points in lost.values()]
        missed[-1] += " points"
    return (
        f"{text}; a loss of up to {' or '.join(missed)} could have been missed."
        if missed
        else f"{text}."
    )


def _intervals(row: pd.Series, judge: Judge, texts: int) -> str:
    """Say how sure the scores are."""
    ends = [
        f"of {m.name} {t.interval(row[f'{m.column}_low'], row[f'{m.column}_high'])} %"
        for m in judge.reported
    ]
    return f"On {t.count(texts)} test texts the 95 % interval is {', '.join(ends)}."


def _differences(row: pd.Series, base: pd.Series, judge: Judge, texts: int) -> list[str]:
    """Say which differences to the reference `base` fit the test texts, and how they were tested."""
    tests = {metric: compared(metric, row, base) for metric in judge.reported}
    if any(t.missing(test["p"]) for test in tests.values()):
        return []
    spans = [
        f"{t.points_interval(test['low'], test['high'])} points of {metric.name}"
        for metric, test in tests.items()
    ]
    named = {m: m.test(texts) for m in tests}
    named |= {m: f"the {test}" for m, test in named.items() if test.startswith("paired")}
    by = [f"of {test} for {metric.name}" for metric, test in named.items()]
    if len(set(named.values())) == 1:
        by = [f"of {next(iter(named.values()))}"]
    told = [
        f"Differences to {t.code(base.name)} that fit the test texts: {' and '.join(spans)} "
        f"(95 % interval{'s' * (len(spans) > 1)}); p is that {' and '.join(by)}, after Holm's correction for all "
        "comparisons of the data set."
    ]
    apart = [
        metric.name
        for metric, test in tests.items()
        if not test["shown"] and (test["low"] > 0 or test["high"] < 0)
    ]
    if apart:
        told.append(f"By itself the interval of {' and that of '.join(apart)} excludes 0.")
    return told
