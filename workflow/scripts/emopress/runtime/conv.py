"""Runs a convolutional bundle: word vectors, convolutions over them, pooled over a text, and a matrix, in numpy alone.

Its `model.npz` (see `runtime/layers_file.py`) has WordPiece's pieces, their vectors [pieces, width], the kernels
[filters, tokens * width] from the first, and the output [labels, features]; a row of these is an output of its own.
With a wide part (`runtime/wide.py`) its n-grams come after the pieces, their idf [1, n-grams] and its matrix
[labels, n-grams] before the output.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.convolution import Network
from emopress.runtime.layers_file import MODEL, WITHOUT_BIAS, Layer, read_model
from emopress.runtime.ngrams import KnownNgrams
from emopress.runtime.remembered import Together
from emopress.runtime.wide import KIND, Wide, parted
from emopress.runtime.wordpiece import WordPiece


def checked(layers: Sequence[Layer], *, words: int, labels: int, pooling: str) -> None:
    """Raise ValueError unless the shapes of some layers fit each other, the words, the labels and the pooling.

    `words` counts the pieces and the n-grams of a wide part.
    """
    (vectors, *kernels, output), idf, wide = parted(layers)
    grams = 0 if wide is None else wide.matrix.shape[1]
    pieces = words - grams
    if (0 if idf is None else idf.matrix.size) != grams:
        raise ValueError(f"other idf than of {grams} n-grams")
    rows, width = vectors.matrix.shape
    features = sum(len(kernel.matrix) for kernel in kernels) * (1 + pooling.count("+"))
    if rows != pieces:
        raise ValueError(f"{rows} vectors for {pieces} pieces")
    if not kernels or any(kernel.matrix.shape[1] % width for kernel in kernels):
        raise ValueError(f"no kernels over vectors of {width} numbers")
    if output.matrix.shape != (labels, features):
        raise ValueError(f"an output of {list(output.matrix.shape)} for {labels} x {features}")
    if wide and len(wide.matrix) != labels:
        raise ValueError(f"a wide part of {len(wide.matrix)} outputs for {labels} labels")
    biased = [layer for layer in layers if layer.name not in WITHOUT_BIAS]
    if any(layer.bias is None or len(layer.bias) != len(layer.matrix) for layer in biased):
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
        wide_ngrams: list[int] | None = None,
    ) -> None:
        super().__init__(labels, normalise)
        words, self.layers = read_model(model, "conv")
        self.settings: dict[str, Any] = {"pooling": pooling, "max_length": max_length}
        self.max_length = max_length
        try:
            checked(self.layers, words=len(words), labels=len(labels), pooling=pooling)
            layers, idf, matrix = parted(self.layers)
            if (matrix is None) != (wide_ngrams is None):
                raise ValueError("a wide part without wide_ngrams, or the other way round")
            pieces = len(layers[0].matrix)
            self.tokenizer = WordPiece(
                words[:pieces],
                lowercase=lowercase,
                strip_accents=strip_accents,
                max_length=max_length,
            )
            self.network = Network(layers, **self.settings)
            self.wide = None
            if idf and matrix and wide_ngrams:
                known = KnownNgrams(words[pieces:], kind=KIND, ngrams=wide_ngrams)
                self.wide = Wide(known, idf, matrix)
        except (ValueError, KeyError) as error:
            raise UserError(f"{model}: does not fit its bundle.json ({error})") from None
        known_ngrams = self.wide.features.known.memory if self.wide else None
        self.memory = Together(self.tokenizer.known, known_ngrams)

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "ConvClassifier":
        """Open a bundle; numpy predicts on the CPU, whatever `threads` and `device` are."""
        facts = bundle.manifest
        names = ("pooling", "max_length", "lowercase", "strip_accents")
        settings = {name: facts[name] for name in names}
        return cls(
            bundle.folder / MODEL,
            **labels_and_normaliser(facts),
            **settings,
            wide_ngrams=facts.get("wide_ngrams"),
        )

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` tokens."""
        return [self.tokenizer.too_long(text) for text in texts]

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C]: each text by itself, so that none depends on what is beside it."""
        ids, network, wide = self.tokenizer.array, self.network, self.wide
        if wide:
            return np.stack([network(ids(text)) + wide(text) for text in texts])
        if len(texts) == 1:
            return network(ids(texts[0]))[None]
        return np.stack([network(ids(text)) for text in texts])

    def logits_by_layers(self, texts: list[str]) -> Callable[[Sequence[Layer]], np.ndarray]:
        """Return the function layers -> logits [N, C] of some normalised texts, for layers in the place of its own."""
        ids = [self.tokenizer.array(text) for text in texts]

        def logits(layers: Sequence[Layer]) -> np.ndarray:
            network_layers, idf, matrix = parted(layers)
            network = Network(network_layers, **self.settings)
            result = np.stack([network(tokens) for tokens in ids])
            if self.wide and idf and matrix:
                wide = Wide(self.wide.features.known, idf, matrix)
                result += np.stack([wide(text) for text in texts])
            return result

        return logits
