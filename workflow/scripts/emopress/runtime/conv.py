"""Runs a convolutional bundle: word vectors, convolutions over them, pooled over a text, and a matrix, in numpy alone.

Its `model.npz` (see `runtime/layers_file.py`) has WordPiece's pieces, their vectors [pieces, width], the kernels
[filters, tokens * width] from the first, and the output [labels, features]; a row of these is an output of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.convolution import Network
from emopress.runtime.layers_file import MODEL, Layer, read_model
from emopress.runtime.wordpiece import WordPiece


def checked(layers: Sequence[Layer], *, pieces: int, labels: int, pooling: str) -> None:
    """Raise ValueError unless the shapes of some layers fit each other, the pieces, the labels and the pooling."""
    vectors, *kernels, output = layers
    rows, width = vectors.matrix.shape
    features = sum(len(kernel.matrix) for kernel in kernels) * (1 + pooling.count("+"))
    if rows != pieces:
        raise ValueError(f"{rows} vectors for {pieces} pieces")
    if not kernels or any(kernel.matrix.shape[1] % width for kernel in kernels):
        raise ValueError(f"no kernels over vectors of {width} numbers")
    if output.matrix.shape != (labels, features):
        raise ValueError(f"an output of {list(output.matrix.shape)} for {labels} x {features}")
    if any(layer.bias is None or len(layer.bias) != len(layer.matrix) for layer in layers[1:]):
        raise ValueError("a layer without its biases")


class ConvClassifier(Classifier):
    """Convolutions over word vectors, in fp32 or from codes of 2 to 8 bits, which are decoded once."""

    max_length: int

    def __init__(
        self,
        model: Path,
        *,
        labels: list[str],
        normalise: Normaliser,
        pooling: str,
        max_length: int,
        lowercase: bool,
        strip_accents: bool,
    ) -> None:
        super().__init__(labels, normalise)
        pieces, self.layers = read_model(model, "conv")
        self.settings: dict[str, Any] = {"pooling": pooling, "max_length": max_length}
        self.max_length = max_length
        try:
            checked(self.layers, pieces=len(pieces), labels=len(labels), pooling=pooling)
            self.tokenizer = WordPiece(
                pieces, lowercase=lowercase, strip_accents=strip_accents, max_length=max_length
            )
            self.network = Network(self.layers, **self.settings)
            self.memory = self.tokenizer.known
        except (ValueError, KeyError) as error:
            raise UserError(f"{model}: does not fit its bundle.json ({error})") from None

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "ConvClassifier":
        """Open a bundle; numpy predicts on the CPU, whatever `threads` and `device` are."""
        facts = bundle.manifest
        names = ("pooling", "max_length", "lowercase", "strip_accents")
        settings = {name: facts[name] for name in names}
        return cls(bundle.folder / MODEL, **labels_and_normaliser(facts), **settings)

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` tokens."""
        return [self.tokenizer.too_long(text) for text in texts]

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C]: each text by itself, so that none depends on what is beside it."""
        ids, network = self.tokenizer.array, self.network
        if len(texts) == 1:
            return network(ids(texts[0]))[None]
        return np.stack([network(ids(text)) for text in texts])

    def logits_by_layers(self, texts: list[str]) -> Callable[[Sequence[Layer]], np.ndarray]:
        """Return the function layers -> logits [N, C] of some normalised texts, for layers in the place of its own."""
        ids = [self.tokenizer.array(text) for text in texts]

        def logits(layers: Sequence[Layer]) -> np.ndarray:
            network = Network(layers, **self.settings)
            return np.stack([network(tokens) for tokens in ids])

        return logits
