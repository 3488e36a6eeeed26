"""What the report says in short: variants chosen on validation, their numbers taken from test."""

from typing import Any

import pandas as pd

from emopress.report import tables as t
from emopress.report.results import half_width, yardstick
from emopress.report.tables import Markdown

TOLERANCE = 0.01  # of accuracy, one point


def smallest_close(table: pd.DataFrame, reference: str, tolerance: float = TOLERANCE) -> str:
    """Return the smallest variant whose validation accuracy is at most `tolerance` below.

    `table` is that of `results.per_variant`. A simulated variant is no candidate: its size and
    latency are not those of what it simulates. Equal sizes: the higher validation accuracy.
    """
    floor = table.loc[reference, "validation_accuracy"] - tolerance - 1e-9
    close = table[(table["validation_accuracy"] >= floor) & ~table["simulated"]]
    if close.empty:
        return reference
    return str(
        close.sort_values(
            ["size_bytes", "validation_accuracy"], ascending=[True, False], kind="stable"
        ).index[0]
    )


def most_accurate(table: pd.DataFrame) -> str:
    """Return the variant with the highest validation accuracy, the smaller of equals."""
    order = table.sort_values(
        ["validation_accuracy", "size_bytes"], ascending=[False, True], kind="stable"
    )
    return str(order.index[0])


def fastest(table: pd.DataFrame) -> str:
    """Return the variant with the lowest median latency that is not simulated, if any is not."""
    real = table[~table["simulated"]]
    return str((table if real.empty else real)["latency_ms_p50"].idxmin())


def in_short(table: pd.DataFrame, n_test: int) -> dict[str, Any]:
    """Return the lines of a dataset's summary and its caution, as Markdown.

    One line per reference (the variants that compression and speedup refer to), then the most
    accurate and the fastest variant. Every difference is judged by the one half-width that the
    caution prints.
    """
    judge, accuracy = yardstick(table)
    half = half_width(accuracy, n_test)
    references = [name for name in dict.fromkeys(table["reference"]) if name in table.index]
    lines = [
        Markdown(
            f"**Smallest within 1 point of {t.code(reference)}:** "
            f"{_facts(table, smallest_close(table, reference), half, reference)}"
        )
        for reference in references
    ]
    best = most_accurate(table)
    base = references[0] if references else None
    lines.append(Markdown(f"**Most accurate:** {_facts(table, best, half, base)}"))
    lines.append(Markdown(f"**Fastest:** {_facts(table, fastest(table), half, base)}"))
    return {
        "lines": lines,
        "n_test": t.count(n_test),
        "half_width": t.percent(half),
        "judge": t.code(judge),
        "accuracy": t.percent(accuracy),
    }


def _facts(table: pd.DataFrame, variant: str, half: float, reference: str | None) -> str:
    row = table.loc[variant]
    text = (
        f"{t.code(variant)}, {t.percent(row['accuracy'])} % accuracy and "
        f"{t.percent(row['macro_f1'])} % macro F1 on test, {t.size(row['size_bytes'])}, "
        f"{t.decimals(row['latency_ms_p50'])} ms a text"
    )
    if reference is None:
        return f"{text}."
    if variant == reference:
        return f"{text}. This is the reference itself."
    base = table.loc[reference]
    difference = float(row["accuracy"] - base["accuracy"])
    words = "" if abs(difference) > half else " (no difference shown)"
    smaller = base["size_bytes"] / row["size_bytes"]
    faster = base["latency_ms_p50"] / row["latency_ms_p50"]
    return (
        f"{text}. Against {t.code(reference)}: {t.points(difference)} points of accuracy{words}, "
        f"{_times(smaller, 'smaller', 'larger')}, {_times(faster, 'faster', 'slower')}."
    )


def _times(value: float, above: str, below: str) -> str:
    return f"{t.ratio(value)} {above}" if value >= 1 else f"{t.ratio(1 / value)} {below}"
