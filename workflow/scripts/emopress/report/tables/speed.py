"""The tables of speed and memory, and which part of a speedup the engine gave, not the compression."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.details import passes_of, recipe_of
from emopress.measure.results import speedup_claimed
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

NAN = float("nan")
ENGINES = {"pytorch": "PyTorch fp32 eager", "openvino-reference": "OpenVINO fp32"}


def speedup(row: pd.Series, column: str = "speedup") -> Markdown:
    """Write a speedup, in brackets if it is within the error of the timing."""
    ratio = t.ratio(row[column])
    return ratio if speedup_claimed(row, column) else Markdown(f"({ratio})")


def running_table(rows: pd.DataFrame) -> Markdown:
    """Write latency and throughput with few and with all threads, cold start and peak memory."""
    lines = []
    for variant, row in rows.iterrows():
        line = {
            "Variant": t.code(variant),
            f"p50 ms, {int(row['threads'])} thread(s)": t.decimals(row["latency_ms_p50"]),
            "Texts / s": t.count(row["throughput"]),
        }
        if not t.missing(row["all_latency_ms_p50"]):
            threads = f"{int(row['all_threads'])} threads"
            line[f"p50 ms, {threads}"] = t.decimals(row["all_latency_ms_p50"])
            line[f"Texts / s, {threads}"] = t.count(row["all_throughput"])
        if not t.missing(row["cold_start_ms"]):
            line["Cold start ms"] = t.count(row["cold_start_ms"])
            line["Peak memory"] = t.size(row["peak_memory_bytes"])
        lines.append(line)
    return t.table(lines, left=("Variant",))


def reference_times(timing: Mapping[str, Any], where: str) -> pd.DataFrame:
    """Return the references' times with the main number of threads, means over seeds.

    Indexed by (variant, runtime), runtime a key of ENGINES. UserError names a missing key.
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


def engine_table(table: pd.DataFrame, timing: Mapping[str, Any], where: str) -> Markdown:
    """Write what a change of engine alone gives the references, without any compression."""
    times = reference_times(timing, where)
    processes = reference_processes(timing)
    rows = []
    for variant in times.index.get_level_values("variant").unique():
        by_engine = {str(engine): row for engine, row in times.loc[variant].iterrows()}
        if variant in table.index:
            by_engine[str(table.loc[variant, "runtime"])] = table.loc[variant]
        eager = by_engine["pytorch"]["latency_ms_p50"] if "pytorch" in by_engine else NAN
        for engine, row in by_engine.items():
            memory, start = processes.get((variant, engine), (NAN, NAN))
            rows.append(
                {
                    "Reference": t.code(variant),
                    "Engine": ENGINES.get(engine, f"{engine} (its bundle)"),
                    "p50 ms": t.decimals(row["latency_ms_p50"]),
                    "p95 ms": t.decimals(row["latency_ms_p95"]),
                    "Texts / s": t.count(row["throughput"]),
                    "Over PyTorch": t.ratio(eager / row["latency_ms_p50"]),
                    "Cold start ms": t.count(start),
                    "Peak memory": t.size(memory),
                }
            )
    return t.table(rows, left=("Reference", "Engine"))


def other_engines_table(
    table: pd.DataFrame, details: Mapping[str, Any], timing: Mapping[str, Any], where: str
) -> Markdown:
    """Split the speedup of each variant that runs in another engine than its reference.

    Where the uncompressed reference itself was timed in that engine, as a variant of the study or as a
    reference row, the speedup is the product of two shares: the reference's median over that row's is the
    engine's share, that row's over the variant's own is the compression's. Linear models have nothing in
    common with the reference that could be split. Means over seeds.
    """
    times = reference_times(timing, where)
    rows = []
    uncompressed: dict[tuple[str, str], str | None] = {}
    for variant, row in table[table["other_engine"]].iterrows():
        reference = str(row["reference"])
        if row["family"] != table.loc[reference, "family"]:
            continue
        engine = reference, str(row["runtime"])
        if engine not in uncompressed:
            uncompressed[engine] = _in_engine(*engine, table, details)
        same = uncompressed[engine]
        key = (reference, f"{row['runtime']}-reference")
        p50, source = NAN, Markdown("not timed")
        if same is not None:
            p50, source = table.loc[same, "latency_ms_p50"], t.code(same)
        elif key in times.index:
            p50, source = times.loc[key, "latency_ms_p50"], Markdown("the reference row")
        rows.append(
            {
                "Variant": t.code(variant),
                "Engine": row["runtime"],
                "Speedup": t.ratio(row["speedup"]),
                "Uncompressed in that engine": source,
                "Engine's share": t.ratio(table.loc[reference, "latency_ms_p50"] / p50),
                "Compression's share": t.ratio(p50 / row["latency_ms_p50"]),
            }
        )
    return t.table(rows, left=("Variant", "Engine", "Uncompressed in that engine"))


def _in_engine(
    reference: str, runtime: str, table: pd.DataFrame, details: Mapping[str, Any]
) -> str | None:
    """Return the variant that is `reference` in the engine `runtime`, in fp32, and nothing else."""
    before = passes_of(recipe_of(details[reference]))
    for variant in table.index[table["runtime"] == runtime]:
        passes = passes_of(recipe_of(details[variant]))
        same_model = variant.split("+")[0] == reference.split("+")[0]
        if (
            same_model
            and passes[:-1] == before
            and passes
            and passes[-1].get("precision") == "fp32"
        ):
            return str(variant)
    return None
