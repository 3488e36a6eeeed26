"""Bars per variant: the baselines' scores, how much faster and how much smaller a variant is."""

from collections.abc import Callable

import pandas as pd

from emopress.measure.deciding import judge_of
from emopress.measure.results import speedup_claimed
from emopress.report.figures.bar_page import Groups, Row, bar_page
from emopress.report.figures.looks import BLUE, MUTED, ORANGE, PALE, WHITE, Spec


def baseline_figure(table: pd.DataFrame, *, title: str) -> Spec:
    """Return what decides and macro F1 of the models without passes, with their 95 % intervals.

    `table`: one dataset's rows of the summary, indexed by variant.
    """
    models = table[[("+" not in str(name)) for name in table.index]]
    metrics = list(zip(judge_of(table).reported, (BLUE, ORANGE), strict=False))
    models = models.sort_values(metrics[0][0].column, ascending=False, kind="stable")
    bars = [
        {"name": str(name) if not place else "", **_score(row, metric.column, colour)}
        for name, row in models.iterrows()
        for place, (metric, colour) in enumerate(metrics)
    ]
    return bar_page(
        [("", bars)],
        title=title,
        heading="Models without passes",
        note="On the test split; thin lines and in brackets: 95 % intervals.",
        axis_title="Percent",
        entries=[{"words": metric.name, "box": colour} for metric, colour in metrics],
        ratio=False,
        each=len(metrics),
        empty="No model is in this study without a pass.",
    )


def speedup_figure(table: pd.DataFrame, *, title: str) -> Spec:
    """Return each variant's speedup over its reference, and over PyTorch where that was timed.

    Variants are listed below the model that their recipes start from, the fastest first. A speedup within the error of
    the timing is pale with a dashed edge.
    """

    def bar(row: pd.Series) -> Row:
        over = row.get("speedup_over_pytorch", float("nan"))
        claimed = speedup_claimed(row)
        behind = {} if pd.isna(over) else {"behind": float(over)}
        words = times(row["speedup"]) + (f"  ({times(over)})" if behind else "")
        look = {} if claimed else {"colour": WHITE, "edge": BLUE, "ink": MUTED}
        return {"value": float(row["speedup"]), "words": words, "colour": BLUE, **behind, **look}

    groups = _by_root(table, "speedup", bar)
    bars = [one for _, group in groups for one in group]
    entries: list[Row] = [{"words": "over the reference as a bundle", "box": BLUE}]
    if any("behind" in one for one in bars):
        words = "pale, in brackets: over the reference in PyTorch"
        entries.append({"words": words, "box": PALE})
    if any("edge" in one for one in bars):
        words = "dashed, grey: within the error of the timing, no speedup shown"
        entries.append({"words": words, "box": WHITE, "edge": BLUE})
    return bar_page(
        groups,
        title=title,
        heading="Speedup",
        note="Median latency of one text, the reference's divided by the variant's.",
        axis_title="Times as fast",
        entries=entries,
        ratio=True,
        empty="No variant has a reference that was timed.",
    )


def compression_figure(table: pd.DataFrame, *, title: str) -> Spec:
    """Return how many times smaller each variant's shipped files are than its reference's."""

    def bar(row: pd.Series) -> Row:
        value = float(row["compression"])
        return {"value": value, "words": times(value), "colour": BLUE}

    return bar_page(
        _by_root(table, "compression", bar),
        title=title,
        heading="Compression",
        note="Bytes of the shipped files, the reference's divided by the variant's.",
        axis_title="Times as small",
        entries=[],
        ratio=True,
        empty="No variant has a reference to be compared with.",
    )


def times(value: float) -> str:
    """Write a ratio with two digits or more: 0.87x, 3.9x, 142x."""
    return (
        f"{value:.2f}x" if value < 0.995 else f"{value:.1f}x" if value < 99.5 else f"{value:.0f}x"
    )


def _score(row: pd.Series, metric: str, colour: str) -> Row:
    low, high = (100 * float(row[f"{metric}_{end}"]) for end in ("low", "high"))
    bar: Row = {"value": 100 * float(row[metric]), "colour": colour}
    if pd.isna(low) or pd.isna(high):
        return {**bar, "words": f"{bar['value']:.1f}"}
    words = f"{bar['value']:.1f}  ({low:.1f} to {high:.1f})"
    return {**bar, "words": words, "low": low, "high": high}


def _by_root(table: pd.DataFrame, column: str, bar: Callable[[pd.Series], Row]) -> Groups:
    """Return (model that the recipes start from, its bars, greatest first), in the table's order."""
    table = table[table[column].notna()]
    roots = pd.Series([str(name).split("+")[0] for name in table.index], index=table.index)
    return [
        (
            f"from {root}",
            [
                {"name": str(name), **bar(row)}
                for name, row in group.sort_values(
                    column, ascending=False, kind="stable"
                ).iterrows()
            ],
        )
        for root, group in table.groupby(roots, sort=False)
    ]
