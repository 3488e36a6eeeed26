"""What both reports print of one data set, as escaped pieces of Markdown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import FEW_TEXTS, judge_of
from emopress.measure.exact import FEW_IN_CELL
from emopress.measure.pareto import layer_grid
from emopress.measure.results import rows_of
from emopress.report.environment import flags_phrase, int8_phrase, versions_phrase
from emopress.report.figures.names import figure_files
from emopress.report.tables import differences as judged
from emopress.report.tables import lstms as question_tables
from emopress.report.tables import scores as sections
from emopress.report.tables.budgets import recommendation_table
from emopress.report.tables.data_card import card_view
from emopress.report.tables.engines import engine_table, other_engines_table
from emopress.report.tables.passes import findings_table, searches_table
from emopress.report.tables.published import published_table
from emopress.report.tables.ranges import ranges_table
from emopress.report.words import markup as t
from emopress.report.words.answer import answer, trade_off_phrase
from emopress.report.words.cautions import never_found
from emopress.report.words.markup import Markdown

TIMING_KEYS = (
    "cpu",
    "cpu_flags",
    "x64quantprecision",
    "threads",
    "rounds",
    "texts",
    "batch_size",
    "versions",
)


@dataclass(frozen=True)
class Results:
    """The content of a study's result files; `statistics`, `timing` and `cards` by data set."""

    summary: pd.DataFrame
    details: Mapping[str, Any]
    statistics: Mapping[str, Any]
    recommendation: Mapping[str, Any]
    timing: Mapping[str, Any]
    cards: Mapping[str, Any]


@dataclass(frozen=True)
class Config:
    """What the config says: entries by name, the budgets, and the published rows that it names.

    `study` holds view.STUDY_KEYS (and `description`, which may be empty). `published`: the content of
    config/published.yaml; `corresponding`: data set -> variant -> row and what differs.
    """

    study: Mapping[str, Any]
    datasets: Mapping[str, Any]
    models: Mapping[str, Any]
    passes: Mapping[str, Any]
    published: Mapping[str, Any]
    corresponding: Mapping[str, Any]


def dataset_view(
    name: str, table: pd.DataFrame, results: Results, told: Config, training: bool
) -> dict[str, Any]:
    """Return what the templates print of the data set `name`; `training`: it has a training figure.

    UserError, naming file and key, for results that lack something.
    """
    entry, details = told.datasets[name], results.details[name]
    where = f"results/timing/{name}.json"
    for source, file in (
        (results.timing, where),
        (results.cards, f"results/data/{name}/card.json"),
        (results.statistics, f"results/statistics/{name}.json"),
        (results.recommendation, f"results/recommendation.json, {name}"),
    ):
        if name not in source:
            raise UserError(f"{file}: not handed to the report")
    timing = results.timing[name]
    conditions = timing.get("environment", {})
    absent = [key for key in TIMING_KEYS if key not in conditions]
    if absent:
        raise UserError(f"{where}: environment has no key {', '.join(absent)}")
    rows = rows_of(table, name)
    judge = judge_of(rows)
    statistics, chosen = results.statistics[name], results.recommendation[name]
    linear = statistics["linear"]
    spread = timing["spread"][str(conditions["threads"][0])]
    grid = layer_grid(rows.index, told.models)
    files = figure_files(
        name,
        training=training,
        noise=bool(statistics["noise"][1:]),
        trade_off=bool(grid),
        bits="questions" in statistics,
    )
    return {
        "name": name,
        "title": entry.get("title") or name,
        "language": entry.get("language") or "",
        "demo": bool(entry.get("demo")),
        "demo_notice": sections.DEMO_NOTE,
        "sets_notice": sections.sets_note(rows),
        "metric": judge.metric,
        "told": t.join([Markdown(metric.name) for metric in judge.reported], " and "),
        "set_table": sections.set_table(rows, entry) if entry.get("multilabel") else "",
        "answer": answer(
            name, entry, chosen, rows, statistics, details, licences=_licences(details)
        ),
        "recommendation_table": recommendation_table(chosen, rows, entry),
        "few_texts": FEW_TEXTS,
        "few_in_cell": FEW_IN_CELL,
        "n_test": t.count(statistics["n_test"]),
        "resamples": t.count(statistics["resamples"]),
        "linear": None if linear is None else t.code(linear),
        "card": card_view(name, results.cards[name], entry, statistics["texts"]["cut"]),
        "main_table": sections.main_table(rows, entry),
        "tests_tables": judged.tests_tables(rows, entry),
        "noise_table": judged.noise_table(rows, entry),
        "running_table": judged.running_table(rows, entry),
        "published_table": published_table(
            told.corresponding.get(name, {}), told.published, rows, entry
        ),
        "several_seeds": bool((rows["seeds"] > 1).any()),
        "seeds": t.join([t.count(n) for n in sorted(rows["seeds"].unique())], " or "),
        "references": t.join([t.code(name) for name in dict.fromkeys(rows["reference"])]),
        "several_references": rows["reference"].nunique() > 1,
        "simulated": t.join([t.code(v) for v in rows.index[rows["simulated"]]]),
        "blind": _blind(details, rows.index),
        "any_simulated": bool(rows["simulated"].any()),
        "unstructured": sections.prunes_single_weights(details),
        "engine_table": engine_table(rows, timing, entry, where),
        "any_other_engine": bool(rows["other_engine"].any()),
        "other_engines_table": other_engines_table(rows, details, timing, entry, where),
        "findings_table": findings_table(details, list(rows.index), entry),
        "ranges_table": ranges_table(details, list(rows.index), entry),
        "questions": question_tables.section(
            statistics, details, rows["size_bytes"].to_dict(), entry
        ),
        "searches_table": searches_table(details, list(rows.index), entry, judge),
        "timing": {
            **conditions,
            "flags": flags_phrase(conditions["cpu_flags"]),
            "int8": _told_int8(rows, conditions["x64quantprecision"]),
        },
        "threads": t.count(conditions["threads"][0]),
        "spread": t.share(spread),
        "timed_with": versions_phrase(conditions["versions"]),
        "figures": {kind: Markdown(f"figures/{file}") for kind, file in files.items()},
        "trade_off": trade_off_phrase(rows, details, grid) if grid else "",
        "flips": Markdown(f"flips/{name}.csv"),
        "classes": [
            {
                "variant": _html(variant),
                "table": sections.class_table(
                    details[variant], statistics["variants"][variant], entry, name, variant
                ),
            }
            for variant in rows.index
        ],
    }


def _blind(details: Mapping[str, Any], variants: Collection[str]) -> Markdown:
    """Name the variants that find no text of some label, with these labels; empty if none does."""
    found = []
    for variant in variants:
        labels = [t.escape(label) for label, *_ in never_found(details[variant])]
        if labels:
            found.append(Markdown(f"{t.code(variant)} ({', '.join(labels)})"))
    return Markdown("; ".join(found))


def _licences(details: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the licences of the checkpoints that each variant was made from."""
    return {
        variant: list(next(iter(seeds.values())).get("licences", []))
        for variant, seeds in details.items()
    }


def _html(text: str) -> Markdown:
    return Markdown(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _told_int8(rows: pd.DataFrame, option: str) -> str:
    """Say what ONNX Runtime was told, nothing where it ran no variant."""
    return int8_phrase(option) if (rows["runtime"] == "onnxruntime").any() else ""
