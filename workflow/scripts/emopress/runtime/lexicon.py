"""Cuts a text into words, and a word into the pieces that have a vector of their own.

A dense model is trained and served with this module, in Python's standard library alone.

A word is a run of letters, digits and the marks that hang on them: Python's `\\w` has no marks and would
cut Bengali words at their vowel signs. English contractions come apart as in the Penn Treebank (do n't,
it 's), as GloVe's vocabularies have them. Any other character but white space is a word of its own.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

from emopress.runtime.remembered import Remembered

JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner, which Bengali spelling uses
SELECTORS = "\ufe0e\ufe0f"  # a symbol as text or as emoji
APOSTROPHES = str.maketrans("\u2019\u02bc", "''")
AVERAGE, FLATTEN = "average", "flatten"  # how the vectors of a text's words are pooled
BEGIN, END = "<", ">"  # of a word, so that a prefix differs from the same letters elsewhere
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619


@cache
def _marks() -> str:
    """Return what hangs on the character before it, as the inside of a character class.

    The combining marks of the scripts up to U+3100, variation selectors (of emoji) and joiners.
    """
    marks = [c for c in map(chr, range(0x300, 0x3100)) if unicodedata.category(c)[0] == "M"]
    return "".join(marks) + SELECTORS + JOINERS


@cache
def _word() -> re.Pattern[str]:
    run = rf"[\w{_marks()}]"
    clitic = r"n't|'(?:s|m|d|re|ve|ll)"
    return re.compile(rf"{run}+?(?=n't(?!{run}))|(?:{clitic})(?!{run})|{run}+|\S[{_marks()}]*")


@cache
def _cluster() -> re.Pattern[str]:
    # A virama has combining class 9, and joins the consonant that follows it (as in a conjunct).
    marks = _marks()
    viramas = "".join(c for c in marks if unicodedata.combining(c) == 9)
    return re.compile(rf"(?s).[{marks}]*(?:(?<=[{viramas}])\w[{marks}]*)*")


def folded(text: str) -> str:
    """Return a text in lower case with the plain apostrophe, as words are written in a table of vectors."""
    return text.lower().translate(APOSTROPHES)


def words_of(text: str) -> list[str]:
    """Return the words of a normalised text in lower case, in order; `"it's ok!"` -> it, 's, ok, !."""
    return _word().findall(folded(text))


def characters(word: str) -> list[str]:
    """Return what a reader takes for the characters of a word: a letter with its marks, a conjunct.

    The extended grapheme clusters of Unicode Standard Annex 29 as far as letters and marks go.
    """
    return list(word) if word.isascii() else _cluster().findall(word)


def fnv1a(data: bytes, value: int = FNV_OFFSET) -> int:
    """Return the 32-bit FNV-1a hash (Fowler, Noll and Vo) of some bytes, after those hashed to `value`."""
    for byte in data:
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


def ngram_buckets(word: str, *, shortest: int, longest: int, buckets: int) -> list[int]:
    """Return the bucket of each character n-gram of a word framed by < and >, repeats included.

    The bucket of an n-gram is FNV-1a over its UTF-8 bytes, modulo `buckets` (Bojanowski, Grave,
    Joulin, Mikolov 2017, "Enriching word vectors with subword information", section 3.2; theirs is
    over signed bytes, so that vectors trained with fastText have other buckets beyond ASCII). Empty
    if the framed word is shorter than `shortest`.
    """
    framed = [c.encode("utf-8") for c in (BEGIN, *characters(word), END)]
    result = []
    for start in range(len(framed) - shortest + 1):
        value = FNV_OFFSET
        for length, character in enumerate(framed[start : start + longest], start=1):
            value = fnv1a(character, value)
            if length >= shortest:
                result.append(value % buckets)
    return result


class Lexicon:
    """The rows of a table of vectors that represent a word: its own, those of its n-grams, or none.

    Row i belongs to `words[i]`, row len(words) + b to bucket b of the n-grams (`ngrams` = [shortest,
    longest]; `buckets` 0: unseen words have no rows).
    """

    def __init__(self, words: Sequence[str], *, buckets: int, ngrams: Sequence[int]) -> None:
        self.index = {word: row for row, word in enumerate(words)}
        self.buckets, self.ngrams = buckets, list(ngrams)
        self.memory = Remembered(self.pieces)

    def pieces(self, word: str) -> list[int]:
        """Return the rows of the n-grams of a word; none without buckets."""
        if not self.buckets:
            return []
        shortest, longest = self.ngrams
        first, buckets = len(self.index), self.buckets
        hashed = ngram_buckets(word, shortest=shortest, longest=longest, buckets=buckets)
        return [first + bucket for bucket in hashed]

    def rows(self, word: str) -> list[int]:
        """Return the rows whose mean is the vector of a word: its own, else those of its n-grams."""
        row = self.index.get(word)
        return self.memory[word] if row is None else [row]

    def cut(self, text: str, limit: int) -> list[list[int]]:
        """Return the rows of the first `limit` words of a normalised text that have any."""
        rows_by_word: list[list[int]] = []
        for word in words_of(text):
            if len(rows_by_word) == limit:
                break
            if rows := self.rows(word):
                rows_by_word.append(rows)
        return rows_by_word
