"""Turns texts into token ids with `tokenizer.json`: what every runtime of transformers and LSTMs reads."""

from pathlib import Path

import numpy as np

from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser
from emopress.runtime.tokenizer_file import read_tokenizer_file


class Encoder:
    """Turns texts into input_ids and attention_mask [B, T], padded to the batch's longest."""

    def __init__(self, path: Path, *, max_length: int, pad_id: int) -> None:
        self.max_length, self.pad_id = max_length, pad_id
        self.tokenizer = read_tokenizer_file(path, max_length=max_length)

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each text whether it has more than `max_length` tokens, special ones included."""
        return [self.tokenizer.too_long(text) for text in texts]

    def input_ids(self, text: str) -> np.ndarray:
        """Return the ids [1, T] of one text, for a graph that reads no mask."""
        return self.tokenizer.array(text)[None]

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        if len(texts) == 1:
            input_ids = self.input_ids(texts[0])
            return {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        rows = [self.tokenizer.array(text) for text in texts]
        lengths = np.array([len(row) for row in rows])
        attention_mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
        input_ids = np.full_like(attention_mask, self.pad_id)
        input_ids[attention_mask > 0] = np.concatenate(rows)
        return {"input_ids": input_ids, "attention_mask": attention_mask}


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
        self.memory = encoder.tokenizer.known

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` tokens."""
        return self.encoder.too_long(texts)
