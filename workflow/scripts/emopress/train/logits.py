"""Teacher logits, as they are written and as a student reads them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from emopress.artifact import replaced_file
from emopress.errors import UserError


def ids_hash(ids: list[str]) -> str:
    """Return a hash of the ids of texts, in their order."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def save_logits(
    path: Path,
    logits: np.ndarray,
    *,
    ids: list[str],
    recipe: list[dict[str, Any]],
    licences: list[str],
) -> None:
    """Write a teacher's logits [N, C] for the texts `ids`, and what its students record of it."""
    metadata = {"licences": json.dumps(licences), "recipe": json.dumps(recipe)}
    with replaced_file(path) as temporary:
        save_file({"logits": logits}, temporary, metadata={"ids_sha256": ids_hash(ids), **metadata})


def teacher_facts(path: Path) -> dict[str, Any]:
    """Return what logits say of their teacher: its recipe, and the licences of the checkpoints that it started from.

    UserError if an older emopress wrote them, without these.
    """
    with safe_open(path, framework="numpy") as stream:
        metadata = stream.metadata() or {}
    try:
        return {name: json.loads(metadata[name]) for name in ("recipe", "licences")}
    except KeyError as error:
        raise UserError(
            f"{path}: teacher logits of an older emopress, without the teacher's {error.args[0]}; "
            "delete it and run again"
        ) from None


def read_logits(path: Path, *, ids: list[str]) -> np.ndarray:
    """Read teacher logits; UserError if they were computed for other texts than `ids`."""
    with safe_open(path, framework="numpy") as stream:
        if (stream.metadata() or {}).get("ids_sha256") != ids_hash(ids):
            raise UserError(f"{path}: teacher logits of other texts; delete it and run again")
        return stream.get_tensor("logits")
