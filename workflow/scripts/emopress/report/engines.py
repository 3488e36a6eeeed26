"""What part of a speedup is that of an engine and what that of the compression."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.report import tables as t
from emopress.report.results import passes_of, recipe_of
from emopress.report.sections import note_of
from emopress.report.tables import Markdown


def engine_table(
    table: pd.DataFrame, timing: Mapping[str, Any], entry: Mapping[str, Any], where: str
) -> Markdown | None:
    """Write the reference rows in PyTorch eager and what the other engine alone gave, or None.

    The engine's share of a variant is PyTorch's median over the median of the same, uncompressed
    variant in its bundle's runtime. Means over seeds.
    """
    frame = pd.DataFrame(timing.get("rows", []))
    columns = ("variant", "runtime", "latency_ms_p50", "latency_ms_p95", "throughput")
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise UserError(f"{where}: rows have no key {', '.join(absent)}")
    frame = frame[frame["runtime"] == "pytorch"]
    if frame.empty:
        return None
    rows = []
    for variant, own in frame.groupby("variant", sort=False):
        p50, p95 = own["latency_ms_p50"].mean(), own["latency_ms_p95"].mean()
        same = table.loc[variant] if variant in table.index else None
        rows.append(
            {
                "Reference": t.code(variant),
                "PyTorch p50 ms": t.decimals(p50),
                "p95 ms": t.decimals(p95),
                "Texts / s": t.count(own["throughput"].mean()),
                "Bundle's runtime": t.EMPTY if same is None else same["runtime"],
                "Its p50 ms": t.EMPTY if same is None else t.decimals(same["latency_ms_p50"]),
                "Engine's share": t.EMPTY
                if same is None
                else t.ratio(p50 / same["latency_ms_p50"]),
            }
        )
    left = ("Reference", "Bundle's runtime")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry))


def other_engines_table(
    table: pd.DataFrame, details: Mapping[str, Any], entry: Mapping[str, Any]
) -> Markdown | None:
    """Split the speedup of each variant in another engine than its reference's, None if none is.

    Where the study has the reference itself, uncompressed, in that engine, the product of the two
    shares is the speedup: the reference's median over that row's is the engine's, that row's over
    the variant's own is the compression's. Linear models have nothing of the reference in them to
    split by. Means over seeds.
    """
    rows = []
    for variant, row in table[table["other_engine"]].iterrows():
        reference = str(row["reference"])
        if row["family"] != table.loc[reference, "family"]:
            continue
        same = _in_engine(reference, row["runtime"], table, details)
        base = table.loc[reference, "latency_ms_p50"]
        p50 = None if same is None else table.loc[same, "latency_ms_p50"]
        rows.append(
            {
                "Variant": t.code(variant),
                "Engine": row["runtime"],
                "Speedup": t.ratio(row["speedup"]),
                "Uncompressed in that engine": "not in the study" if same is None else t.code(same),
                "Engine's share": t.EMPTY if p50 is None else t.ratio(base / p50),
                "Compression's share": t.EMPTY
                if p50 is None
                else t.ratio(p50 / row["latency_ms_p50"]),
            }
        )
    left = ("Variant", "Engine", "Uncompressed in that engine")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def _in_engine(
    reference: str, runtime: str, table: pd.DataFrame, details: Mapping[str, Any]
) -> str | None:
    """Return the variant that is `reference` in the engine `runtime`, in fp32, and nothing else."""
    passes = passes_of(recipe_of(details[reference]))
    for variant in table.index[table["runtime"] == runtime]:
        own = passes_of(recipe_of(details[variant]))
        root = variant.split("+")[0] == reference.split("+")[0]
        if root and own[:-1] == passes and own[-1:] and own[-1].get("precision") == "fp32":
            return str(variant)
    return None
