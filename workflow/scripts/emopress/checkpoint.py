"""Checkpoints: folders that the next pass trains on, with a manifest that says how they were made."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emopress.artifact import check_files, file_table, read_json, sha256_of, write_json

MANIFEST = "checkpoint.json"
HEAD = "head.safetensors"  # of a large decoder: the output layer [labels, width], in fp32
ADAPTER = "adapter"  # of a large decoder: the folder of its adapters, in peft's form
# Published checkpoints that there is code for: transformers' names of their model types, and of their weights.
ENCODERS = ("bert", "distilbert", "electra")
DECODERS = ("gemma", "mistral", "llama")  # they read a text's class off its last token
ARCHITECTURES = (*ENCODERS, *DECODERS)
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in shards: which tensor is in which file
GENERATIVE, DISCRIMINATIVE = "generative", "discriminative"  # kinds of an LSTM
DATA_KEYS = ("labels", "language", "max_length", "normalise")  # what a model knows of its data set


def library_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the named packages."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def parent_facts(manifest: Path) -> dict[str, str]:
    """Return how a child's manifest names its parent, given the parent's.

    A manifest's hash stands for a whole artifact, since it holds the hashes of the files.
    """
    return {"sha256": sha256_of(manifest)}


def with_findings(known: dict[str, Any], name: str, findings: dict[str, Any]) -> dict[str, Any]:
    """Return `known` findings and those of the pass `name`; `name (2)` if there is one of that name."""
    key, times = name, 1
    while key in known:
        times += 1
        key = f"{name} ({times})"
    return {**known, key: findings}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk: its folder and its manifest's content."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def labels(self) -> list[str]:
        """Label names in the order of the classes."""
        return list(self.manifest["labels"])

    @property
    def data(self) -> dict[str, Any]:
        """What the model knows of its data set: DATA_KEYS, its task unless that is `single`, and `judge_by`."""
        task = {key: self.manifest[key] for key in ("task", "judge_by") if key in self.manifest}
        return {key: self.manifest[key] for key in DATA_KEYS} | task

    @property
    def thresholds(self) -> dict[str, list[float]]:
        """What a child that does not train inherits: the thresholds of a `multi` model, else nothing."""
        return {key: self.manifest[key] for key in ("thresholds",) if key in self.manifest}


def read_checkpoint(folder: Path | str) -> Checkpoint:
    """Open a checkpoint and verify its files; UserError names a missing or damaged one."""
    folder = Path(folder)
    manifest = read_json(folder / MANIFEST)
    check_files(folder, manifest["files"])
    return Checkpoint(folder, manifest)


def runs_in_transformers(folder: Path) -> bool:
    """Return whether the checkpoint in `folder` is a large decoder's (`emopress.train.large`)."""
    return read_json(folder / MANIFEST).get("runtime") == "transformers"


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Complete a checkpoint folder: list its files with their hashes, manifest last.

    `facts` must say: family, DATA_KEYS, recipe, seed, parent, base, licences, data_sha256, params,
    nonzero_params, versions; of a `multi` model task, thresholds (one per label) and, unless that is
    macro F1, `judge_by`, which they were tuned for. `findings` (by
    pass name) is what the passes of the recipe measured and changed.
    """
    content = {"format": 1, "findings": {}, **facts, "files": file_table(folder)}
    write_json(folder / MANIFEST, content)
