"""The wide part of a model: one matrix over the n-grams of a text, whose logits are added to those of the rest."""

import math
from collections.abc import Sequence

import numpy as np

from emopress.runtime.layers_file import Layer
from emopress.runtime.ngrams import Counter

KIND = "char_wb"  # characters inside words


class WideFeatures:
    """Gives the features of a text: of each known n-gram 1 + ln of its count, all divided by their Euclidean norm."""

    def __init__(self, grams: Sequence[str], ngrams: list[int]) -> None:
        self.count = Counter(grams, kind=KIND, ngrams=ngrams)

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices int64 [K] and the values float32 [K] of the features of a normalised text."""
        indices, values = self.count(text)
        return indices, values / math.sqrt(float(values @ values)) if len(indices) else values


class Wide:
    """Maps a text to logits by a matrix [C, V] over its features."""

    def __init__(self, grams: Sequence[str], layer: Layer, ngrams: list[int]) -> None:
        self.features = WideFeatures(grams, ngrams)
        self.weights = np.ascontiguousarray(layer.weights().T)

    def __call__(self, text: str) -> np.ndarray:
        """Return the logits [C] of a normalised text; of one without a known n-gram zeros."""
        indices, values = self.features(text)
        logits: np.ndarray = values @ self.weights.take(indices, axis=0)
        return logits
