"""Runs a dense bundle: word vectors, averaged or side by side, and dense layers, in numpy alone.

Its `model.npz` (see `runtime/layers_file.py`) has its words, sorted, its vectors and its dense layers in order.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.layers_file import MODEL, Layer, read_model
from emopress.runtime.lexicon import AVERAGE, Lexicon

Cut = list[list[int]]  # a text: for each of its words the rows whose mean is its vector


def pooled(texts: Sequence[Cut], vectors: Layer, *, pooling: str, max_length: int) -> np.ndarray:
    """Return what the dense layers read of some cut texts, float32 [N, D], or [N, max_length * D].

    `average`: the mean of the words' vectors. `flatten`: the vectors side by side in order, zeros
    after the last word. A text without a known word gives zeros.
    """
    width = vectors.matrix.shape[1]
    places = 1 if pooling == AVERAGE else max_length
    result = np.zeros((len(texts), places, width), dtype=np.float32)
    for features, words in zip(result, texts, strict=True):
        if not words:
            continue
        rows = np.array([row for word in words for row in word])
        word_vectors = vectors.weights(rows)
        if len(rows) > len(words):  # some words are means over n-grams
            starts = np.cumsum([0, *(len(word) for word in words[:-1])])
            counts = np.array([[len(word)] for word in words], dtype=np.float32)
            word_vectors = np.add.reduceat(word_vectors, starts, axis=0) / counts
        if pooling == AVERAGE:
            features[0] = word_vectors.mean(axis=0)
        else:
            features[: len(words)] = word_vectors
    return result.reshape(len(texts), places * width)


def forward(features: np.ndarray, layers: Sequence[Layer]) -> np.ndarray:
    """Return the logits [N, C] of features [N, F]: dense layers with a ReLU between any two."""
    for place, layer in enumerate(layers):
        if place:
            features = np.maximum(features, 0)
        features = features @ layer.weights() + layer.bias
    return features


class DenseClassifier(Classifier):
    """Word vectors and dense layers, in fp32 or from codes of 2 to 8 bits."""

    unit = "words"
    max_length: int

    def __init__(
        self,
        model: Path,
        *,
        labels: list[str],
        normalise: Normaliser,
        pooling: str,
        max_length: int,
        buckets: int,
        ngrams: Sequence[int],
    ) -> None:
        super().__init__(labels, normalise)
        words, (self.vectors, *layers) = read_model(model, "dense")
        rows = len(words) + buckets
        if len(self.vectors.matrix) != rows or layers[-1].matrix.shape[1] != len(labels):
            raise UserError(f"{model}: does not fit its bundle.json ({rows} rows, {labels})")
        # The dense layers are small: fp32 once. Of the vectors only the rows of a text are needed.
        self.layers = [Layer(layer.name, layer.weights(), layer.bias) for layer in layers]
        self.lexicon = Lexicon(words, buckets=buckets, ngrams=ngrams)
        self.memory = self.lexicon.memory
        self.pooling, self.max_length = pooling, max_length

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "DenseClassifier":
        """Open a bundle; numpy predicts on the CPU, whatever `threads` and `device` are."""
        facts = bundle.manifest
        settings = {name: facts[name] for name in ("pooling", "max_length", "buckets", "ngrams")}
        return cls(bundle.folder / MODEL, **labels_and_normaliser(facts), **settings)

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` words with a vector."""
        return [
            len(self.lexicon.cut(text, self.max_length + 1)) > self.max_length for text in texts
        ]

    def cut(self, texts: list[str]) -> list[Cut]:
        """Return normalised texts as rows of the vectors."""
        return [self.lexicon.cut(text, self.max_length) for text in texts]

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C]; a text without a known word gets those of all zeros."""
        features = pooled(
            self.cut(texts), self.vectors, pooling=self.pooling, max_length=self.max_length
        )
        return forward(features, self.layers)

    def logits_by_layers(self, texts: list[str]) -> Callable[[Sequence[Layer]], np.ndarray]:
        """Return the function layers -> logits [N, C] of some normalised texts, for layers in the place of its own."""
        cut = self.cut(texts)
        settings: dict[str, Any] = {"pooling": self.pooling, "max_length": self.max_length}
        kept: dict[str, Any] = {}

        def logits(layers: Sequence[Layer]) -> np.ndarray:
            # Most of a search's trials change another layer than the vectors.
            vectors = layers[0]
            if kept.get("vectors") is not vectors:
                kept.update(vectors=vectors, features=pooled(cut, vectors, **settings))
            return forward(kept["features"], layers[1:])

        return logits
