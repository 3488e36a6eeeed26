"""The tables that say how sure a difference is, how a variant stands noise, and what it costs to run."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.report import tables as t
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

NOT_SHOWN = "no difference shown"


def verdict(difference: float, shown: object) -> str:
    """Say in words what a paired test found."""
    if not shown:
        return NOT_SHOWN
    return "better" if difference > 0 else "worse"


def tests_table(rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Write the paired tests of each variant against its teacher and the linear baseline."""
    found = []
    for variant, row in rows.iterrows():
        line: dict[str, object] = {
            "Variant": t.code(variant),
            "Teacher": t.EMPTY if t.missing(row["teacher"]) else t.code(row["teacher"]),
            "Agreement %": t.percent(row["agreement"]),
        }
        for other, words in (("teacher", "Teacher"), ("linear", "Linear")):
            none = t.missing(row[f"{other}_difference"])
            difference = row[f"{other}_difference"]
            judged = t.EMPTY if none else verdict(difference, row[f"{other}_shown"])
            line |= {
                f"{words}: points": t.EMPTY if none else t.points(difference),
                f"{words}: 95 %": t.points_interval(row[f"{other}_low"], row[f"{other}_high"]),
                f"{words}: p": t.p_value(row[f"{other}_p"]),
                f"{words}: in words": judged,
            }
        found.append(line | {"ECE %": t.percent(row["ece"])})
    left = ("Variant", "Teacher", "Teacher: in words", "Linear: in words")
    return t.markdown_table(t.frame_of(found), left=left, note=note_of(entry))


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
