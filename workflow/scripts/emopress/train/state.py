"""The folder that keeps an unfinished training run: weights, best weights, optimizer and progress."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from emopress.artifact import (
    check_files,
    file_table,
    is_table,
    read_json,
    replaced_folder,
    write_json,
)
from emopress.errors import UserError

MANIFEST = "state.json"
Rows = dict[int, dict[str, Tensor]]


@dataclass(frozen=True)
class Progress:
    """An unfinished training run: tensors of the model and of its best epoch, the optimizer's by parameter.

    `progress` holds history, best_epoch and scheduler_step.
    """

    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: Rows
    progress: dict[str, Any]


def _seal(identity: Any, files: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest's content, so that a damaged one is not mistaken for that of another run."""
    return hashlib.sha256(json.dumps([identity, files], sort_keys=True).encode()).hexdigest()


def save_progress(folder: Path, progress: Progress, *, identity: str) -> None:
    """Write an unfinished training run to `folder`, all or nothing; `identity` is that of its result."""
    rows = progress.optimizer.items()
    with replaced_folder(folder) as new:
        save_file(progress.weights, new / "model.safetensors")
        save_file(progress.best, new / "best.safetensors")
        tensors = {f"{i}.{key}": value for i, row in rows for key, value in row.items()}
        save_file(tensors, new / "optimizer.safetensors")
        write_json(new / "progress.json", progress.progress)
        # What is resumed must be what was saved: the manifest holds the hashes.
        files = file_table(new)
        manifest = {"identity": identity, "files": files, "sha256": _seal(identity, files)}
        write_json(new / MANIFEST, manifest)


def read_progress(folder: Path, *, identity: str) -> Progress | None:
    """Return what `save_progress` wrote, None if there is nothing or it has another identity.

    UserError names a damaged file.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    manifest = read_json(path)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not is_table(files) or manifest.get("sha256") != _seal(manifest.get("identity"), files):
        raise UserError(
            f"{path}: damaged (not what its sha256 says); delete {folder} and run the workflow again"
        )
    if manifest["identity"] != identity:
        print(
            "training: an unfinished run of something else (code, data or settings) is discarded",
            file=sys.stderr,
        )
        return None
    check_files(folder, files)
    rows: Rows = {}
    for name, value in load_file(folder / "optimizer.safetensors").items():
        index, key = name.split(".", 1)
        rows.setdefault(int(index), {})[key] = value
    return Progress(
        load_file(folder / "model.safetensors"),
        load_file(folder / "best.safetensors"),
        rows,
        read_json(folder / "progress.json"),
    )
