"""The tables that say how sure a difference is, how a variant stands noise, and what it costs to run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.report import tables as t
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

NOT_SHOWN = "no difference shown"


def verdict(difference: float, shown: object, low: float, high: float) -> str:
    """Say in words what a paired test found; `low` and `high` are the ends of its own interval.

    An interval is not corrected for the number of comparisons: it may leave zero out although nothing
    is shown.
    """
    word = "better" if difference > 0 else "worse"
    if shown:
        return word
    return f"{NOT_SHOWN} (by itself {word})" if low > 0 or high < 0 else NOT_SHOWN


AGAINST = {
    "teacher": "Against its own teacher",
    "linear": "Against the linear baseline",
    "reference": "Against the reference",
}


def tests_tables(rows: pd.DataFrame, entry: Mapping[str, Any]) -> dict[str, Markdown]:
    """Write the paired tests of the variants, by whom they are against; a table without any is left out.

    A variant whose reference is its teacher or the linear baseline stands in that table alone.
    """
    tables = {}
    for other, title in AGAINST.items():
        found = [
            _tested(str(variant), row, other)
            for variant, row in rows.iterrows()
            if not t.missing(row[f"{other}_difference"]) and not _told_already(row, other)
        ]
        if found:
            left = ("Variant", "Against", "In words")
            tables[title] = t.markdown_table(t.frame_of(found), left=left, note=note_of(entry))
    return tables


def _told_already(row: pd.Series, other: str) -> bool:
    columns = ("difference", "low", "high", "p")
    return other == "reference" and any(
        all(row[f"reference_{c}"] == row[f"{told}_{c}"] for c in columns)
        for told in ("teacher", "linear")
    )


def _tested(variant: str, row: pd.Series, other: str) -> dict[str, object]:
    difference, low, high = (row[f"{other}_{end}"] for end in ("difference", "low", "high"))
    line: dict[str, object] = {"Variant": t.code(variant)}
    if other == "teacher":
        line |= {"Against": t.code(row["teacher"]), "Agreement %": t.percent(row["agreement"])}
        line["Agreement, 95 %"] = t.interval(row["agreement_low"], row["agreement_high"])
    return line | {
        "Points": t.points(difference),
        "95 %": t.points_interval(low, high),
        "p": t.p_value(row[f"{other}_p"]),
        "In words": verdict(difference, row[f"{other}_shown"], low, high),
        "Macro F1 points": t.points(row[f"{other}_macro_f1_difference"]),
        "Macro F1, 95 %": t.points_interval(
            row[f"{other}_macro_f1_low"], row[f"{other}_macro_f1_high"]
        ),
        "Macro F1 p": t.p_value(row[f"{other}_macro_f1_p"]),
    }


def noise_table(rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown | None:
    """Write accuracy against the share of noisy characters, None if nothing was evaluated on noise."""
    columns = sorted(
        (column for column in rows.columns if column.startswith("accuracy_noise_")),
        key=lambda column: float(column.rsplit("_", 1)[1]),
    )
    if not columns:
        return None
    found = []
    for variant, row in rows.iterrows():
        line = {"Variant": t.code(variant), "0 %": t.percent(row["accuracy"])}
        line |= {f"{c.rsplit('_', 1)[1]} %": t.percent(row[c]) for c in columns}
        line["Points lost"] = t.points(row[columns[-1]] - row["accuracy"])
        found.append(line)
    return t.markdown_table(t.frame_of(found), left=("Variant",), note=note_of(entry))


def running_table(rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Write latency and throughput with few and with all threads, cold start and peak memory."""
    found = []
    for variant, row in rows.iterrows():
        found.append(
            {
                "Variant": t.code(variant),
                f"p50 ms, {int(row['threads'])} thread(s)": t.decimals(row["latency_ms_p50"]),
                "Texts / s": t.count(row["throughput"]),
            }
        )
        if not t.missing(row["all_latency_ms_p50"]):
            threads = f"{int(row['all_threads'])} threads"
            found[-1][f"p50 ms, {threads}"] = t.decimals(row["all_latency_ms_p50"])
            found[-1][f"Texts / s, {threads}"] = t.count(row["all_throughput"])
        if not t.missing(row["cold_start_ms"]):
            found[-1]["Cold start ms"] = t.count(row["cold_start_ms"])
            found[-1]["Peak memory"] = t.size(row["peak_memory_bytes"])
    return t.markdown_table(t.frame_of(found), left=("Variant",), note=note_of(entry))
