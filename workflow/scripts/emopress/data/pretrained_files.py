"""Checks the files of a fetched checkpoint without loading it: complete, of a known architecture, and consistent."""

import json
from pathlib import Path
from typing import Any

from emopress.checkpoint import ARCHITECTURES, INDEX, WEIGHTS
from emopress.data.mirrors import ADAPTERS, mirror_hint
from emopress.errors import UserError, kind_and_text

LARGEST_HEADER = 100_000_000  # bytes; safetensors allows no more


def check_fetched(kind: str, name: str, folder: Path, origin: str) -> None:
    """Raise UserError unless `folder` has the files of a model or tokenizer, and they can be used.

    `origin` says where they came from.
    """
    if (folder / ADAPTERS).is_file() and kind == "model":
        raise UserError(
            f"model '{name}': {origin} has adapters ({ADAPTERS}), which are not read; merge them into their base "
            f"model (peft's merge_and_unload), save it whole and use {mirror_hint(kind, name)}"
        )
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.txt")):
        raise UserError(f"{kind} '{name}': {origin} has neither tokenizer.json nor vocab.txt")
    if kind == "tokenizer":
        check_tokenizer(folder, f"tokenizer '{name}': {origin}")
        return
    if not (folder / "config.json").is_file():
        raise UserError(f"model '{name}': {origin} has no config.json")
    if (folder / INDEX).is_file():
        _check_shards(kind, name, folder, origin)
    elif not (folder / WEIGHTS).is_file():
        raise UserError(
            f"model '{name}': {origin} has no model.safetensors, and pickle checkpoints "
            "(pytorch_model.bin) are never loaded; pin a revision that has it (on the hub often "
            "the commit of a conversion pull request), or convert it once elsewhere "
            "(from_pretrained, then save_pretrained) and "
            f"use {mirror_hint(kind, name)}"
        )
    check_checkpoint(folder, f"model '{name}': {origin}")


def _check_shards(kind: str, name: str, folder: Path, origin: str) -> None:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        shards = set(index["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{kind} '{name}': {origin}: {INDEX} is damaged ({kind_and_text(error)})"
        ) from None
    absent = sorted(file for file in shards if not (folder / file).is_file())
    if absent:
        raise UserError(f"{kind} '{name}': {origin} lacks {', '.join(absent)}, which {INDEX} names")


def expected_hashes(stated: str | dict[str, str]) -> dict[str, str]:
    """Return file -> SHA-256 of the weights as stated in the config."""
    return stated if isinstance(stated, dict) else {WEIGHTS: stated}


def check_hashes(
    name: str, stated: str | dict[str, str], files: dict[str, dict[str, Any]], origin: str
) -> None:
    """Raise UserError unless every file of weights has the stated hash, and no other is stated."""
    expected = expected_hashes(stated)
    for file, sha256 in expected.items():
        actual = files.get(file, {}).get("sha256")
        if actual != sha256:
            raise UserError(
                f"model '{name}': {origin}: wrong {file}, expected sha256 {sha256}, found {actual}; "
                "another checkpoint lies there, or a damaged one"
            )
    unnamed = [file for file in files if file.endswith(".safetensors") and file not in expected]
    if unnamed:
        raise UserError(
            f"model '{name}': {origin}: sha256 lacks the hash of {', '.join(unnamed)}; "
            "give it as file: hash, a line for each file of weights"
        )


def check_checkpoint(folder: Path, what: str) -> None:
    """Raise UserError, whose line begins with `what`, for weights, config or tokenizer that cannot be used.

    Every *.safetensors file must be as long as its header says; config.json must name an architecture that emopress has
    code for (code in the repository is never run); the embeddings must have a row for every entry of the tokenizer.
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
    method = quantization.get("quant_method") if isinstance(quantization, dict) else None
    return str(method or "quantization_config")


def check_tokenizer(folder: Path, what: str) -> None:
    """Raise UserError for a tokenizer.json that is damaged."""
    _entries(folder, what)


def _mapping(path: Path, what: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError too
        raise UserError(f"{what}: {path.name} is damaged ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{what}: {path.name} is damaged (a {type(content).__name__}, no mapping)")
    return content


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
            f"{what}: {path.name} is not a safetensors file or is cut off ({size} bytes); fetch it again"
        ) from None
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise UserError(
            f"{what}: {path.name} has {size} bytes, its header says {expected}; it is not whole: fetch it again"
        )


def _entries(folder: Path, what: str) -> int:
    """Return the largest id of tokenizer.json plus one, 0 without that file."""
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
