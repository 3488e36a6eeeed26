"""The checked view of a study's results: one row per variant, means and sd over its seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError

SUMMARY = "results/summary.csv"
DETAILS = "results/details.json"

FRACTIONS = ("accuracy", "macro_f1", "micro_f1", "validation_accuracy")
POSITIVE = ("size_bytes", "latency_ms_p50", "latency_ms_p95", "throughput")
COUNTS = ("params", "nonzero_params")
OPTIONAL = ("compression", "speedup", "speedup_over_pytorch", "bits_per_weight")
NUMBERS = (*FRACTIONS, *POSITIVE, *COUNTS, *OPTIONAL)
TEXTS = ("dataset", "variant", "runtime", "family")
COLUMNS = (*TEXTS, "seed", *NUMBERS, "reference", "simulated")


def checked_summary(summary: pd.DataFrame, datasets: Mapping[str, Any]) -> pd.DataFrame:
    """Return the summary with numeric columns, or raise UserError naming the column and the row.

    Cells of the columns in OPTIONAL and of `reference` may be empty, others may not.
    """
    absent = [column for column in COLUMNS if column not in summary.columns]
    if absent:
        raise UserError(f"{SUMMARY}: no column {', '.join(absent)}")
    if summary.empty:
        raise UserError(f"{SUMMARY}: no rows; the study has no variants")
    table = summary.copy()
    for column in (*TEXTS, "seed", "simulated"):
        if table[column].isna().any():
            raise UserError(f"{SUMMARY}: column {column}: empty in {_row(table, column)}")
    for column in NUMBERS:
        numbers = pd.to_numeric(table[column], errors="coerce")
        bad = numbers.isna() & (
            table[column].notna() if column in OPTIONAL else pd.Series(True, index=table.index)
        )
        if column in FRACTIONS:
            bad |= (numbers < 0) | (numbers > 1)
        elif column in POSITIVE:
            bad |= numbers <= 0
        if bad.any():
            row = table[bad].iloc[0]
            kind = "a fraction from 0 to 1" if column in FRACTIONS else "a number"
            kind = "a number above 0" if column in POSITIVE else kind
            raise UserError(
                f"{SUMMARY}: column {column}: {row[column]!r} is not {kind} ({_name(row)})"
            )
        table[column] = numbers.astype(float)
    for column in ("dataset", "variant", "runtime", "family"):
        table[column] = table[column].astype(str)
    table["simulated"] = table["simulated"].map(_truth)
    if table["simulated"].isna().any():
        raise UserError(f"{SUMMARY}: column simulated: True or False wanted")
    twice = table.duplicated(["dataset", "variant", "seed"])
    if twice.any():
        raise UserError(f"{SUMMARY}: two rows for {_name(table[twice].iloc[0])}")
    unknown = [name for name in table["dataset"].unique() if name not in datasets]
    if unknown:
        raise UserError(f"{SUMMARY}: column dataset: {unknown[0]!r} is no dataset of the config")
    return table


def check_details(
    details: Mapping[str, Any], summary: pd.DataFrame, datasets: Mapping[str, Any]
) -> None:
    """Raise UserError unless details hold every row of the (checked) summary and agree with it."""
    for row in summary.itertuples(index=False):
        where = f"{DETAILS}: {row.dataset}, {row.variant}, seed {row.seed}"
        try:
            entry = details[row.dataset][row.variant][str(row.seed)]
        except KeyError:
            raise UserError(f"{where}: no such entry, but {SUMMARY} has that row") from None
        for key in ("per_class", "confusion", "n_test", "recipe", "findings"):
            if key not in entry:
                raise UserError(f"{where}: no key {key!r}")
        labels = datasets[row.dataset]["labels"]
        matrix = entry["confusion"]
        if len(matrix) != len(labels) or any(len(line) != len(labels) for line in matrix):
            raise UserError(f"{where}: confusion is not {len(labels)} by {len(labels)}")
        if sorted(entry["per_class"]) != sorted(labels):
            raise UserError(f"{where}: per_class does not hold the labels {', '.join(labels)}")
        total = sum(map(sum, matrix))
        right = sum(matrix[i][i] for i in range(len(labels)))
        if total != entry["n_test"]:
            raise UserError(f"{where}: confusion holds {total} texts, n_test is {entry['n_test']}")
        if total == 0 or abs(right / total - row.accuracy) > 1e-3:
            raise UserError(
                f"{where}: {right} of {total} right, but {SUMMARY} has accuracy {row.accuracy:.4f}"
            )


def recipe_order(variants: Sequence[str]) -> list[str]:
    """Order variants as a tree: a parent before what hangs from it, siblings as first listed."""
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


def per_variant(summary: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return one row per variant of `dataset` in recipe order, indexed by its name.

    Each number column holds the mean over seeds and `<column>_sd` the sample standard deviation
    (NaN for one seed); `seeds` counts them; `other_engine` says that a variant runs in another
    engine than its reference, so that its speedup is not that of compression alone.
    """
    rows = summary[summary["dataset"] == dataset]
    if rows.empty:
        raise UserError(f"{SUMMARY}: no rows of dataset {dataset!r}")
    groups = rows.groupby("variant", sort=False)
    result = groups[list(NUMBERS)].mean()
    result = result.join(groups[list(NUMBERS)].std(ddof=1).add_suffix("_sd"))
    result["seeds"] = groups["seed"].nunique()
    result["simulated"] = groups["simulated"].any()
    for column in ("runtime", "family", "reference"):
        result[column] = groups[column].agg(
            lambda cells: ", ".join(dict.fromkeys(str(cell) for cell in cells.dropna()))
        )
    engines = result["runtime"].to_dict()
    result["other_engine"] = [
        engines.get(reference, own) != own
        for own, reference in zip(result["runtime"], result["reference"], strict=True)
    ]
    return result.loc[recipe_order(list(rows["variant"]))]


def passes_of(recipe: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the passes of a recipe, in order: what has a kind; a model has a family instead.

    They can be more than a variant's name says: a search adds the passes of what it chose.
    """
    return [step for step in recipe if "kind" in step]


def recipe_of(seeds: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the recipe of a variant's first seed, given its details."""
    return list(next(iter(seeds.values()))["recipe"])


def sort_of(step: Mapping[str, Any]) -> str:
    """Return what sort of pass a step is: its kind and, where it has one, its method."""
    return " ".join(str(step[key]) for key in ("kind", "method") if key in step)


def last_sorts(details: Mapping[str, Any], families: Mapping[str, str]) -> dict[str, str]:
    """Return for each variant of one dataset the sort of its last pass, without one its family.

    `details`: variant -> seed -> entry; `families`: variant -> family.
    """
    sorts = {}
    for variant, family in families.items():
        passes = passes_of(recipe_of(details[variant]))
        sorts[variant] = sort_of(passes[-1]) if passes else family
    return sorts


def test_texts(seeds_of: Mapping[str, Any]) -> int:
    """Return the number of test texts of one dataset's details; UserError if variants differ."""
    sizes = {entry["n_test"] for seeds in seeds_of.values() for entry in seeds.values()}
    if len(sizes) != 1:
        raise UserError(f"{DETAILS}: n_test differs between variants: {sorted(sizes)}")
    return int(sizes.pop())


def half_width(accuracy: float, n_test: int) -> float:
    """Return an accuracy's 95 % half-width (a fraction) on n_test texts, 1.96 sqrt(p(1-p)/n)."""
    return float(1.96 * (accuracy * (1 - accuracy) / n_test) ** 0.5)


def yardstick(table: pd.DataFrame) -> tuple[str, float]:
    """Return the variant, and its accuracy, whose half-width judges a data set's differences.

    `table` is that of `per_variant`. One for the whole data set, so that no two sentences judge a
    difference differently: of the references the one with the widest half-width.
    """
    references = [name for name in dict.fromkeys(table["reference"]) if name in table.index]
    accuracies = table.loc[references or list(table.index), "accuracy"]
    variant = str((accuracies - 0.5).abs().idxmin())
    return variant, float(accuracies[variant])


def _truth(value: object) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())


def _row(table: pd.DataFrame, column: str) -> str:
    return _name(table[table[column].isna()].iloc[0])


def _name(row: Any) -> str:
    return f"dataset {row['dataset']}, variant {row['variant']}, seed {row['seed']}"
