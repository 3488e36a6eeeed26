"""Runs a linear bundle: TF-IDF over n-grams and one matrix, in plain Python and numpy.

`model.npz` (zip of arrays, no pickle) holds
  vocabulary  uint8 [bytes]  the n-grams, UTF-8, one a line, sorted; line i is feature i
  idf         float32 [V]
  weights     float32 [V, C], or int8 [V, C] with scale float32 [C]
  bias        float32 [C]
A text's feature i is (1 + ln count_i) * idf_i, divided by the Euclidean norm of all of them.
"""

import math
from pathlib import Path

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.codes import DAMAGE
from emopress.runtime.ngrams import KnownNgrams


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
        except DAMAGE as error:
            raise UserError(f"{model}: not a linear model of emopress ({error})") from None
        self.known = KnownNgrams(grams, kind=kind, ngrams=ngrams)
        self.memory = self.known.memory

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

    def _one(self, text: str) -> np.ndarray:
        indices, values = self.known(text)
        if not len(indices):
            return self.bias
        values *= self.idf.take(indices)
        values /= math.sqrt(float(values @ values))
        return (values @ self.weights.take(indices, axis=0)) * self.scale + self.bias
