"""Runs a transformer bundle: `model.onnx` in ONNX Runtime, `tokenizer.json` in tokenizers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from emopress.errors import UserError
from emopress.runtime import processor
from emopress.runtime.classifier import Classifier, Normaliser

# What fills up a batch. A decoder's tokenizer often has no padding token of its own: the one that ends
# a text serves, which classification adds to none.
PAD_TOKENS = ("[PAD]", "<pad>", "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>")


def pad_id(tokenizer: Tokenizer) -> int:
    """Return the id of the first of PAD_TOKENS that there is; UserError if there is none."""
    for token in PAD_TOKENS:
        index = tokenizer.token_to_id(token)
        if index is not None:
            return index
    raise UserError(f"tokenizer: none of {', '.join(PAD_TOKENS)} to fill up a batch with")


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


def session_options(threads: int) -> Any:
    """Return ONNX Runtime's options for a quiet session of `threads` threads, exact in int8 on this processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry(processor.OPTION, processor.x64quantprecision())
    return options


class TokenClassifier(Classifier):
    """What reads a text as the tokens that `encoder` makes of it."""

    def __init__(self, labels: list[str], normalise: Normaliser, encoder: Encoder) -> None:
        super().__init__(labels, normalise)
        self.encoder, self.max_length = encoder, encoder.max_length

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` tokens."""
        return self.encoder.too_long(texts)


class OnnxClassifier(TokenClassifier):
    """A transformer in ONNX Runtime on the CPU.

    `weights` are the initializers that the graph refers to but does not hold (`runtime/stored.py`).
    """

    def __init__(
        self,
        model: Path,
        encoder: Encoder,
        *,
        labels: list[str],
        normalise: Normaliser,
        threads: int,
        weights: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        import onnxruntime

        super().__init__(labels, normalise, encoder)
        options = session_options(threads)
        # A session may read these tensors, and they their arrays, for as long as it lives.
        self.tensors = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for name, array in (weights or {}).items()
        }
        if self.tensors:
            options.add_external_initializers(list(self.tensors), list(self.tensors.values()))
        self.session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch."""
        return np.asarray(self.session.run(["logits"], self.encoder(texts))[0])

    def token_scores(self, texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return logits [N, C] of one batch of a generative model, and for each text [C, tokens - 1].

        The latter: the log-probability of each token but the first under every label.
        """
        inputs = self.encoder(texts)
        logits, scores = map(
            np.asarray, self.session.run(["logits", "token_log_probabilities"], inputs)
        )
        lengths = inputs["attention_mask"].sum(axis=1)
        return logits, [rows[:, : n - 1] for rows, n in zip(scores, lengths, strict=True)]
