"""The table of vectors before training: from a file, for the words of the training texts, or random."""

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from emopress.artifact import sha256_of
from emopress.dense.vectors import FIRST_WORDS, MANY_WORDS, FileVectors, read_vectors
from emopress.errors import UserError
from emopress.runtime.lexicon import words_of

if TYPE_CHECKING:
    from emopress.entries.dense import Glove, Random, Subword

SPREAD = 0.1  # standard deviation of a random vector's numbers; GloVe's have 0.4


class Vectors(NamedTuple):
    """The words with a vector of their own, the table [R, D] (words, then buckets), and the findings."""

    words: list[str]
    table: torch.Tensor
    findings: dict[str, Any]


def frequent_words(texts: Iterable[str], *, min_count: int, max_words: int) -> list[str]:
    """Return the words that occur in at least `min_count` texts, the most frequent `max_words`, sorted.

    Of words in equally many texts the first in the order of their code points stay.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words_of(text)))
    frequent = [word for word, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda word: (-counts[word], word))
    return sorted(frequent[:max_words])


def first_vectors(
    entry: "Glove | Subword | Random",
    texts: list[str],
    *,
    name: str,
    seed: int,
    file: Path | None,
    normalise: str = "none",
) -> Vectors:
    """Return the vectors before training, of the words of the training texts and of the buckets.

    `name`: the model's; `file`: the fetched file of vectors, for source glove; `normalise`: the method
    that the texts went through. Words that the file lacks get random vectors or none, as `missing` says.
    UserError if no word is left, or the file has none of them.
    """
    words = frequent_words(texts, min_count=entry.min_count, max_words=entry.max_words)
    findings: dict[str, Any] = {}
    known: dict[str, np.ndarray] = {}
    if entry.source == "glove" and file is not None:
        file_vectors = read_vectors(
            file,
            words,
            dimension=entry.dimension,
            normalise=normalise,
            member=entry.member,
        )
        known, findings = (
            file_vectors.vectors,
            matched(file_vectors, words, f"models.{name}", file.name),
        )
        findings["vectors_sha256"] = sha256_of(file)
        if entry.missing == "drop":
            words = [word for word in words if word in known]
    buckets = entry.buckets if entry.source == "subword" else 0
    if not words and not buckets:
        raise UserError(
            f"models.{name}.vectors: no word of the training texts has a vector "
            f"(min_count {entry.min_count}); lower min_count, or take source: subword, as for texts whose "
            "words no white space parts"
        )
    rng = np.random.default_rng([seed, len(words), buckets])
    table = rng.normal(0, SPREAD, (len(words) + buckets, entry.dimension)).astype(np.float32)
    for row, word in enumerate(words):
        if word in known:
            table[row] = known[word]
    return Vectors(words, torch.from_numpy(table), {"words": len(words), **findings})


def matched(file_vectors: FileVectors, words: list[str], where: str, file: str) -> dict[str, Any]:
    """Return the findings on how many words a file of vectors has, and log them; UserError if none."""
    known = file_vectors.vectors
    if words and not known:
        begins = ", ".join(map(repr, file_vectors.begins))
        more = ", ..." if len(words) > FIRST_WORDS else ""
        raise UserError(
            f"{where}.vectors: {file} has none of the {len(words)} words of the training texts "
            f"({', '.join(map(repr, words[:FIRST_WORDS]))}{more}); the file begins with {begins}: "
            "take vectors of the texts' language and spelling"
        )
    share = len(known) / len(words) if words else 0.0
    logging.log(
        logging.INFO if share >= MANY_WORDS else logging.WARNING,
        "%s.vectors: %d of %d words of the training texts (%.1f %%) have a vector in %s, %d of them in another "
        "spelling; %d more lines have the same words, and were skipped",
        where,
        len(known),
        len(words),
        100 * share,
        file,
        file_vectors.respelled,
        file_vectors.passed_over,
    )
    findings: dict[str, Any] = {
        "words_in_the_file": len(known),
        "words_in_the_file_share": round(share, 4),
    }
    if file_vectors.respelled:
        findings["words_in_another_spelling"] = file_vectors.respelled
    if file_vectors.passed_over:
        findings["lines_passed_over"] = file_vectors.passed_over
    return findings | {"words_not_in_it": len(words) - len(known)}
