"""The tables of the paired tests: each variant against its teacher, the linear baseline and the reference."""

from collections.abc import Sequence

import pandas as pd

from emopress.measure.deciding import Metric, judge_of
from emopress.report.words import markup as t
from emopress.report.words.contrasts import comparison_of, verdict
from emopress.report.words.markup import Markdown

AGAINST = {
    "teacher": "Against its own teacher",
    "linear": "Against the linear baseline",
    "reference": "Against the reference",
}


def tests_tables(rows: pd.DataFrame) -> dict[str, Markdown]:
    """Write a table of paired tests for each kind of opponent; one without any row is left out.

    Where the reference of a variant is its teacher or the linear baseline, it is listed only there.
    """
    tables, metrics = {}, judge_of(rows).reported
    for other, title in AGAINST.items():
        lines = [
            _comparison(str(variant), row, other, metrics)
            for variant, row in rows.iterrows()
            if not t.missing(row[f"{other}_difference"]) and not _is_repeated(row, other)
        ]
        if lines:
            tables[title] = t.table(lines, left=("Variant", "Against", "In words"))
    return tables


def _is_repeated(row: pd.Series, other: str) -> bool:
    """Say whether a row's test against the reference is that against its teacher or the linear baseline."""
    ends = ("difference", "low", "high", "p")
    return other == "reference" and any(
        all(row[f"reference_{end}"] == row[f"{earlier}_{end}"] for end in ends)
        for earlier in ("teacher", "linear")
    )


def _comparison(
    variant: str, row: pd.Series, other: str, metrics: Sequence[Metric]
) -> dict[str, object]:
    line: dict[str, object] = {"Variant": t.code(variant)}
    if other == "teacher":
        line |= {"Against": t.code(row["teacher"]), "Agreement %": t.percent(row["agreement"])}
        line["Agreement, 95 %"] = t.interval(row["agreement_low"], row["agreement_high"])
    tests = {metric: comparison_of(metric, row, other) for metric in metrics}
    line["In words"] = verdict(tests)
    for metric, test in tests.items():
        line |= {
            f"{metric.title} points": t.points(test["difference"]),
            f"{metric.title}, 95 %": t.points_interval(test["low"], test["high"]),
            f"{metric.title} p": t.p_value(test["p"]),
        }
    return line
