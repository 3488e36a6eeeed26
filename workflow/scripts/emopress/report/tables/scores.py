"""The report's tables as Markdown, one function per table, from checked results."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import Metric, judge_of
from emopress.measure.details import (
    label_decisions,
    passes_of,
    predicted_counts,
    recipe_of,
    sort_of,
)
from emopress.measure.exact import FEW_IN_CELL, proportion
from emopress.measure.pareto import pareto_front
from emopress.measure.results import speedup_claimed
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.tasks import MULTI

SETS_NOTE = (
    "**Here a text may have any number of labels.** Subset accuracy is the share of texts whose whole set of "
    "labels is right. A label is predicted if its probability reaches its threshold; the thresholds were tuned "
    "on the validation texts for {metric}, so the scores on validation are a little flattered."
)
DEMO_NOTE = Markdown("*Demo corpus: these numbers say nothing about real texts.*")


def sets_note(table: pd.DataFrame) -> Markdown:
    """Return what a reader must know where a text has any number of labels, empty where it has one."""
    judge = judge_of(table)
    return Markdown(SETS_NOTE.format(metric=judge.metric.name) if judge.task == MULTI else "")


def note_of(entry: Mapping[str, Any]) -> str:
    """Return the line that stands beside every table of a demo corpus, empty for real data."""
    return DEMO_NOTE if entry.get("demo") else ""


def main_table(table: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Write the table of a dataset's variants; `table` is that of `results.rows_of`."""
    judge = judge_of(table)
    scores = list(dict.fromkeys([*judge.reported, judge.accuracy]))
    gain = table[judge.metric.column].tolist()
    by_size = pareto_front(table["size_bytes"].tolist(), gain)
    by_latency = pareto_front(table["latency_ms_p50"].tolist(), gain)
    rows: list[dict[str, object]] = []
    for place, (variant, row) in enumerate(table.iterrows()):
        fronts = ["size"] * by_size[place] + ["latency"] * by_latency[place]
        name = t.code(variant) + (" (simulated)" if row["simulated"] else "")
        rows.append(
            {
                "Variant": Markdown(name),
                **_scores(row, scores),
                "ECE %": t.percent(row["ece"]),
                **{f"Validation: {m.name} %": t.percent(row[m.validation]) for m in scores},
                "Size": t.size(row["size_bytes"]),
                "Compression": t.ratio(row["compression"]),
                "p50 ms": t.decimals(row["latency_ms_p50"], 2, row["latency_ms_p50_sd"]),
                "p95 ms": t.decimals(row["latency_ms_p95"]),
                "Texts / s": t.count(row["throughput"]),
                "Speedup": speedup(row),
                "Over PyTorch": speedup(row, "speedup_over_pytorch"),
                "Parameters": t.short_count(row["params"]),
                "Non-zero": t.short_count(row["nonzero_params"]),
                "Bits / weight": t.decimals(row["bits_per_weight"], 1),
                "Runtime": row["runtime"],
            }
        )
        if table["speedup_over_pytorch"].isna().all():
            del rows[-1]["Over PyTorch"]
        if table["other_engine"].any():
            rows[-1]["Engine"] = "other engine" if row["other_engine"] else "same"
        rows[-1]["Pareto front"] = " and ".join(fronts) or t.EMPTY
        if table["reference"].nunique() > 1:
            rows[-1]["Reference"] = t.code(row["reference"])
        if table["seeds"].nunique() > 1:
            rows[-1]["Seeds"] = t.count(row["seeds"])
    left = ("Variant", "Runtime", "Engine", "Pareto front", "Reference")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry))


def _scores(row: pd.Series, metrics: Sequence[Metric]) -> dict[str, Markdown]:
    """Write scores of a row of the summary with their intervals, by heading."""
    cells = {}
    for metric in metrics:
        name = metric.column
        cells[f"{metric.title} %"] = t.percent(row[name], row[f"{name}_sd"])
        cells[f"{metric.title}, 95 %"] = t.interval(row[f"{name}_low"], row[f"{name}_high"])
    return cells


def set_table(table: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Write all scores of sets of labels; `table` is that of `results.rows_of`."""
    rows = [
        {
            "Variant": t.code(variant),
            **_scores(row, judge_of(table).metrics),
            "Hamming loss %": t.percent(row["hamming_loss"], row["hamming_loss_sd"]),
            "Hamming loss, 95 %": t.interval(row["hamming_loss_low"], row["hamming_loss_high"]),
        }
        for variant, row in table.iterrows()
    ]
    return t.markdown_table(t.frame_of(rows), left=["Variant"], note=note_of(entry))


def speedup(row: pd.Series, column: str = "speedup") -> Markdown:
    """Write a speedup, in brackets where it is within what timing cannot tell apart."""
    told = t.ratio(row[column])
    return told if speedup_claimed(row, column) else Markdown(f"({told})")


def class_table(
    seeds: Mapping[str, Any],
    tested: Mapping[str, Any],
    entry: Mapping[str, Any],
    dataset: str,
    variant: str,
) -> Markdown:
    """Write precision, recall and F1 per label of one variant (means over seeds) and support.

    Precision of few texts that are given the label, and recall of few that have it, stand with their interval.

    Where a text has any number of labels also each label's table of right and wrong decisions.

    `seeds`: the variant's entry in the details; `tested`: its entry in the statistics.
    """
    rows = []
    decisions = label_decisions(seeds)
    given = predicted_counts(seeds, entry["labels"])
    for place, label in enumerate(entry["labels"]):
        try:
            own = pd.DataFrame([seed["per_class"][label] for seed in seeds.values()])
            means = own[["precision", "recall", "f1", "support"]].mean()
        except KeyError as error:
            raise UserError(
                f"results/details.json: {dataset}, {variant}, label {label!r}: no key {error}"
            ) from None
        rows.append(
            {
                "Label": label,
                "Precision %": _share(means["precision"], given[place]),
                "Recall %": _share(means["recall"], means["support"]),
                "F1 %": t.percent(means["f1"]),
                "F1, 95 %": t.interval(*(tested["class_f1"][label][e] for e in ("low", "high"))),
                "Test texts": t.count(means["support"]),
                **{name: t.count(counts[place]) for name, counts in decisions.items()},
            }
        )
    return t.markdown_table(t.frame_of(rows), left=("Label",), note=note_of(entry))


def _share(value: float, texts: float) -> Markdown:
    """Write a share of so many texts in percent, of few ones with its exact 95 % interval: 100.00 (29.2 to 100.0)."""
    told = t.percent(value)
    if t.missing(value) or texts >= FEW_IN_CELL:
        return told
    return Markdown(f"{told} ({t.interval(*proportion(value * texts, texts))})")


def datasets_table(summary: pd.DataFrame, datasets: Mapping[str, Any]) -> Markdown:
    """List the datasets of the study with language, split, variants and whether they are demos."""
    rows = []
    for name in summary["dataset"].unique():
        entry, own = datasets[name], summary[summary["dataset"] == name]
        rows.append(
            {
                "Data set": t.code(name),
                "Title": entry.get("title") or name,
                "Language": entry.get("language") or t.EMPTY,
                "Split": (entry.get("split") or {}).get("method", t.EMPTY),
                "Variants": t.count(own["variant"].nunique()),
                "Seeds": t.count(own["seeds"].max()),
                "Demo corpus": "**yes: not real data**" if entry.get("demo") else "no",
            }
        )
        rows[-1]["Demo corpus"] = Markdown(rows[-1]["Demo corpus"])
    left = ("Data set", "Title", "Language", "Split", "Demo corpus")
    return t.markdown_table(t.frame_of(rows), left=left)


def models_used(
    variants: Sequence[str], models: Mapping[str, Any], passes: Mapping[str, Any]
) -> list[str]:
    """Return each model that the variants need, once: teachers, students, donors of tokenizers."""
    taught = [
        t
        for name in passes_used(variants, passes)
        for t in passes.get(name, {}).get("teachers", [])
    ]
    parts = [variant.split("+") for variant in (*variants, *taught)]
    names = [part[0] for part in parts]
    students = [passes.get(name, {}).get("student") for part in parts for name in part[1:]]
    names += [name for name in students if name]
    donors = [(models.get(name, {}).get("tokenizer") or {}).get("model") for name in names]
    return list(dict.fromkeys([*names, *(name for name in donors if name)]))


def passes_used(variants: Sequence[str], passes: Mapping[str, Any]) -> list[str]:
    """Return each pass of the variants once, those that a search tries or another teacher had too."""
    waiting = [name for variant in variants for name in variant.split("+")[1:]]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop(0)
        if name in passes and name not in found:
            found[name] = None
            waiting += passes[name].get("passes", [])
            waiting += [n for t in passes[name].get("teachers", []) for n in t.split("+")[1:]]
        elif name not in passes:
            found[name] = None  # passes_table names it as a mistake
    return list(found)


def models_table(names: list[str], models: Mapping[str, Any]) -> Markdown:
    """List the models of the study with their settings."""
    rows = []
    for name in names:
        if name not in models:
            raise UserError(
                f"results/summary.csv: column variant: needs {name!r}, no model of the config"
            )
        entry = models[name]
        rows.append(
            {
                "Model": t.code(name),
                "Family": entry.get("family", t.EMPTY),
                "Settings": t.settings(entry, skip=("family",)),
            }
        )
    return t.markdown_table(t.frame_of(rows), left=("Model", "Family", "Settings"))


def passes_table(names: list[str], passes: Mapping[str, Any]) -> Markdown:
    """List the passes of the study with their kind and parameters."""
    rows = []
    for name in names:
        if name not in passes:
            raise UserError(
                f"results/summary.csv: column variant: {name!r} is no pass of the config"
            )
        entry = passes[name]
        rows.append(
            {
                "Pass": t.code(name),
                "Kind": entry.get("kind", t.EMPTY),
                "Parameters": t.settings(entry, skip=("kind",)),
            }
        )
    return t.markdown_table(t.frame_of(rows), left=("Pass", "Kind", "Parameters"))


def prunes_single_weights(details: Mapping[str, Any]) -> bool:
    """Say whether a variant of one dataset's details was pruned weight by weight.

    What was distilled from a pruned teacher has none of its zeros.
    """
    for seeds in details.values():
        sorts = [sort_of(step) for step in passes_of(recipe_of(seeds))]
        students = [place for place, sort in enumerate(sorts) if sort == "distill"]
        if "prune magnitude" in sorts[students[-1] if students else 0 :]:
            return True
    return False
