"""What both reports print, as escaped pieces of Markdown, from result files alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.results import check_details, checked_summary
from emopress.report.dataset_view import Config, Results, dataset_view
from emopress.report.environment import flags_phrase, int8_phrase, versions_phrase
from emopress.report.tables.settings import (
    datasets_table,
    jobs_table,
    models_table,
    models_used,
    passes_table,
    passes_used,
)
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

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


def report_view(
    results: Results,
    config: Config,
    *,
    environment: Mapping[str, Any],
    rulegraph: str,
    benchmarks: Mapping[str, Sequence[Mapping[str, float]]],
    training_figures: Collection[str] = (),
) -> dict[str, Any]:
    """Return what the templates of both reports print; figures are linked as figures/<name>.svg.

    `environment` holds ENVIRONMENT_KEYS; `rulegraph` is Mermaid source; `benchmarks` is what the jobs took
    (`results.read_benchmarks`); `training_figures` names the data sets with a figure of training curves.
    UserError names the file or argument and the key that are missing.
    """
    study, datasets = config.study, config.datasets
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
        "decides": _deciding(table, datasets),
        "number_of_variants": len(table),
        "number_of_rows": int(table["seeds"].sum()),
        "datasets_table": datasets_table(table, datasets),
        "models_table": models_table(
            models_used(variants, config.models, config.passes), config.models
        ),
        "passes_table": passes_table(passes_used(variants, config.passes), config.passes),
        "datasets": [
            dataset_view(name, table, results, config, name in training_figures) for name in names
        ],
        "environment": environment,
        "jobs_table": jobs_table(benchmarks),
        "packages": versions_phrase(environment["packages"]),
        "cpu_flags": flags_phrase(environment["cpu_flags"]),
        "int8": int8_phrase(environment["x64quantprecision"]),
        "rulegraph": _fenced(_mermaid(rulegraph), "report: rulegraph"),
    }


def _deciding(table: pd.DataFrame, datasets: Mapping[str, Any]) -> Markdown:
    """Name the metric that decides; if data sets differ, that of each."""
    names = {
        datasets[name].get("title") or name: judge_of(rows).metric.name
        for name, rows in table.groupby("dataset", sort=False)
    }
    if len(set(names.values())) == 1:
        return Markdown(next(iter(names.values())))
    return t.join([Markdown(f"{t.escape(title)}: {name}") for title, name in names.items()], "; ")


def _fenced(text: str, where: str) -> Markdown:
    """Return text for the inside of a fenced block; UserError if it would end the block."""
    if "```" in text:
        raise UserError(f"{where}: contains ```")
    return Markdown(text.strip())


def _mermaid(source: str) -> str:
    """Return Mermaid source without what was printed before it."""
    lines = source.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(("---", "flowchart", "graph "))]
    if not starts:
        raise UserError("report: rulegraph is not a Mermaid flowchart")
    return "\n".join(lines[starts[0] :])
