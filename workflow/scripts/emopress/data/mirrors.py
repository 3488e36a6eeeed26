"""Folders of published checkpoints and tokenizers on this machine: where they are, and which files are copied."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from emopress.checkpoint import INDEX, WEIGHTS
from emopress.errors import UserError

TOKENIZER_FILES = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "README.md",
    "LICENSE*",
]
ADAPTERS = "adapter_config.json"  # fetched to be refused
MODEL_FILES = [WEIGHTS, INDEX, "model-*-of-*.safetensors", ADAPTERS, *TOKENIZER_FILES]
TAKEN = {"model": MODEL_FILES, "tokenizer": TOKENIZER_FILES}


def mirror_hint(kind: str, name: str) -> str:
    """Say how a checkpoint or tokenizer is read from a mirror."""
    return f"a mirror: --config mirror=DIR reads DIR/{kind}s/{name}/"


def mirror_places(kind: str, name: str, mirrors: Sequence[Path]) -> list[Path]:
    """Return the folders that are searched for a mirrored model or tokenizer, in order."""
    folders = ["models"] if kind == "model" else ["tokenizers", "models"]
    return [mirror / folder / name for mirror in mirrors for folder in folders]


def mirrored_folder(kind: str, name: str, mirrors: Sequence[Path]) -> Path:
    """Return the first of `mirror_places` that is there; UserError if none is."""
    places = mirror_places(kind, name, mirrors)
    for place in places:
        if place.is_dir():
            return place
    looked_at = ", ".join(f"{place}/" for place in places)
    raise UserError(
        f"{kind} '{name}': no mirror has it; looked at {looked_at}; put its Hugging Face folder "
        "there, or leave out --config mirror=DIR to download it"
    )


def taken_files(kind: str, folder: Path) -> list[Path]:
    """Return the files of a checkpoint's or tokenizer's folder that are copied."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and any(fnmatch.fnmatchcase(path.name, pattern) for pattern in TAKEN[kind])
    ]
