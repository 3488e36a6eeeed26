"""Writes `bundle.json`, which a runtime reads, and `provenance.json`, which records how the bundle was made."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emopress.artifact import PROVENANCE, short_hash, short_hashes, write_json
from emopress.checkpoint import MANIFEST as CHECKPOINT
from emopress.checkpoint import (
    Checkpoint,
    library_versions,
    parent_facts,
    with_findings,
)
from emopress.runtime.bundle_reader import FORMAT, MANIFEST, Bundle, prediction_keys

TOKENIZER = "tokenizer.json"
# What a manifest says of its artifact only; a child inherits all the rest.
OWN = ("format", "parent", "versions", "files", "provenance", "trained_on")


def inherited(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a child's manifest inherits from its parent: all but OWN."""
    return {key: value for key, value in facts.items() if key not in OWN}


def exported(folder: Path, checkpoint: Checkpoint, packages: tuple[str, ...], **facts: Any) -> None:
    """Complete the bundle `folder` made from `checkpoint`; `facts` add to what the checkpoint says."""
    origin = parent_facts(checkpoint.folder / CHECKPOINT)
    _write(folder, {**inherited(checkpoint.manifest), **facts, "parent": origin}, packages)


def derived(
    folder: Path,
    parent: Bundle,
    step: dict[str, Any],
    packages: tuple[str, ...] = ("onnx", "onnxruntime", "numpy"),
    *,
    findings: dict[str, Any],
    **facts: Any,
) -> None:
    """Complete the bundle `folder` made from the bundle `parent` by the pass `step` with `packages`.

    A tokenizer.json is copied from the parent.

    `findings` is what the pass measured or did, for the report: names with units -> plain values.
    `facts` replace what the parent's manifest says.
    """
    if (parent.folder / TOKENIZER).is_file():
        shutil.copyfile(parent.folder / TOKENIZER, folder / TOKENIZER)
    changed = {
        "recipe": [*parent.facts["recipe"], step],
        "findings": with_findings(parent.facts.get("findings", {}), step["name"], findings),
        **facts,
        "parent": parent_facts(parent.folder / MANIFEST),
    }
    _write(folder, {**inherited(parent.facts), **changed}, packages)


def _write(folder: Path, facts: dict[str, Any], packages: tuple[str, ...]) -> None:
    """Write provenance and manifest. The manifest has the hashes of all files, so that its hash identifies the bundle.

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
