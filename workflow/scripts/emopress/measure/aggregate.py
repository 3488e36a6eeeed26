"""Joins predictions, bundles and timing into results/summary.csv and results/details.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas

from emopress.artifact import read_json, replaced_file, write_json
from emopress.errors import UserError
from emopress.measure.metrics import read_scores
from emopress.runtime.bundle import read_bundle

COLUMNS = [
    "dataset", "variant", "seed", "accuracy", "macro_f1", "micro_f1", "params", "nonzero_params",
    "size_bytes", "compression", "latency_ms_p50", "latency_ms_p95", "throughput", "speedup",
    "runtime", "validation_accuracy", "validation_macro_f1", "reference", "speedup_over_pytorch",
    "bits_per_weight", "family", "simulated", "threads",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One evaluated bundle of the study and the variant that it is compared with."""

    dataset: str
    variant: str
    seed: int
    reference: str
    bundle: Path
    predictions: Path


def timing_tables(paths: dict[str, Path]) -> dict[tuple[str, str, int, str], dict[str, Any]]:
    """Return the timing rows by (dataset, variant, seed, runtime)."""
    return {
        (dataset, row["variant"], row["seed"], row["runtime"]): row
        for dataset, path in paths.items()
        for row in read_json(path)["rows"]
    }


def aggregate(
    entries: list[Entry],
    timings: dict[str, Path],
    labels: dict[str, list[str]],
    *,
    summary: Path,
    details: Path,
) -> None:
    """Write the summary (one row per data set, variant and seed) and the details.

    compression and speedup: the reference's size or latency over the row's own, each of the files
    as they ship. So where `runtime` is not the reference's, speedup mixes what the other engine gave
    with what the compression gave. speedup_over_pytorch: the reference in PyTorch fp32 eager over
    the row's own, empty where that was not timed. The details hold, by seed, what does not fit a
    row: scores per class, confusion, the recipe and what its passes found or did.
    """
    clock = timing_tables(timings)
    threads = {d: read_json(p)["environment"]["threads"] for d, p in timings.items()}
    bundles = {(e.dataset, e.variant, e.seed): read_bundle(e.bundle, verify=False) for e in entries}
    rows: list[dict[str, Any]] = []
    deep: dict[str, Any] = {}
    for entry in entries:
        bundle = bundles[entry.dataset, entry.variant, entry.seed]
        reference = bundles[entry.dataset, entry.reference, entry.seed]
        facts = bundle.manifest
        found = read_scores(entry.predictions, labels[entry.dataset])
        test, validation = found["test"], found["validation"]
        own = clock[entry.dataset, entry.variant, entry.seed, facts["runtime"]]
        base = clock[entry.dataset, entry.reference, entry.seed, reference.manifest["runtime"]]
        eager = clock.get((entry.dataset, entry.reference, entry.seed, "pytorch"))
        latency = own["latency_ms_p50"]
        rows.append(
            {
                "dataset": entry.dataset,
                "variant": entry.variant,
                "seed": entry.seed,
                "accuracy": test.accuracy,
                "macro_f1": test.macro_f1,
                "micro_f1": test.micro_f1,
                "params": facts["params"],
                "nonzero_params": facts["nonzero_params"],
                "size_bytes": bundle.size_bytes,
                "compression": reference.size_bytes / bundle.size_bytes,
                "latency_ms_p50": latency,
                "latency_ms_p95": own["latency_ms_p95"],
                "throughput": own["throughput"],
                "speedup": base["latency_ms_p50"] / latency,
                "runtime": facts["runtime"],
                "validation_accuracy": validation.accuracy,
                "validation_macro_f1": validation.macro_f1,
                "reference": entry.reference,
                "speedup_over_pytorch": eager["latency_ms_p50"] / latency if eager else None,
                "bits_per_weight": 8 * bundle.size_bytes / facts["params"],
                "family": facts["family"],
                "simulated": facts["simulated"],
                "threads": threads[entry.dataset],
            }
        )
        deep.setdefault(entry.dataset, {}).setdefault(entry.variant, {})[str(entry.seed)] = {
            "per_class": test.per_class,
            "confusion": test.confusion,
            "n_test": test.texts,
            "recipe": facts["recipe"],
            "findings": facts.get("findings", {}),
        }
    if not rows:
        raise UserError("aggregate: the study has no variants")
    write_json(details, deep)
    with replaced_file(summary) as temporary:
        pandas.DataFrame(rows)[COLUMNS].to_csv(temporary, index=False, float_format="%.6g")
