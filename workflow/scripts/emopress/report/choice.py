"""What the report says in short: variants chosen on validation, their numbers taken from test."""

from typing import Any

import pandas as pd

from emopress.report import tables as t
from emopress.report.results import half_width, yardstick
from emopress.report.tables import Markdown

TOLERANCE = 0.01  # of accuracy, one point


def close_enough(table: pd.DataFrame, reference: str, tolerance: float = TOLERANCE) -> pd.DataFrame:
    """Return the rows whose validation accuracy is at most `tolerance` below the reference's.

    `table` is that of `results.per_variant`. A simulated variant is no candidate: its size and
    latency are not those of what it simulates.
    """
    floor = table.loc[reference, "validation_accuracy"] - tolerance - 1e-9
    close = table[(table["validation_accuracy"] >= floor) & ~table["simulated"]]
    return table.loc[[reference]] if close.empty else close


def least(rows: pd.DataFrame, cost: str) -> str:
    """Return the variant with the least `cost`; of equals the higher validation accuracy."""
    order = rows.sort_values([cost, "validation_accuracy"], ascending=[True, False], kind="stable")
    return str(order.index[0])


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

    Per reference (the variants that compression and speedup refer to) the smallest and the fastest
    that are as good, then the most accurate and the fastest of all. Every difference is judged by
    the one half-width that the caution prints.
    """
    judge, accuracy = yardstick(table)
    half = half_width(accuracy, n_test)
    references = [name for name in dict.fromkeys(table["reference"]) if name in table.index]
    lines = [line for name in references for line in _close_lines(table, name, half)]
    best = most_accurate(table)
    base = references[0] if references else None
    lines.append(Markdown(f"**Most accurate:** {_facts(table, best, half, base)}"))
    lines.append(
        Markdown(
            f"**Fastest of all, whatever it costs:** {_facts(table, fastest(table), half, base)}"
        )
    )
    return {
        "lines": lines,
        "n_test": t.count(n_test),
        "half_width": t.percent(half),
        "judge": t.code(judge),
        "accuracy": t.percent(accuracy),
    }


def _close_lines(table: pd.DataFrame, reference: str, half: float) -> list[Markdown]:
    """Return the lines on what is close enough to a reference.

    Where a model of another family wins (a linear one, say), those of the reference's family, which
    show what compression gave, have lines of their own.
    """
    picks: dict[tuple[str, str], list[str]] = {}  # (variant, sort of model) -> what it is
    close = close_enough(table, reference)
    family = str(table.loc[reference, "family"])
    for word, cost in (("Smallest", "size_bytes"), ("Fastest", "latency_ms_p50")):
        best = least(close, cost)
        picks.setdefault((best, ""), []).append(word)
        if table.loc[best, "family"] != family and (close["family"] == family).any():
            own = least(close[close["family"] == family], cost)
            picks.setdefault((own, family), []).append(word)
    lines = []
    for (variant, sort), words in picks.items():
        what = " and ".join([words[0], *(other.lower() for other in words[1:])])
        what = f"{what} {t.escape(sort)}" if sort else what
        told = _facts(table, variant, half, reference)
        lines.append(Markdown(f"**{what} within 1 point of {t.code(reference)}:** {told}"))
    return lines


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
    engine = (
        f" (in another engine, {t.escape(row['runtime'])})"
        if row["runtime"] != base["runtime"]
        else ""
    )
    return (
        f"{text}. Against {t.code(reference)}: {t.points(difference)} points of accuracy{words}, "
        f"{_times(smaller, 'smaller', 'larger')}, {_times(faster, 'faster', 'slower')}{engine}."
    )


def _times(value: float, above: str, below: str) -> str:
    return f"{t.ratio(value)} {above}" if value >= 1 else f"{t.ratio(1 / value)} {below}"
