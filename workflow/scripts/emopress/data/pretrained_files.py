"""Looks at the files of a fetched checkpoint without loading it: whole, of a known architecture, and fitting."""

import json
from pathlib import Path
from typing import Any

from emopress.architectures import ARCHITECTURES
from emopress.errors import UserError

LARGEST_HEADER = 100_000_000  # bytes; safetensors allows no more


def check_checkpoint(folder: Path, what: str) -> None:
    """Raise UserError, whose line begins with `what`, for weights, config or tokenizer that cannot be used.

    Every *.safetensors file must be as long as its header says; config.json must name an architecture
    that emopress has code for, which its repository's own code is not; the tokenizer must have no
    entry that the embeddings have no row for.
    """
    config = _mapping(folder / "config.json", what)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        code = "; code in a repository (auto_map) is never run" if "auto_map" in config else ""
        shown = "names no model_type" if kind is None else f"is of a {kind} checkpoint"
        raise UserError(f"{what}: config.json {shown}; allowed: {', '.join(ARCHITECTURES)}{code}")
    if config.get("quantization_config"):
        method = _method(config["quantization_config"])
        raise UserError(
            f"{what}: config.json says that its weights are quantized ({method}); take the checkpoint that it was "
            "made of"
        )
    for path in sorted(folder.glob("*.safetensors")):
        _check_weights(path, what)
    rows, entries = config.get("vocab_size"), _entries(folder, what)
    if isinstance(rows, int) and entries > rows:
        raise UserError(
            f"{what}: the tokenizer has {entries} entries, the embeddings have {rows} rows (config.json); "
            "it belongs to another checkpoint"
        )


def _method(quantization: Any) -> str:
    found = quantization.get("quant_method") if isinstance(quantization, dict) else None
    return str(found or "quantization_config")


def check_tokenizer(folder: Path, what: str) -> None:
    """Raise UserError for a tokenizer.json that is damaged."""
    _entries(folder, what)


def _mapping(path: Path, what: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError too
        raise UserError(f"{what}: {path.name} is damaged ({error})") from None
    if not isinstance(found, dict):
        raise UserError(f"{what}: {path.name} is damaged (a {type(found).__name__}, no mapping)")
    return found


def _check_weights(path: Path, what: str) -> None:
    """Compare a file's length with what its header says: 8 bytes, the header, and the tensors' bytes."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = stream.read(length) if length <= min(size, LARGEST_HEADER) else b""
    try:
        tensors = json.loads(header)
        ends = [
            entry["data_offsets"][1] for name, entry in tensors.items() if name != "__metadata__"
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(
            f"{what}: {path.name} is no safetensors file, or a part of one ({size} bytes); fetch it again"
        ) from None
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise UserError(
            f"{what}: {path.name} has {size} bytes, its header says {expected}; it is not whole: fetch it again"
        )


def _entries(folder: Path, what: str) -> int:
    """Return the largest id of tokenizer.json and one, 0 without that file."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return 0
    tokenizer = _mapping(path, what)
    model = tokenizer.get("model")
    vocabulary = model.get("vocab", {}) if isinstance(model, dict) else {}
    if isinstance(vocabulary, list):  # Unigram: [piece, score] each
        ids = [len(vocabulary) - 1]
    else:
        ids = [id for id in vocabulary.values() if isinstance(id, int)]
    added = tokenizer.get("added_tokens") or []
    ids += [token["id"] for token in added if isinstance(token, dict) and "id" in token]
    return max(ids, default=-1) + 1
