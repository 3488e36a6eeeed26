"""Writes `bundle.json`, which tells a runtime and a reader all about a bundle."""

from pathlib import Path
from typing import Any

from emopress.artifact import file_table, write_json
from emopress.checkpoint import (
    DATA_KEYS,
    Checkpoint,
    library_versions,
    parent_facts,
    with_findings,
)
from emopress.checkpoint import MANIFEST as CHECKPOINT
from emopress.runtime.bundle import MANIFEST, Bundle

KEPT = (
    "family",
    "kind",
    *DATA_KEYS,
    "task",
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
    kept = {key: parent.manifest[key] for key in KEPT if key in parent.manifest}
    kept["recipe"] = [*kept["recipe"], step]
    kept["findings"] = with_findings(kept.get("findings", {}), step["name"], findings)
    _write(folder, {**kept, **facts, "parent": parent_facts(parent.folder / MANIFEST)}, packages)


def _write(folder: Path, facts: dict[str, Any], packages: tuple[str, ...]) -> None:
    content = {
        "format": 1,
        "simulated": False,
        **facts,
        "versions": library_versions(*packages),
        "files": file_table(folder),
    }
    write_json(folder / MANIFEST, content)
