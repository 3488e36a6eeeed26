"""Runs a linear bundle: TF-IDF over n-grams and one matrix, in plain Python and numpy.

`model.npz` (zip of arrays, no pickle) holds
  vocabulary  uint8 [bytes]  the n-grams, UTF-8, one a line, sorted; line i is feature i
  idf         float32 [V]
  weights     float32 [V, C], or int8 [V, C] with scale float32 [C]
  bias        float32 [C]
A text's feature i is (1 + ln count_i) * idf_i, divided by the Euclidean norm of all of them.
"""

import math
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.ngrams import analyzer, inside_word
from emopress.runtime.remembered import Remembered


class LinearClassifier(Classifier):
    """A linear model over TF-IDF features."""

    def __init__(
        self, model: Path, *, labels: list[str], normalise: Normaliser, kind: str, ngrams: list[int]
    ) -> None:
        super().__init__(labels, normalise)
        try:
            arrays = np.load(model, allow_pickle=False)
            grams = arrays["vocabulary"].tobytes().decode("utf-8").split("\n")
            self.idf, self.bias = arrays["idf"], arrays["bias"]
            self.weights = arrays["weights"]
            self.scale = arrays["scale"] if "scale" in arrays else np.ones_like(self.bias)
        except (KeyError, ValueError, OSError) as error:
            raise UserError(f"{model}: not a linear model of emopress ({error})") from None
        self.vocabulary = {gram: index for index, gram in enumerate(grams)}
        self.cut = analyzer(kind, ngrams)
        self.shortest, self.longest = ngrams
        # n-grams of characters are those of each word by itself; of words, they are not.
        self.memory = Remembered(self._features_of) if kind == "char_wb" else None

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "LinearClassifier":
        """Open a bundle; it predicts in one thread of the CPU, whatever `threads` and `device` are."""
        facts = bundle.manifest
        return cls(
            bundle.folder / "model.npz",
            **labels_and_normaliser(facts),
            kind=facts["analyzer"],
            ngrams=facts["ngrams"],
        )

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C]; a text without a known n-gram gets the bias alone."""
        return np.stack([self._one(text) for text in texts])

    def _features_of(self, word: str) -> list[int]:
        """Return the features of a word in lower case, those that training saw, in order."""
        found = map(self.vocabulary.get, inside_word(word, self.shortest, self.longest))
        return [index for index in found if index is not None]

    def counts(self, text: str) -> Counter[int]:
        """Return how often each feature occurs in a normalised text, in order of first occurrence."""
        if self.memory is not None:
            words = text.lower().split()
            return Counter(chain.from_iterable(map(self.memory.__getitem__, words)))
        found = map(self.vocabulary.get, self.cut(text))
        return Counter(index for index in found if index is not None)

    def _one(self, text: str) -> np.ndarray:
        counts = self.counts(text)
        if not counts:
            return self.bias
        size = len(counts)
        indices = np.fromiter(counts.keys(), dtype=np.int64, count=size)
        times = np.fromiter(counts.values(), dtype=np.float32, count=size)
        values = (1.0 + np.log(times)) * self.idf.take(indices)
        values /= math.sqrt(float(values @ values))
        return (values @ self.weights.take(indices, axis=0)) * self.scale + self.bias
