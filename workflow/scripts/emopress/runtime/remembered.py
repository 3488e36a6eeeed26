"""Remembers what was computed of a word, since most of what people write are the same few thousand words."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

WORDS = 8192  # at most, beside those that are known from the start: one or two MB
LONGEST = 40  # in characters; a longer one hardly comes twice

Found = TypeVar("Found")


class Remembered(dict[str, Found]):
    """`remembered[word]` is `compute(word)`, kept of the first WORDS words; `known` are there from the start.

    Results are the same whatever is kept. Several threads may read one.
    """

    def __init__(
        self, compute: Callable[[str], Found], known: Mapping[str, Found] | None = None
    ) -> None:
        super().__init__(known or {})
        self.compute, self.known = compute, len(self)
        self.limit = self.known + WORDS

    def __missing__(self, word: str) -> Found:
        found = self.compute(word)
        if len(self) < self.limit and len(word) <= LONGEST:
            self[word] = found
        return found

    def forget(self) -> None:
        """Forget all words but those that were known from the start."""
        for word in list(self)[self.known :]:
            del self[word]


class Together:
    """What several parts of a model remember."""

    def __init__(self, *memories: Remembered[Any] | None) -> None:
        self.memories = [memory for memory in memories if memory is not None]

    def __len__(self) -> int:
        """Return how many words they know, from the start or remembered."""
        return sum(map(len, self.memories))

    def forget(self) -> None:
        """Forget all words but those that were known from the start."""
        for memory in self.memories:
            memory.forget()
