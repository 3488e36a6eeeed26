"""Turns texts into token ids, with `tokenizer.json` in tokenizers: what every runtime of transformers reads."""

import os
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser


class Encoder:
    """Turns texts into input_ids and attention_mask [B, T], padded to the batch's longest."""

    def __init__(self, path: Path, *, max_length: int, pad_id: int) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self.max_length, self.pad_id = max_length, pad_id
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.enable_truncation(max_length)
        self.tokenizer.enable_padding(pad_id=pad_id, pad_token=self.tokenizer.id_to_token(pad_id))

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each text whether it has more than `max_length` tokens, special ones included."""
        return [bool(e.overflowing) for e in self.tokenizer.encode_batch(texts)]

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        encodings = self.tokenizer.encode_batch(texts)
        return {
            "input_ids": np.array([e.ids for e in encodings], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encodings], dtype=np.int64),
        }


def encoder_of(bundle: Bundle) -> Encoder:
    """Return what turns texts into the token ids of a bundle with `tokenizer.json`."""
    facts = bundle.manifest
    return Encoder(
        bundle.folder / "tokenizer.json", max_length=facts["max_length"], pad_id=facts["pad_id"]
    )


class TokenClassifier(Classifier):
    """What reads a text as the tokens that `encoder` makes of it."""

    def __init__(self, labels: list[str], normalise: Normaliser, encoder: Encoder) -> None:
        super().__init__(labels, normalise)
        self.encoder, self.max_length = encoder, encoder.max_length

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` tokens."""
        return self.encoder.too_long(texts)
