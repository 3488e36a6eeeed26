"""TF-IDF features of n-grams, fitted on training texts; which n-grams are kept can depend on the labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import chi2
from sklearn.preprocessing import normalize

from emopress.errors import UserError
from emopress.runtime.ngrams import analyzer


@dataclass(frozen=True)
class NgramFeatures:
    """The n-grams of a model with their inverse document frequencies; `kept` are their columns, None for all."""

    vectorizer: TfidfVectorizer
    kept: np.ndarray | None

    def of(self, texts: Sequence[str]) -> Any:
        """Return the sparse features [N, V] of texts as the runtime computes them: rows of length 1, or 0."""
        features = self.vectorizer.transform(texts)
        return features if self.kept is None else normalize(features[:, self.kept])

    @property
    def grams(self) -> list[str]:
        """The n-grams [V], sorted."""
        vocabulary = self.vectorizer.vocabulary_
        grams = sorted(vocabulary, key=vocabulary.__getitem__)
        return grams if self.kept is None else [grams[column] for column in self.kept]

    @property
    def idf(self) -> np.ndarray:
        """The inverse document frequencies [V]."""
        idf: np.ndarray = self.vectorizer.idf_
        return idf if self.kept is None else idf[self.kept]


def chi_square(features: Any, labels: np.ndarray) -> np.ndarray:
    """Return the chi-square statistic of each feature [V] with the labels, 0 for one that no text has.

    labels: class indices [N], or bools [N, C], whose statistics with each label (has it, has it not) are added up.
    """
    columns = labels.T if labels.ndim == 2 else [labels]
    return np.sum([np.nan_to_num(chi2(features, column)[0]) for column in columns], axis=0)


def fit_ngrams(
    texts: Sequence[str],
    labels: np.ndarray,
    *,
    name: str,
    kind: str,
    ngrams: list[int],
    min_count: int,
    max_features: int | None,
    features: int | None,
) -> tuple[NgramFeatures, Any]:
    """Return the features that training texts give, and those texts' own [N, V], sparse.

    Of the n-grams in `min_count` texts or more, the `max_features` most frequent ones, and of these the `features`
    with the largest `chi_square`; None for all. `kind` and `ngrams` as of `runtime.ngrams.analyzer`.
    UserError if none is left; `name` says whose entry that is.
    """
    vectorizer = TfidfVectorizer(
        analyzer=analyzer(kind, ngrams),
        min_df=min_count,
        max_features=max_features,
        sublinear_tf=True,
    )
    try:
        found = vectorizer.fit_transform(texts)
    except ValueError as error:  # scikit-learn's only way to say that no n-gram is left
        raise UserError(f"models.{name}: {error} (min_count {min_count})") from None
    if features is None or features >= found.shape[1]:
        return NgramFeatures(vectorizer, None), found
    best = np.argsort(-chi_square(found, labels), kind="stable")[:features]
    chosen = NgramFeatures(vectorizer, np.sort(best))
    return chosen, normalize(found[:, chosen.kept])
