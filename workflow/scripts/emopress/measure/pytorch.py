"""Runs a transformer checkpoint in PyTorch fp32 eager: the reference row that papers time."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from emopress.checkpoint import read_checkpoint
from emopress.runtime.normalise import normalise_text
from emopress.runtime.tokens import Encoder, TokenClassifier
from emopress.train.tokenizer import pad_id
from emopress.train.transformer import load_transformer


class PytorchClassifier(TokenClassifier):
    """A checkpoint on the CPU, with torch's own attention (sdpa) and no compilation."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        torch.set_num_threads(threads)
        facts = read_checkpoint(folder).manifest
        path = folder / "tokenizer.json"
        padding = pad_id(Tokenizer.from_file(str(path)))
        super().__init__(
            facts["labels"],
            lambda text: normalise_text(text, method=facts["normalise"]),
            Encoder(path, max_length=facts["max_length"], pad_id=padding),
        )
        self.model = load_transformer(folder)

    @torch.inference_mode()
    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch."""
        inputs = {key: torch.from_numpy(value) for key, value in self.encoder(texts).items()}
        return self.model(**inputs).logits.numpy()
