"""What every runtime offers: logits and probabilities for texts, labels in order."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from emopress.runtime.normalise import normaliser
from emopress.runtime.remembered import Remembered, Together
from emopress.tasks import SINGLE, probabilities

Normaliser = Callable[[str], str]


def labels_and_normaliser(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every runtime reads from a bundle's manifest: the labels, and the function that normalises texts."""
    return {"labels": manifest["labels"], "normalise": normaliser(manifest["normalise"])}


class Classifier(ABC):
    """A loaded model; `labels[i]` is the name of column i of every output.

    `task`: what the probabilities are (see `emopress.tasks`); `thresholds`: of a `multi` model, the
    probability from which on each label is predicted, else None. `max_length`: how many tokens,
    or what `unit` says, of a text it reads, None: all of them. `memory`: what it remembers of words
    that it has read, which makes it faster and changes no result.
    """

    unit = "tokens"

    def __init__(self, labels: list[str], normalise: Normaliser) -> None:
        self.labels, self.normalise = labels, normalise
        self.task: str = SINGLE
        self.thresholds: list[float] | None = None
        self.max_length: int | None = None
        self.memory: Remembered[Any] | Together | None = None

    @abstractmethod
    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch of normalised texts."""

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length`, so that its end is cut off."""
        return [False] * len(texts)

    def predict_logits(
        self, texts: list[str], *, batch_size: int = 1, progress: bool = False
    ) -> np.ndarray:
        """Return logits [N, C] fp32 for raw texts, in batches of texts of similar length.

        TypeError for a single string.
        """
        if len(texts) == 1 and not isinstance(texts, str) and not progress:
            return self.logits([self.normalise(texts[0])]).astype(np.float32)
        result = np.empty((len(texts), len(self.labels)), dtype=np.float32)
        for indices, batch in self.batches(texts, batch_size=batch_size, progress=progress):
            result[indices] = self.logits(batch)
        return result

    def batches(
        self, texts: list[str], *, batch_size: int = 1, progress: bool = False
    ) -> Iterator[tuple[list[int], list[str]]]:
        """Yield raw texts in batches of similar length: their indices, and the texts normalised.

        TypeError for a single string, which would pass for a list of its letters.
        """
        if isinstance(texts, str):
            raise TypeError("texts: give a list of strings, not a string")
        texts = [self.normalise(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        starts: Iterable[int] = range(0, len(order), batch_size)
        if progress:
            from tqdm import tqdm

            starts = tqdm(starts, desc="predicting", unit="batch", file=sys.stderr, mininterval=2.0)
        for start in starts:
            indices = order[start : start + batch_size]
            yield indices, [texts[i] for i in indices]

    def predict_proba(self, texts: list[str], *, batch_size: int = 1) -> np.ndarray:
        """Return the probability of each label [N, C] for raw texts; of a `multi` model sigmoids."""
        return probabilities(self.predict_logits(texts, batch_size=batch_size), self.task)
