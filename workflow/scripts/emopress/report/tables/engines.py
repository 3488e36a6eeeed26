"""What part of a speedup is that of an engine and what that of the compression."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.details import passes_of, recipe_of
from emopress.report.tables.scores import note_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

NOT_STARTED = (float("nan"), float("nan"))
ENGINES = {"pytorch": "PyTorch fp32 eager", "openvino-reference": "OpenVINO fp32"}


def reference_times(timing: Mapping[str, Any], where: str) -> pd.DataFrame:
    """Return the references' times with the main number of threads, means over seeds.

    Indexed by (variant, runtime), runtime a key of ENGINES. UserError names a key that is missing.
    """
    frame = pd.DataFrame(timing.get("rows", []))
    columns = ["latency_ms_p50", "latency_ms_p95", "throughput"]
    absent = [c for c in ("variant", "runtime", "threads", *columns) if c not in frame.columns]
    if absent:
        raise UserError(f"{where}: rows have no key {', '.join(absent)}")
    main = frame["threads"] == timing["environment"]["threads"][0]
    frame = frame[main & frame["runtime"].isin(ENGINES)]
    return frame.groupby(["variant", "runtime"], sort=False)[columns].mean()


def reference_processes(timing: Mapping[str, Any]) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (peak memory in bytes, cold start in ms) by (variant, runtime), means over seeds."""
    frame = pd.DataFrame(timing["processes"])
    if frame.empty:
        return {}
    means = frame.groupby(["variant", "runtime"])[["peak_memory_bytes", "cold_start_ms"]].mean()
    return {key: tuple(row) for key, row in zip(means.index, means.to_numpy(), strict=True)}


def engine_table(
    table: pd.DataFrame, timing: Mapping[str, Any], entry: Mapping[str, Any], where: str
) -> Markdown | None:
    """Write what a change of engine alone gives the references, without any compression, or None."""
    times = reference_times(timing, where)
    processes = reference_processes(timing)
    rows = []
    for variant in times.index.get_level_values("variant").unique():
        own = {str(engine): row for engine, row in times.loc[variant].iterrows()}
        if variant in table.index:
            own[str(table.loc[variant, "runtime"])] = table.loc[variant]
        slowest = own.get("pytorch")
        for engine, row in own.items():
            share = (
                t.EMPTY
                if slowest is None
                else t.ratio(slowest["latency_ms_p50"] / row["latency_ms_p50"])
            )
            memory, start = processes.get((variant, engine), NOT_STARTED)
            rows.append(
                {
                    "Reference": t.code(variant),
                    "Engine": ENGINES.get(engine, f"{engine} (its bundle)"),
                    "p50 ms": t.decimals(row["latency_ms_p50"]),
                    "p95 ms": t.decimals(row["latency_ms_p95"]),
                    "Texts / s": t.count(row["throughput"]),
                    "Over PyTorch": share,
                    "Cold start ms": t.count(start),
                    "Peak memory": t.size(memory),
                }
            )
    left = ("Reference", "Engine")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def other_engines_table(
    table: pd.DataFrame,
    details: Mapping[str, Any],
    timing: Mapping[str, Any],
    entry: Mapping[str, Any],
    where: str,
) -> Markdown | None:
    """Split the speedup of each variant in another engine than its reference's, None if none is.

    Where the reference itself, uncompressed, was timed in that engine, as a variant of the study or
    as a reference row, the product of the two shares is the speedup: the reference's median over that
    row's is the engine's, that row's over the variant's own is the compression's. Linear models have
    nothing of the reference in them to split by. Means over seeds.
    """
    times = reference_times(timing, where)
    rows = []
    for variant, row in table[table["other_engine"]].iterrows():
        reference = str(row["reference"])
        if row["family"] != table.loc[reference, "family"]:
            continue
        same = _in_engine(reference, row["runtime"], table, details)
        base = table.loc[reference, "latency_ms_p50"]
        key = (reference, f"{row['runtime']}-reference")
        p50, told = None, Markdown("not timed")
        if same is not None:
            p50, told = table.loc[same, "latency_ms_p50"], t.code(same)
        elif key in times.index:
            p50, told = times.loc[key, "latency_ms_p50"], Markdown("the reference row")
        rows.append(
            {
                "Variant": t.code(variant),
                "Engine": row["runtime"],
                "Speedup": t.ratio(row["speedup"]),
                "Uncompressed in that engine": told,
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
