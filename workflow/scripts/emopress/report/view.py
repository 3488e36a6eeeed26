"""What both reports print, as escaped pieces of Markdown, from result files: no model, no torch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.exact import FEW_IN_CELL, FEW_TEXTS
from emopress.measure.machine import TELLING_FLAGS
from emopress.report import judged, question_tables, sections
from emopress.report import tables as t
from emopress.report.budgets import recommendation_table
from emopress.report.cards import card_view
from emopress.report.cautions import never_found
from emopress.report.engines import engine_table, other_engines_table
from emopress.report.figure_names import figure_files
from emopress.report.findings import findings_table, searches_table
from emopress.report.grid import layer_grid
from emopress.report.published import published_table
from emopress.report.ranges import ranges_table
from emopress.report.recommendation import answer
from emopress.report.results import check_details, checked_summary, rows_of
from emopress.report.tables import Markdown
from emopress.report.trials import trade_off_told
from emopress.runtime.processor import OPTION

STUDY_KEYS = ("name", "seeds", "config_files", "config_text", "command")
ENVIRONMENT_KEYS = (
    "python",
    "packages",
    "cpu",
    "cpu_flags",
    "x64quantprecision",
    "memory_gb",
    "os",
    "git_commit",
    "git_dirty",
)
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
class Told:
    """What the config says: entries by name, the budgets, and the published rows that it names.

    `study` holds STUDY_KEYS (and `description`, which may be empty). `published`: the content of
    config/published.yaml; `corresponding`: data set -> variant -> row and what differs.
    """

    study: Mapping[str, Any]
    datasets: Mapping[str, Any]
    models: Mapping[str, Any]
    passes: Mapping[str, Any]
    published: Mapping[str, Any]
    corresponding: Mapping[str, Any]


def report_view(
    results: Results,
    told: Told,
    *,
    environment: Mapping[str, Any],
    rulegraph: str,
    training_figures: Collection[str] = (),
) -> dict[str, Any]:
    """Return what the templates of both reports print; figures are linked as figures/<name>.svg.

    `environment` holds ENVIRONMENT_KEYS; `rulegraph` is Mermaid source; `training_figures` names the
    data sets that have a training figure. Input that lacks something is a UserError naming the file or
    argument and the key.
    """
    study, datasets = told.study, told.datasets
    for what, value, keys in (
        ("study", study, STUDY_KEYS),
        ("environment", environment, ENVIRONMENT_KEYS),
    ):
        absent = [key for key in keys if key not in value]
        if absent:
            raise UserError(f"report: {what} has no key {', '.join(absent)}")
    table = checked_summary(results.summary, datasets)
    check_details(results.details, table, datasets)
    names = list(table["dataset"].unique())
    variants = list(table["variant"].unique())
    return {
        "study": {"description": "", **study},
        "seeds": t.join([t.code(seed) for seed in study["seeds"]]),
        "config_files": t.join([t.code(name) for name in study["config_files"]]),
        "config_text": _fenced(study["config_text"], "report: study.config_text"),
        "command": _fenced(study["command"], "report: study.command"),
        "demos": [
            datasets[name].get("title") or name for name in names if datasets[name].get("demo")
        ],
        "all_demo": all(datasets[name].get("demo") for name in names),
        "decides": _decides(table, datasets),
        "number_of_variants": len(table),
        "number_of_rows": int(table["seeds"].sum()),
        "datasets_table": sections.datasets_table(table, datasets),
        "models_table": sections.models_table(
            sections.models_used(variants, told.models, told.passes), told.models
        ),
        "passes_table": sections.passes_table(
            sections.passes_used(variants, told.passes), told.passes
        ),
        "datasets": [
            _dataset_view(name, table, results, told, name in training_figures) for name in names
        ],
        "environment": environment,
        "packages": _versions(environment["packages"]),
        "cpu_flags": _flags(environment["cpu_flags"]),
        "int8": _int8(environment["x64quantprecision"]),
        "rulegraph": _fenced(_mermaid(rulegraph), "report: rulegraph"),
    }


def _decides(table: pd.DataFrame, datasets: Mapping[str, Any]) -> Markdown:
    """Name the metric that decides, by data set where they differ."""
    names = {
        datasets[name].get("title") or name: judge_of(rows).metric.name
        for name, rows in table.groupby("dataset", sort=False)
    }
    if len(set(names.values())) == 1:
        return Markdown(next(iter(names.values())))
    return t.join([Markdown(f"{t.escape(title)}: {name}") for title, name in names.items()], "; ")


def _dataset_view(
    name: str, table: pd.DataFrame, results: Results, told: Told, training: bool
) -> dict[str, Any]:
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
        "told": t.join([Markdown(metric.name) for metric in judge.told], " and "),
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
            "flags": _flags(conditions["cpu_flags"]),
            "int8": _int8(conditions["x64quantprecision"]),
        },
        "threads": t.count(conditions["threads"][0]),
        "spread": t.share(spread),
        "timed_with": _versions(conditions["versions"]),
        "figures": {kind: Markdown(f"figures/{file}") for kind, file in files.items()},
        "trade_off": trade_off_told(rows, details, grid) if grid else "",
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


def _fenced(text: str, where: str) -> Markdown:
    """Return text for inside a fenced block, as it is; it must not end the block."""
    if "```" in text:
        raise UserError(f"{where}: holds ```")
    return Markdown(text.strip())


def _mermaid(source: str) -> str:
    """Return Mermaid source from its first line on; what a program printed before it is cut off."""
    lines = source.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(("---", "flowchart", "graph "))]
    if not starts:
        raise UserError("report: rulegraph is no Mermaid flowchart")
    return "\n".join(lines[starts[0] :])


def _versions(packages: Mapping[str, str]) -> Markdown:
    return t.join([Markdown(f"{t.escape(k)} {t.escape(v)}") for k, v in packages.items()])


def _flags(flags: Collection[str]) -> Markdown:
    """Name those CPU flags that decide how fast int8 and bf16 run."""
    return t.join([t.code(flag) for flag in TELLING_FLAGS if flag in flags])


def _int8(option: str) -> Markdown:
    """Say what ONNX Runtime was told for exact int8 products (`emopress.runtime.processor`)."""
    told = t.code(f"{OPTION}={option}")
    why = {
        "0": "its int8 products are exact unasked",
        "1": "exact int8 products, slower than VNNI's",
    }
    return Markdown(f"{told}: {why[option]}")


def _html(text: str) -> Markdown:
    return Markdown(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
