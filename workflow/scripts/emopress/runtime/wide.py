"""The wide part of a model: one matrix over the n-grams of a text, whose logits are added to those of the rest."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emopress.runtime.layers_file import IDF, WIDE, Layer
from emopress.runtime.ngrams import KnownNgrams

KIND = "char_wb"  # characters inside words


class Parts(NamedTuple):
    """The layers of a model: those of its network; idf [1, V] and matrix [C, V] of its wide part, None without one."""

    network: list[Layer]
    idf: Layer | None
    matrix: Layer | None


def parted(layers: Sequence[Layer]) -> Parts:
    """Return the layers of a model by what they belong to."""
    network, wide = [], {}
    for layer in layers:
        if layer.name in (IDF, WIDE):
            wide[layer.name] = layer
        else:
            network.append(layer)
    return Parts(network, wide.get(IDF), wide.get(WIDE))


class WideFeatures:
    """Gives the TF-IDF features of a text: of each known n-gram (1 + ln count) * idf, divided by the norm of all."""

    def __init__(self, known: KnownNgrams, idf: np.ndarray) -> None:
        self.known, self.idf = known, idf

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices int64 [K] and the values float32 [K] of the features of a normalised text."""
        indices, values = self.known(text)
        values *= self.idf.take(indices)
        norm = math.sqrt(float(values @ values))
        return indices, values / norm if norm else values


class Wide:
    """Maps a text to logits by a matrix [C, V] over its features."""

    def __init__(self, known: KnownNgrams, idf: Layer, matrix: Layer) -> None:
        self.features = WideFeatures(known, idf.weights()[0])
        self.weights = np.ascontiguousarray(matrix.weights().T)

    def __call__(self, text: str) -> np.ndarray:
        """Return the logits [C] of a normalised text; of one without a known n-gram zeros."""
        indices, values = self.features(text)
        logits: np.ndarray = values @ self.weights.take(indices, axis=0)
        return logits
