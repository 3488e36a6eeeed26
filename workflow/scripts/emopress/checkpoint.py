"""Checkpoints: folders that the next pass trains on, with a manifest that says how they were made."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emopress.artifact import check_files, file_table, read_json, sha256_of, write_json

MANIFEST = "checkpoint.json"


def library_versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of the named packages."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def manifest_hash(manifest: Path) -> str:
    """Return the hash that stands for a whole artifact: its manifest holds its files' hashes."""
    return sha256_of(manifest)


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
    def sha256(self) -> str:
        """Hash of the manifest, and so of everything in the folder."""
        return manifest_hash(self.folder / MANIFEST)


def read_checkpoint(folder: Path | str) -> Checkpoint:
    """Open a checkpoint and verify its files; UserError names a missing or damaged one."""
    folder = Path(folder)
    manifest = read_json(folder / MANIFEST)
    check_files(folder, manifest["files"])
    return Checkpoint(folder, manifest)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Complete a checkpoint folder: list its files with their hashes, manifest last.

    `facts` must say: family, labels, language, max_length, normalise, recipe, seed, parent, base, data_sha256,
    params, nonzero_params, versions.
    """
    write_json(folder / MANIFEST, {"format": 1, **facts, "files": file_table(folder)})


def parent_facts(parent: Checkpoint | None) -> dict[str, str] | None:
    """Return how a child's manifest names its parent."""
    return None if parent is None else {"sha256": parent.sha256}
