"""Writes results/report.md from result files: no model, no torch, every text from data escaped."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined, TemplateError

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.report import sections
from emopress.report import tables as t
from emopress.report.cards import card_view
from emopress.report.choice import in_short
from emopress.report.engines import engine_table, other_engines_table
from emopress.report.figures import figure_names
from emopress.report.findings import findings_table, searches_table
from emopress.report.results import check_details, checked_summary, per_variant, test_texts
from emopress.report.tables import Markdown

STUDY_KEYS = ("name", "seeds", "config_files", "command")
ENVIRONMENT_KEYS = (
    "python",
    "packages",
    "cpu",
    "cpu_flags",
    "memory_gb",
    "os",
    "git_commit",
    "git_dirty",
)
TIMING_KEYS = ("cpu", "cpu_flags", "threads", "rounds", "texts", "batch_size", "versions")
FLAGS_THAT_MATTER = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
)


def render_report(
    *,
    summary: pd.DataFrame,
    details: Mapping[str, Any],
    timing: Mapping[str, Any],
    cards: Mapping[str, Any],
    datasets: Mapping[str, Any],
    models: Mapping[str, Any],
    passes: Mapping[str, Any],
    study: Mapping[str, Any],
    environment: Mapping[str, Any],
    rulegraph: str,
    template: Path | str,
    out: Path | str,
    training_figures: Collection[str] = (),
) -> None:
    """Write the report to `out`; its figures are linked as figures/<name>.svg beside it.

    `timing`, `cards` and `datasets` are keyed by dataset. `study` holds STUDY_KEYS (and
    `description`, which may be empty), `environment` ENVIRONMENT_KEYS; `rulegraph` is Mermaid
    source; `training_figures` names the datasets that have a training figure. Input that lacks
    something is a UserError naming the file or argument and the key.
    """
    for what, value, keys in (
        ("study", study, STUDY_KEYS),
        ("environment", environment, ENVIRONMENT_KEYS),
    ):
        absent = [key for key in keys if key not in value]
        if absent:
            raise UserError(f"report: {what} has no key {', '.join(absent)}")
    table = checked_summary(summary, datasets)
    check_details(details, table, datasets)
    names = list(table["dataset"].unique())
    context = {
        "study": {"description": "", **study},
        "seeds": t.join([t.code(seed) for seed in study["seeds"]]),
        "config_files": t.join([t.code(name) for name in study["config_files"]]),
        "command": _fenced(study["command"], "report: study.command"),
        "demos": [
            datasets[name].get("title") or name for name in names if datasets[name].get("demo")
        ],
        "all_demo": all(datasets[name].get("demo") for name in names),
        "number_of_variants": len(table.drop_duplicates(["dataset", "variant"])),
        "number_of_rows": len(table),
        "datasets_table": sections.datasets_table(table, datasets),
        "models_table": sections.models_table(
            sections.models_used(list(table["variant"].unique()), models, passes), models
        ),
        "passes_table": sections.passes_table(
            sections.passes_used(list(table["variant"].unique()), passes), passes
        ),
        "datasets": [
            _dataset_view(name, table, details, timing, cards, datasets, name in training_figures)
            for name in names
        ],
        "environment": environment,
        "packages": _versions(environment["packages"]),
        "cpu_flags": _flags(environment["cpu_flags"]),
        "rulegraph": _fenced(_mermaid(rulegraph), "report: rulegraph"),
    }
    text = _render(Path(template), context)
    with replaced_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _dataset_view(
    name: str,
    table: pd.DataFrame,
    details: Mapping[str, Any],
    timing: Mapping[str, Any],
    cards: Mapping[str, Any],
    datasets: Mapping[str, Any],
    training: bool,
) -> dict[str, Any]:
    entry = datasets[name]
    for source, file in (
        (timing, f"results/timing/{name}.json"),
        (cards, f"results/data/{name}/card.json"),
    ):
        if name not in source:
            raise UserError(f"{file}: not handed to the report")
    where = f"results/timing/{name}.json"
    conditions = timing[name].get("environment", {})
    absent = [key for key in TIMING_KEYS if key not in conditions]
    if absent:
        raise UserError(f"{where}: environment has no key {', '.join(absent)}")
    variants = per_variant(table, name)
    n_test = test_texts(details[name])
    files = figure_names(name, training=training)
    return {
        "name": name,
        "title": entry.get("title") or name,
        "language": entry.get("language") or "",
        "demo": bool(entry.get("demo")),
        "demo_notice": sections.DEMO_NOTE,
        "short": in_short(variants, n_test),
        "card": card_view(name, cards[name], entry),
        "main_table": sections.main_table(variants, entry),
        "several_seeds": bool((variants["seeds"] > 1).any()),
        "seeds": t.join([t.count(n) for n in sorted(variants["seeds"].unique())], " or "),
        "references": t.join(
            [t.code(name) for name in dict.fromkeys(variants["reference"]) if name]
        ),
        "several_references": variants["reference"].nunique() > 1,
        "simulated": t.join([t.code(v) for v in variants.index[variants["simulated"]]]),
        "any_simulated": bool(variants["simulated"].any()),
        "unstructured": sections.prunes_single_weights(details[name]),
        "engine_table": engine_table(variants, timing[name], entry, where),
        "any_other_engine": bool(variants["other_engine"].any()),
        "other_engines_table": other_engines_table(variants, details[name], entry),
        "findings_table": findings_table(details[name], list(variants.index), entry),
        "searches_table": searches_table(details[name], list(variants.index), entry),
        "timing": {**conditions, "flags": _flags(conditions["cpu_flags"])},
        "timed_with": _versions(conditions["versions"]),
        "figures": dict(
            zip(("size", "latency", "confusion", "training"), map(_url, files), strict=False)
        ),
        "classes": [
            {
                "variant": _html(variant),
                "table": sections.class_table(details[name][variant], entry, name, variant),
            }
            for variant in variants.index
        ],
    }


def _render(template: Path, context: Mapping[str, Any]) -> str:
    """Render a template in which every expression that is not Markdown yet is escaped."""
    jinja = Environment(
        undefined=StrictUndefined,
        finalize=t.escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        text = jinja.from_string(template.read_text(encoding="utf-8")).render(context)
    except FileNotFoundError:
        raise UserError(f"{template}: no such file") from None
    except TemplateError as error:
        raise UserError(f"{template}: {error}") from None
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [
        line for number, line in enumerate(lines) if line or (number and lines[number - 1])
    ]  # at most one blank line in a row
    return "\n".join(kept).strip() + "\n"


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
    return t.join([t.code(flag) for flag in FLAGS_THAT_MATTER if flag in flags])


def _url(name: str) -> Markdown:
    return Markdown(f"figures/{name}")


def _html(text: str) -> Markdown:
    return Markdown(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
