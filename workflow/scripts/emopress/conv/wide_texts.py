"""What the wide part of a convolutional model is trained on: the n-grams it knows, and their features in texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from emopress.conv.pieces import printable
from emopress.runtime.ngrams import KnownNgrams
from emopress.runtime.wide import KIND, WideFeatures
from emopress.train.batches import Encoded
from emopress.train.ngram_features import fit_ngrams

if TYPE_CHECKING:
    from emopress.entries.conv import Wide

Features = list[tuple[np.ndarray, np.ndarray]]  # of each text the indices and the values


def chosen_ngrams(
    wide: "Wide", texts: Sequence[str], labels: np.ndarray, *, name: str
) -> WideFeatures:
    """Return the features of the wide part of model `name`, n-grams sorted; labels as of `fit_ngrams`."""
    found, _ = fit_ngrams(
        texts,
        labels,
        name=name,
        kind=KIND,
        ngrams=wide.ngrams,
        min_count=wide.min_count,
        max_features=None,
        features=wide.features,
    )
    kept = {gram: idf for gram, idf in zip(found.grams, found.idf, strict=True) if printable(gram)}
    known = KnownNgrams(list(kept), kind=KIND, ngrams=wide.ngrams)
    return WideFeatures(known, np.array(list(kept.values()), dtype=np.float32))


@dataclass(frozen=True)
class WithNgrams(Encoded):
    """Encoded texts with their n-grams: what a model with a wide part learns from."""

    features: Features

    @classmethod
    def of(cls, encoded: Encoded, texts: Sequence[str], features: WideFeatures) -> "WithNgrams":
        """Return encoded texts with their n-grams, given the same texts, normalised."""
        found = [features(text) for text in texts]
        return cls(encoded.ids, encoded.labels, encoded.pad_id, found)

    def batch(self, indices: Sequence[int], device: torch.device) -> dict[str, Tensor]:
        """Return input_ids and attention_mask [B, longest of the batch], and the n-grams of all texts in a row.

        These are ngrams [K], ngram_values [K] and ngram_starts [B], where those of each text begin.
        """
        grams, values = zip(*(self.features[i] for i in indices), strict=True)
        ends = np.cumsum([len(one) for one in grams])
        wide = {
            "ngrams": np.concatenate(grams),
            "ngram_values": np.concatenate(values),
            "ngram_starts": np.concatenate(([0], ends[:-1])),
        }
        tensors = {name: torch.from_numpy(array).to(device) for name, array in wide.items()}
        return {**super().batch(indices, device), **tensors}
