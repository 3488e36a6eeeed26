"""Teacher logits: computed once from a teacher's bundle, read by all of its students."""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.runtime.bundle import load, read_bundle
from emopress.train.data import read_split

BATCH = 32


def _ids_hash(ids: list[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def write_logits(
    bundle: Path, train: Path, out: Path, *, threads: int, device: str = "cpu"
) -> None:
    """Write the bundle's logits [N, C] fp32 for the training texts, in their order.

    `device` is that of `emopress.runtime.bundle.load`.
    """
    split = read_split(train)
    logits = load(bundle, threads=threads, device=device).predict_logits(
        split.texts, batch_size=BATCH, progress=True
    )
    facts = {
        "ids_sha256": _ids_hash(split.ids),
        "licences": json.dumps(read_bundle(bundle, verify=False).facts["licences"]),
    }
    with replaced_file(out) as temporary:
        save_file({"logits": logits}, temporary, metadata=facts)


def teacher_licences(path: Path) -> list[str]:
    """Return the licences of the checkpoints that the teacher of these logits started from."""
    with safe_open(path, framework="numpy") as stream:
        return list(json.loads((stream.metadata() or {})["licences"]))


def read_logits(path: Path, *, ids: list[str]) -> np.ndarray:
    """Read teacher logits; UserError if they were computed for other texts than `ids`."""
    with safe_open(path, framework="numpy") as stream:
        if (stream.metadata() or {}).get("ids_sha256") != _ids_hash(ids):
            raise UserError(f"{path}: teacher logits of other texts; delete it and run again")
        return stream.get_tensor("logits")
