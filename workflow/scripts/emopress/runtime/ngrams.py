"""Character and word n-grams of a text, as scikit-learn's vectorisers cut them, and counts of those a model knows."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from emopress.runtime.remembered import Remembered

Analyzer = Callable[[str], list[str]]


def inside_word(word: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams of a word in lower case, framed by one space on each side."""
    grams: list[str] = []
    framed = f" {word} "
    size = len(framed)
    for n in range(shortest, longest + 1):
        if n >= size:
            grams.append(framed)
            break
        grams += [framed[start : start + n] for start in range(size - n + 1)]
    return grams


def char_wb(text: str, shortest: int, longest: int) -> list[str]:
    """Return the character n-grams inside each word, the word framed by one space on each side.

    Equals scikit-learn's analyzer='char_wb': a framed word shorter than n gives itself once, and
    nothing for longer n.
    """
    return [gram for word in text.lower().split() for gram in inside_word(word, shortest, longest)]


def words(text: str, shortest: int, longest: int) -> list[str]:
    r"""Return the word n-grams, words being runs of anything but white space (`\S+`).

    scikit-learn's default token pattern would cut Bengali words at their vowel signs.
    """
    tokens = text.lower().split()
    return [
        " ".join(tokens[start : start + n])
        for n in range(shortest, longest + 1)
        for start in range(len(tokens) - n + 1)
    ]


def analyzer(kind: str, ngrams: list[int]) -> Analyzer:
    """Return the function text -> n-grams for `char_wb` or `word`."""
    shortest, longest = ngrams
    cut = {"char_wb": char_wb, "word": words}[kind]
    return lambda text: cut(text, shortest, longest)


class KnownNgrams:
    """Counts the n-grams of a text that a model knows; n-gram i of `grams` has index i."""

    def __init__(self, grams: Sequence[str], *, kind: str, ngrams: list[int]) -> None:
        self.vocabulary = {gram: index for index, gram in enumerate(grams)}
        self.cut = analyzer(kind, ngrams)
        self.shortest, self.longest = ngrams
        # n-grams of characters are those of each word by itself; of words, they are not.
        self.memory = Remembered(self._inside) if kind == "char_wb" else None

    def _inside(self, word: str) -> list[int]:
        """Return the indices of the known n-grams of a word in lower case, in order."""
        found = map(self.vocabulary.get, inside_word(word, self.shortest, self.longest))
        return [index for index in found if index is not None]

    def counts(self, text: str) -> Counter[int]:
        """Return how often each known n-gram occurs in a text, in order of first occurrence."""
        if self.memory is not None:
            words = text.lower().split()
            return Counter(chain.from_iterable(map(self.memory.__getitem__, words)))
        found = map(self.vocabulary.get, self.cut(text))
        return Counter(index for index in found if index is not None)

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices int64 [K] of the known n-grams of a text, and 1 + ln of their counts, float32 [K]."""
        counts = self.counts(text)
        size = len(counts)
        indices = np.fromiter(counts.keys(), dtype=np.int64, count=size)
        times = np.fromiter(counts.values(), dtype=np.float32, count=size)
        return indices, 1.0 + np.log(times)
