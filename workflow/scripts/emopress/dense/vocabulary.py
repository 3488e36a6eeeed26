"""The words of the training texts that get a vector of their own."""

from collections import Counter
from collections.abc import Iterable

from emopress.runtime.words import words_of


def frequent_words(texts: Iterable[str], *, min_count: int, max_words: int) -> list[str]:
    """Return the words that stand in at least `min_count` texts, the most frequent `max_words`, sorted.

    Of words in equally many texts the first in the order of their code points stay.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words_of(text)))
    frequent = [word for word, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda word: (-counts[word], word))
    return sorted(frequent[:max_words])
