"""A linear model over n-grams."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from emopress.entries.base import Entry, Fault, Ngrams


class Linear(Entry):
    """TF-IDF over n-grams and a linear SVM."""

    family: Literal["linear"]
    analyzer: Literal["char_wb", "word"] = "char_wb"
    r"""n-grams of characters inside words, or of words (\S+)."""
    ngrams: Ngrams = Field([2, 5])
    """Shortest and longest n-gram."""
    min_count: int = Field(2, ge=1, le=1000)
    """Least number of texts with an n-gram for it to be kept."""
    max_features: int = Field(500000, ge=10, le=5000000)
    """Largest number of n-grams; the most frequent ones are kept."""
    features: int | None = Field(None, ge=10, le=5000000)
    """Number of n-grams to choose of these, by their chi-square statistic with the labels of the training texts: a
    bundle is smaller by what is left out, often at no loss. Default: all."""
    C: float = Field(0.3, gt=0, le=1000)
    """Inverse regularisation of the SVM."""
    class_weight: Literal["none", "balanced"] = "none"
    """balanced: weights classes by inverse frequency."""

    def misfits(self) -> Iterator[Fault]:
        """Yield n-grams that are given longest first."""
        if self.ngrams[0] > self.ngrams[1]:
            yield "ngrams", "shortest first, then longest"
