"""The tables of what was run: data sets, models and passes with their settings, and what the jobs took."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown


def datasets_table(summary: pd.DataFrame, datasets: Mapping[str, Any]) -> Markdown:
    """List the data sets of the study with language, split, variants and whether they are demos."""
    rows = []
    for name, variants in summary.groupby("dataset", sort=False):
        entry = datasets[name]
        rows.append(
            {
                "Data set": t.code(name),
                "Title": entry.get("title") or name,
                "Language": entry.get("language") or t.EMPTY,
                "Split": (entry.get("split") or {}).get("method", t.EMPTY),
                "Variants": t.count(variants["variant"].nunique()),
                "Seeds": t.count(variants["seeds"].max()),
                "Demo corpus": Markdown("**yes: not real data**" if entry.get("demo") else "no"),
            }
        )
    return t.table(rows, left=("Data set", "Title", "Language", "Split", "Demo corpus"))


def passes_used(variants: Iterable[str], passes: Mapping[str, Any]) -> list[str]:
    """Return each pass of the variants once, with those that a search tries or that made a teacher.

    A name that the config does not define stays in the list, for `passes_table` to report.
    """
    names: dict[str, None] = {}
    waiting = deque(name for variant in variants for name in variant.split("+")[1:])
    while waiting:
        name = waiting.popleft()
        if name not in names:
            names[name] = None
            entry = passes.get(name, {})
            waiting += entry.get("passes", [])
            waiting += [part for one in entry.get("teachers", []) for part in one.split("+")[1:]]
    return list(names)


def models_used(
    variants: Sequence[str], models: Mapping[str, Any], passes: Mapping[str, Any]
) -> list[str]:
    """Return each model that the variants need, once: teachers, students, donors of tokenizers."""
    entries = [passes.get(name, {}) for name in passes_used(variants, passes)]
    teachers = [teacher for entry in entries for teacher in entry.get("teachers", [])]
    recipes = [variant.split("+") for variant in (*variants, *teachers)]
    names = [recipe[0] for recipe in recipes]
    students = [passes.get(name, {}).get("student") for parts in recipes for name in parts[1:]]
    names += [name for name in students if name]
    donors = [(models.get(name, {}).get("tokenizer") or {}).get("model") for name in names]
    return list(dict.fromkeys([*names, *(name for name in donors if name)]))


def models_table(names: Iterable[str], models: Mapping[str, Any]) -> Markdown:
    """List models with their settings; UserError for a name that the config does not define."""
    return _entries_table(names, models, "Model", "Family")


def passes_table(names: Iterable[str], passes: Mapping[str, Any]) -> Markdown:
    """List passes with their settings; UserError for a name that the config does not define."""
    return _entries_table(names, passes, "Pass", "Kind")


def _entries_table(
    names: Iterable[str], entries: Mapping[str, Any], what: str, sort: str
) -> Markdown:
    rows = []
    for name in names:
        if name not in entries:
            raise UserError(
                f"results/summary.csv: column variant: the config defines no {what.lower()} {name!r}"
            )
        entry = entries[name]
        rows.append(
            {
                what: t.code(name),
                sort: entry.get(sort.lower(), t.EMPTY),
                "Settings": t.settings(entry, skip=(sort.lower(),)),
            }
        )
    return t.table(rows, left=(what, sort, "Settings"))


def jobs_table(benchmarks: Mapping[str, Sequence[Mapping[str, float]]]) -> Markdown:
    """Sum up what the jobs took, the rules with most seconds first; `benchmarks` as of `read_benchmarks`."""
    rows = [
        {
            "Rule": t.code(rule),
            "Jobs": t.count(len(jobs)),
            "Seconds": t.count(sum(job["s"] for job in jobs)),
            "Longest, s": t.count(max(job["s"] for job in jobs)),
            "Peak memory, MiB": t.count(
                max((job["max_rss"] for job in jobs if "max_rss" in job), default=float("nan"))
            ),
            "CPU seconds": t.count(sum(job.get("cpu_time", 0) for job in jobs)),
        }
        for rule, jobs in sorted(
            benchmarks.items(), key=lambda item: -sum(job["s"] for job in item[1])
        )
    ]
    return t.table(rows, left=("Rule",))
