"""Writes `bundle.json`, which a runtime reads, and `provenance.json`, which tells how the bundle was made."""

from pathlib import Path
from typing import Any

from emopress.artifact import PROVENANCE, short_hash, short_hashes, write_json
from emopress.checkpoint import (
    DATA_KEYS,
    Checkpoint,
    library_versions,
    parent_facts,
    with_findings,
)
from emopress.checkpoint import MANIFEST as CHECKPOINT
from emopress.runtime.bundle import FORMAT, MANIFEST, Bundle, prediction_keys

KEPT = (
    "family",
    "kind",
    *DATA_KEYS,
    "task",
    "judge_by",
    "thresholds",
    "recipe",
    "findings",
    "seed",
    "base",
    "licences",
    "data_sha256",
    "params",
    "nonzero_params",
    "analyzer",
    "ngrams",
    "pooling",
    "buckets",
    "pad_id",
    "runtime",
    "weight_bits",
    "simulated",
)


def exported(folder: Path, checkpoint: Checkpoint, packages: tuple[str, ...], **facts: Any) -> None:
    """Complete the bundle `folder` made from `checkpoint`; `facts` add to what the checkpoint says."""
    kept = {key: checkpoint.manifest[key] for key in KEPT if key in checkpoint.manifest}
    _write(
        folder, {**kept, **facts, "parent": parent_facts(checkpoint.folder / CHECKPOINT)}, packages
    )


def derived(
    folder: Path,
    parent: Bundle,
    step: dict[str, Any],
    packages: tuple[str, ...],
    *,
    findings: dict[str, Any],
    **facts: Any,
) -> None:
    """Complete the bundle `folder` made from the bundle `parent` by the pass `step`.

    `findings` is what the pass found or did, for the report: names with units -> plain values.
    """
    kept = {key: parent.facts[key] for key in KEPT if key in parent.facts}
    kept["recipe"] = [*kept["recipe"], step]
    kept["findings"] = with_findings(kept.get("findings", {}), step["name"], findings)
    _write(folder, {**kept, **facts, "parent": parent_facts(parent.folder / MANIFEST)}, packages)


def _write(folder: Path, facts: dict[str, Any], packages: tuple[str, ...]) -> None:
    """Write provenance and manifest, which names the hash of all files: its own stands for the bundle.

    The manifest is shipped, so it holds what prediction reads and nothing else.
    """
    needed = [key for key in prediction_keys(facts["runtime"]) if key in facts]
    files = short_hashes(folder)
    made = {key: value for key, value in facts.items() if key not in needed}
    made = {"simulated": False, **made, "versions": library_versions(*packages)}
    write_json(folder / PROVENANCE, made)
    content = {
        "format": FORMAT,
        **{key: facts[key] for key in needed},
        "files": files,
        "provenance": short_hash(folder / PROVENANCE),
    }
    write_json(folder / MANIFEST, content, compact=True)
