"""Joins predictions, bundles and timing into results/seeds.csv and results/details.json, one row per seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas

from emopress.artifact import read_json, replaced_file, write_json
from emopress.errors import UserError
from emopress.measure.deciding import MACRO_F1, METRICS
from emopress.measure.metrics import Scores, read_scores, score_of
from emopress.runtime.bundle_reader import read_bundle

NONE: Mapping[Path, dict[str, Any]] = {}
VALIDATED = {metric.column: metric.validation for metric in METRICS.values()}
IN_DETAILS = ("label_confusion", "cooccurrence")  # where texts have any number of labels


@dataclass(frozen=True)
class Entry:
    """One evaluated bundle of the study and the variant that it is compared with."""

    dataset: str
    variant: str
    seed: int
    reference: str
    bundle: Path
    predictions: Path


class Clock:
    """The timing of one data set: rows by (variant, seed, runtime, threads), processes without threads."""

    def __init__(self, path: Path) -> None:
        content = read_json(path)
        self.threads: list[int] = content["environment"]["threads"]
        self.main_spread: float = content["spread"][str(self.threads[0])]
        self.rows = {
            (row["variant"], row["seed"], row["runtime"], row["threads"]): row
            for row in content["rows"]
        }
        self.processes = {
            (row["variant"], row["seed"], row["runtime"]): row for row in content["processes"]
        }

    def latency(self, variant: str, seed: int, runtime: str) -> float | None:
        """Return the median of one text in ms with the main number of threads, if it was timed."""
        row = self.rows.get((variant, seed, runtime, self.threads[0]))
        return row["latency_ms_p50"] if row else None

    def columns(self, variant: str, seed: int, runtime: str) -> dict[str, Any]:
        """Return the measurements of a bundle, by the names of the summary's columns."""
        main = self.rows[variant, seed, runtime, self.threads[0]]
        columns = {key: main[key] for key in ("latency_ms_p50", "latency_ms_p95", "throughput")}
        columns["threads"] = self.threads[0]
        several = len(self.threads) > 1
        last = self.rows[variant, seed, runtime, self.threads[-1]] if several else {}
        columns["all_threads"] = self.threads[-1] if several else None
        columns["all_latency_ms_p50"] = last.get("latency_ms_p50")
        columns["all_throughput"] = last.get("throughput")
        process = self.processes.get((variant, seed, runtime), {})
        return columns | {key: process.get(key) for key in ("peak_memory_bytes", "cold_start_ms")}


def known_scores(scores: Scores) -> dict[str, float]:
    """Return the scores that texts like these have, by column."""
    absent = {"sample_f1", "jaccard"} - set(scores.several)
    return {column: score_of(scores, column) for column in VALIDATED if column not in absent}


def validation_columns(scores: Scores) -> dict[str, float | None]:
    """Return the scores on validation by the names of the summary's columns, None where texts have no such score."""
    known = known_scores(scores)
    return {name: known.get(column) for column, name in VALIDATED.items()}


def aggregate(
    entries: list[Entry],
    clocks: dict[str, Clock],
    labels: dict[str, list[str]],
    *,
    costs: Mapping[Path, dict[str, Any]] = NONE,
    seeds: Path,
    details: Path,
) -> None:
    """Write the rows (one per data set, variant and seed) and the details.

    compression and speedup: the reference's size or latency over the row's own, each of the files
    as they ship. So where `runtime` is not the reference's, speedup mixes what the other engine gave
    with what the compression gave. speedup_over_pytorch: the reference in PyTorch fp32 eager over
    the row's own, empty where that was not timed. The details hold, by seed, what does not fit a
    row: scores per class, confusion, macro F1 on validation, the recipe and what its passes measured and changed,
    and what is in `costs` (by the folder of the predictions): the cross-entropy of a generative
    model's tokens.
    """
    bundles = {(e.dataset, e.variant, e.seed): read_bundle(e.bundle, verify=False) for e in entries}
    rows: list[dict[str, Any]] = []
    deep: dict[str, Any] = {}
    for entry in entries:
        bundle = bundles[entry.dataset, entry.variant, entry.seed]
        reference = bundles[entry.dataset, entry.reference, entry.seed]
        facts, clock = bundle.facts, clocks[entry.dataset]
        folder = entry.predictions.parent
        by_split = read_scores(entry.predictions, labels[entry.dataset])
        test, validation = by_split["test"], by_split["validation"]
        timed = clock.columns(entry.variant, entry.seed, facts["runtime"])
        latency = timed["latency_ms_p50"]
        base = clock.latency(entry.reference, entry.seed, reference.manifest["runtime"])
        eager = clock.latency(entry.reference, entry.seed, "pytorch")
        rows.append(
            {
                "dataset": entry.dataset,
                "variant": entry.variant,
                "seed": entry.seed,
                "family": facts["family"],
                "runtime": facts["runtime"],
                "reference": entry.reference,
                "simulated": facts["simulated"],
                "accuracy": test.accuracy,
                "macro_f1": test.macro_f1,
                "micro_f1": test.micro_f1,
                **validation_columns(validation),
                "params": facts["params"],
                "nonzero_params": facts["nonzero_params"],
                "size_bytes": bundle.size_bytes,
                "bits_per_weight": 8 * bundle.size_bytes / facts["params"],
                "compression": reference.size_bytes / bundle.size_bytes,
                **timed,
                "speedup": base / latency if base else None,
                "speedup_over_pytorch": eager / latency if eager else None,
            }
        )
        deep.setdefault(entry.dataset, {}).setdefault(entry.variant, {})[str(entry.seed)] = {
            "per_class": test.per_class,
            "confusion": test.confusion,
            **{key: test.several[key] for key in IN_DETAILS if key in test.several},
            "n_test": test.texts,
            MACRO_F1.validation: validation.macro_f1,
            "scores": {split: known_scores(scores) for split, scores in by_split.items()},
            "recipe": facts["recipe"],
            "findings": facts.get("findings", {}),
            "licences": facts.get("licences", []),
            **({"cross_entropy": costs[folder]} if folder in costs else {}),
        }
    if not rows:
        raise UserError("aggregate: the study has no variants")
    write_json(details, deep)
    with replaced_file(seeds) as temporary:
        pandas.DataFrame(rows).to_csv(temporary, index=False, float_format="%.8g")
