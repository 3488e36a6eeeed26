"""Reads `tokenizer.json`: BERT's WordPiece runs in plain Python (`runtime/wordpiece.py`), all others in tokenizers."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from emopress.runtime.remembered import Remembered
from emopress.runtime.wordpiece import INSIDE, LONGEST_WORD, SPECIAL_TOKENS, UNKNOWN, WordPiece

PLAIN: dict[str, dict[str, Any]] = {  # what a file says whose texts `WordPiece` cuts alike
    "model": {
        "type": "WordPiece",
        "unk_token": UNKNOWN,
        "continuing_subword_prefix": INSIDE,
        "max_input_chars_per_word": LONGEST_WORD,
    },
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
}
AS_WRITTEN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


class TextTokenizer(Protocol):
    """What both kinds can do."""

    @property
    def known(self) -> Remembered[bytes] | None:
        """What it remembers of words."""

    def array(self, text: str) -> np.ndarray:
        """Return the ids of a text, int64 [T], special ones included, at most `max_length`."""

    def too_long(self, text: str) -> bool:
        """Return whether a text has more ids than that."""


class PackageTokenizer:
    """A tokenizer of the tokenizers package."""

    known: Remembered[bytes] | None = None  # the package keeps to itself what it remembers

    def __init__(self, path: Path, *, max_length: int) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length)

    def array(self, text: str) -> np.ndarray:
        """Return the ids of a text, int64 [T]; without the offsets, which cost a fifth of the time."""
        return np.array(self.tokenizer.encode_batch_fast([text])[0].ids, dtype=np.int64)

    def too_long(self, text: str) -> bool:
        """Return whether a text has more ids than `max_length`."""
        return bool(self.tokenizer.encode(text).overflowing)


def read_tokenizer_file(path: Path, *, max_length: int) -> TextTokenizer:
    """Return what turns texts into the ids that the tokenizers package makes of them with the file."""
    content = path.read_bytes()
    # What is no WordPiece may have megabytes, which json takes seconds to read.
    if b'"WordPiece"' in content:
        plain = plain_wordpiece(json.loads(content), max_length=max_length)
        if plain is not None:
            return plain
    return PackageTokenizer(path, max_length=max_length)


def difference(facts: Mapping[str, Any]) -> str | None:
    """Return in what a tokenizer.json is not `PLAIN`, as `model.type 'BPE' (expected 'WordPiece')`."""
    for part, expected in PLAIN.items():
        found = facts[part] or {}
        for key, value in expected.items():
            if found.get(key) != value:
                return f"{part}.{key} {found.get(key)!r} (expected {value!r})"
    return None


def plain_wordpiece(facts: Mapping[str, Any], *, max_length: int) -> WordPiece | None:
    """Return the tokenizer of a tokenizer.json, None if it is not one that `WordPiece` equals.

    Besides what `difference` finds: its special tokens, and no others, must be in SPECIAL_TOKENS and found as they are
    written; its frame must leave room for a token.
    """
    if difference(facts):
        return None
    vocabulary = facts["model"]["vocab"]
    frame = _frame(facts["post_processor"])
    added = {
        token["content"] for token in facts["added_tokens"] if AS_WRITTEN.items() <= token.items()
    }
    ids_of_their_own = {vocabulary.get(t["content"]) == t["id"] for t in facts["added_tokens"]}
    if (
        frame is None
        or len(facts["added_tokens"]) != len(added)
        or added != set(SPECIAL_TOKENS).intersection(vocabulary)
        or ids_of_their_own != {True}
        or len(set(vocabulary.values())) < len(vocabulary)
        or max_length <= len(frame[0]) + len(frame[1])
    ):
        return None
    pieces = [""] * (
        max(vocabulary.values()) + 1
    )  # where a published list repeats a word, a number is left out
    for piece, index in vocabulary.items():
        pieces[index] = piece
    normaliser = facts["normalizer"]
    lowercase, strips = normaliser["lowercase"], normaliser["strip_accents"]
    return WordPiece(
        pieces,
        lowercase=lowercase,
        strip_accents=lowercase if strips is None else strips,
        max_length=max_length,
        before=frame[0],
        after=frame[1],
    )


def _frame(processor: Mapping[str, Any] | None) -> tuple[list[int], list[int]] | None:
    """Return the ids that a post-processor puts before and after a text, None for one of another kind."""
    if processor is None:
        return [], []
    if processor["type"] == "BertProcessing":
        return [processor["cls"][1]], [processor["sep"][1]]
    if processor["type"] != "TemplateProcessing":
        return None
    before: list[int] = []
    after: list[int] = []
    texts = 0
    for part in processor["single"]:
        if "Sequence" in part:
            texts += 1
        else:
            token = part["SpecialToken"]["id"]
            (after if texts else before).extend(processor["special_tokens"][token]["ids"])
    return (before, after) if texts == 1 else None
