"""A study's result files as the reports use them: checked, with one row per variant, in the order of recipes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emopress.artifact import check_files, read_json
from emopress.errors import UserError
from emopress.measure.details import DETAILS
from emopress.measure.summary import NUMBERS, claimed, summary_errors

SUMMARY = "results/summary.csv"


def checked_summary(summary: pd.DataFrame, datasets: Mapping[str, Any]) -> pd.DataFrame:
    """Return the summary with floats for numbers, or raise UserError naming the row and the column."""
    if summary.empty:
        raise UserError(f"{SUMMARY}: no rows; the study has no variants")
    errors = summary_errors(summary)
    if errors:
        raise UserError(f"{SUMMARY}: {errors[0]}")
    twice = summary.duplicated(["dataset", "variant"])
    if twice.any():
        row = summary[twice].iloc[0]
        raise UserError(
            f"{SUMMARY}: two rows for data set {row['dataset']}, variant {row['variant']}"
        )
    unknown = [name for name in summary["dataset"].unique() if name not in datasets]
    if unknown:
        raise UserError(
            f"{SUMMARY}: column dataset: {unknown[0]!r} is not a data set of the config"
        )
    numbers = [column for column in summary.columns if column in NUMBERS or "_noise_" in column]
    table = summary.astype(dict.fromkeys(numbers, float))
    return table.copy()  # in one block: pandas warns about fragmented tables


def check_details(
    details: Mapping[str, Any], summary: pd.DataFrame, datasets: Mapping[str, Any]
) -> None:
    """Raise UserError unless the details hold every row of the (checked) summary and agree with it."""
    for row in summary.itertuples(index=False):
        where = f"{DETAILS}: {row.dataset}, {row.variant}"
        entries = details.get(row.dataset, {}).get(row.variant, {})
        if len(entries) != row.seeds:
            raise UserError(f"{where}: {len(entries)} seeds, but {SUMMARY} has {row.seeds}")
        for seed, entry in entries.items():
            _check_entry(entry, f"{where}, seed {seed}", datasets[row.dataset]["labels"])
        if any("cooccurrence" in entry for entry in entries.values()):
            continue  # the matrix is of single labels, accuracy is that of whole sets
        shares = [np.trace(entry["confusion"]) / entry["n_test"] for entry in entries.values()]
        accuracy = float(np.mean(shares))
        if abs(accuracy - row.accuracy) > 1e-6:
            raise UserError(
                f"{where}: accuracy is {accuracy:.6f}, but {SUMMARY} has {row.accuracy:.6f}"
            )


def _check_entry(entry: Mapping[str, Any], where: str, labels: Sequence[str]) -> None:
    """Raise UserError if an entry of the details lacks a key or does not fit the labels."""
    for key in ("per_class", "confusion", "n_test", "recipe", "findings"):
        if key not in entry:
            raise UserError(f"{where}: no key {key!r}")
    matrix = entry["confusion"]
    if len(matrix) != len(labels) or any(len(line) != len(labels) for line in matrix):
        raise UserError(f"{where}: confusion is not {len(labels)} by {len(labels)}")
    if sorted(entry["per_class"]) != sorted(labels):
        raise UserError(f"{where}: per_class does not have the labels {', '.join(labels)}")
    total = sum(map(sum, matrix))
    if "cooccurrence" not in entry and (total != entry["n_test"] or not total):
        raise UserError(f"{where}: confusion holds {total} texts, n_test is {entry['n_test']}")


def recipe_order(variants: Sequence[str]) -> list[str]:
    """Order variants as a tree: parents before their children, siblings as first listed."""
    unique = list(dict.fromkeys(variants))
    rank: dict[str, int] = {}
    for place, variant in enumerate(unique):
        parts = variant.split("+")
        for end in range(1, len(parts) + 1):
            rank.setdefault("+".join(parts[:end]), place)

    def key(variant: str) -> list[int]:
        parts = variant.split("+")
        return [rank["+".join(parts[:end])] for end in range(1, len(parts) + 1)]

    return sorted(unique, key=key)


def rows_of(summary: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the rows of `dataset` in recipe order, indexed by variant.

    `other_engine` marks variants that run in another engine than their reference, so that compression is
    not the only reason for their speedup.
    """
    rows = summary[summary["dataset"] == dataset].set_index("variant")
    if rows.empty:
        raise UserError(f"{SUMMARY}: no rows of dataset {dataset!r}")
    engines = rows["runtime"].to_dict()
    rows["other_engine"] = [
        engines.get(reference, engine) != engine
        for engine, reference in zip(rows["runtime"], rows["reference"], strict=True)
    ]
    return rows.loc[recipe_order(list(rows.index))]


def speedup_claimed(row: pd.Series, column: str = "speedup") -> bool:
    """Say whether a ratio of latencies (in a row of `rows_of`) is larger than the error of the timing.

    The speedup of the reference itself and a missing one count as claimed: there is nothing to doubt.
    """
    itself = column == "speedup" and row.name == row["reference"]
    return itself or bool(pd.isna(row[column])) or claimed(row[column], row["timing_spread"])


Log = list[dict[str, Any]]


def read_logs(
    curved: Sequence[Sequence[str]], manifests: Sequence[str]
) -> dict[str, dict[str, Log]]:
    """Return data set -> variant -> log; `curved` are (data set, variant) pairs, one per manifest."""
    logs: dict[str, dict[str, Log]] = {}
    for (dataset, variant), manifest in zip(curved, manifests, strict=True):
        path = Path(manifest).with_name("training.json")
        check_files(path.parent, {path.name: read_json(manifest)["files"][path.name]})
        logs.setdefault(dataset, {})[variant] = read_json(path)
    return logs


def read_benchmarks(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return what each job took: rule -> rows of Snakemake's benchmark files below `folder`.

    A row has `s` (seconds), `max_rss` (MiB), `cpu_time` (seconds) and so on; a figure is missing where
    the job ended before it could be measured. The report's own job is left out, since it still runs.
    """
    rows: dict[str, list[dict[str, float]]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        rule = path.relative_to(folder).with_suffix("").parts[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines[1:]:
            cells = zip(lines[0].split("\t"), line.split("\t"), strict=True)
            numbers = {key: float(cell) for key, cell in cells if re.fullmatch(r"[\d.]+", cell)}
            rows.setdefault(rule, []).append(numbers)
    rows.pop("render", None)
    return rows
