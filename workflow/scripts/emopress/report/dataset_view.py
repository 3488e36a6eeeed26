"""What both reports print about one data set, as escaped pieces of Markdown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import FEW_TEXTS, judge_of
from emopress.measure.details import prunes_single_weights
from emopress.measure.exact import FEW_IN_CELL
from emopress.measure.pareto import layer_grid
from emopress.measure.results import rows_of
from emopress.report.environment import flags_phrase, int8_phrase, versions_phrase
from emopress.report.figures.names import figure_files
from emopress.report.tables import lstms
from emopress.report.tables.budgets import recommendation_table
from emopress.report.tables.data_card import card_view
from emopress.report.tables.differences import tests_tables
from emopress.report.tables.pass_results import findings_table, searches_table
from emopress.report.tables.published_table import published_table
from emopress.report.tables.ranges import ranges_table
from emopress.report.tables.scores import class_table, main_table, noise_table, set_table
from emopress.report.tables.speed import engine_table, other_engines_table, running_table
from emopress.report.words import markup as t
from emopress.report.words.answer import answer, trade_off_phrase
from emopress.report.words.cautions import never_found
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import sets_note

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
    """The parts of the config that a report prints: entries by name, and the published rows they name.

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
    name: str, table: pd.DataFrame, results: Results, config: Config, training: bool
) -> dict[str, Any]:
    """Return what the templates print about a data set; `training`: it has a figure of training curves.

    On a demo corpus each table says so. UserError, naming file and key, for incomplete results.
    """
    entry, details = config.datasets[name], results.details[name]
    where = f"results/timing/{name}.json"
    for source, file in (
        (results.timing, where),
        (results.cards, f"results/data/{name}/card.json"),
        (results.statistics, f"results/statistics/{name}.json"),
        (results.recommendation, f"results/recommendation.json, {name}"),
    ):
        if name not in source:
            raise UserError(f"{file}: not an input of the report")
    timing = results.timing[name]
    conditions = timing.get("environment", {})
    absent = [key for key in TIMING_KEYS if key not in conditions]
    if absent:
        raise UserError(f"{where}: environment has no key {', '.join(absent)}")
    rows, demo = rows_of(table, name), bool(entry.get("demo"))
    variants = list(rows.index)
    judge = judge_of(rows)
    statistics, chosen = results.statistics[name], results.recommendation[name]
    linear = statistics["linear"]
    grid = layer_grid(variants, config.models)
    files = figure_files(
        name,
        training=training,
        noise=bool(statistics["noise"][1:]),
        trade_off=bool(grid),
        bits="questions" in statistics,
    )
    view = {
        "name": name,
        "title": entry.get("title") or name,
        "language": entry.get("language") or "",
        "demo": demo,
        "demo_notice": t.DEMO_NOTE,
        "sets_notice": sets_note(judge) if entry.get("multilabel") else "",
        "metric": judge.metric,
        "metrics": " and ".join(metric.name for metric in judge.reported),
        "set_table": set_table(rows) if entry.get("multilabel") else "",
        "answer": answer(
            name, entry, chosen, rows, statistics, details, licences=_licences(details)
        ),
        "recommendation_table": recommendation_table(chosen, rows),
        "few_texts": FEW_TEXTS,
        "few_in_cell": FEW_IN_CELL,
        "n_test": t.count(statistics["n_test"]),
        "resamples": t.count(statistics["resamples"]),
        "linear": None if linear is None else t.code(linear),
        "card": card_view(name, results.cards[name], entry["labels"], statistics["texts"]["cut"]),
        "main_table": main_table(rows),
        "tests_tables": tests_tables(rows),
        "noise_table": noise_table(rows),
        "running_table": running_table(rows),
        "published_table": published_table(
            config.corresponding.get(name, {}), config.published, rows, demo=demo
        ),
        "several_seeds": bool((rows["seeds"] > 1).any()),
        "seeds": t.join([t.count(n) for n in sorted(rows["seeds"].unique())], " or "),
        "references": t.join([t.code(name) for name in dict.fromkeys(rows["reference"])]),
        "several_references": rows["reference"].nunique() > 1,
        "simulated": t.join([t.code(v) for v in rows.index[rows["simulated"]]]),
        "blind": _blind(details, variants),
        "any_simulated": bool(rows["simulated"].any()),
        "unstructured": prunes_single_weights(details),
        "engine_table": engine_table(rows, timing, where),
        "any_other_engine": bool(rows["other_engine"].any()),
        "other_engines_table": other_engines_table(rows, details, timing, where),
        "findings_table": findings_table(details, variants),
        "ranges_table": ranges_table(details, variants),
        "questions": lstms.section(statistics, details, rows["size_bytes"].to_dict()),
        "searches_table": searches_table(details, variants, judge),
        "timing": {
            **conditions,
            "flags": flags_phrase(conditions["cpu_flags"]),
            "int8": int8_phrase(conditions["x64quantprecision"])
            if (rows["runtime"] == "onnxruntime").any()
            else "",
        },
        "threads": t.count(conditions["threads"][0]),
        "spread": t.share(timing["spread"][str(conditions["threads"][0])]),
        "timed_with": versions_phrase(conditions["versions"]),
        "figures": {kind: Markdown(f"figures/{file}") for kind, file in files.items()},
        "trade_off": trade_off_phrase(rows, details, grid) if grid else "",
        "flips": Markdown(f"flips/{name}.csv"),
        "classes": [
            {
                "variant": _html(variant),
                "table": class_table(
                    details[variant], statistics["variants"][variant], entry, name, variant
                ),
            }
            for variant in variants
        ],
    }
    return {key: _with_note(value) for key, value in view.items()} if demo else view


def _with_note(value: Any) -> Any:
    """Put the demo note above each table in a value of the view."""
    if isinstance(value, dict):
        return {key: _with_note(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_note(inner) for inner in value]
    is_table = isinstance(value, Markdown) and value.startswith("| ")
    return Markdown(f"{t.DEMO_NOTE}\n\n{value}") if is_table else value


def _blind(details: Mapping[str, Any], variants: Collection[str]) -> Markdown:
    """Name the variants that find no text of some label, with these labels; empty if there are none."""
    groups: dict[tuple[Markdown, ...], list[Markdown]] = {}
    for variant in variants:
        labels = tuple(t.escape(label) for label, *_ in never_found(details[variant]))
        groups.setdefault(labels, []).append(t.code(variant))
    return Markdown(
        "; ".join(
            f"{t.join(names)} ({t.join(labels)})" for labels, names in groups.items() if labels
        )
    )


def _licences(details: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the licences of the checkpoints that each variant was made from."""
    return {
        variant: list(next(iter(seeds.values())).get("licences", []))
        for variant, seeds in details.items()
    }


def _html(text: str) -> Markdown:
    return Markdown(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
