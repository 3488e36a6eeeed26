"""Joined spans: further texts for a distillation, made of the words of training texts, which teachers alone label."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.train.splits import read_split


@dataclass(frozen=True)
class Spans:
    """The ids and texts of joined spans, and the fold of the training texts that each was made of."""

    ids: list[str]
    texts: list[str]
    folds: np.ndarray


def read_spans(path: Path) -> Spans:
    """Read joined spans as `joined_spans` writes them."""
    frame = pandas.read_parquet(path, columns=["id", "text", "fold"])
    return Spans(frame["id"].tolist(), frame["text"].tolist(), frame["fold"].to_numpy())


def folds_of(labels: Sequence[Any], *, folds: int, seed: int) -> np.ndarray:
    """Return the fold, from 0 on, of each of N training texts [N], stratified by label.

    labels: class indices, or where texts have any number of them lists of these, of which the rarest one counts. The
    texts of a label, in an order that the seed shuffles, are dealt out to the folds in turn, and those of the next
    label from the next fold on: folds differ by one text, in all and of each (rarest) label.
    UserError for fewer than two texts a fold.
    """
    if len(labels) < 2 * folds:
        raise UserError(
            f"joined_spans: {len(labels)} training texts are too few for {folds} folds of two texts; "
            "give fewer folds"
        )
    order = np.random.default_rng(seed).permutation(len(labels))
    by_label = order[np.argsort(_rarest(labels)[order], kind="stable")]
    result = np.empty(len(labels), dtype=np.int64)
    result[by_label] = np.arange(len(labels)) % folds
    return result


def _rarest(labels: Sequence[Any]) -> np.ndarray:
    """Return the label of each text, of several the one that fewest texts have, -1 for none."""
    sets = [[label] if np.ndim(label) == 0 else list(label) for label in labels]
    counts = np.bincount([label for one in sets for label in one], minlength=1)
    return np.array(
        [min(one, key=lambda label: (counts[label], label), default=-1) for one in sets]
    )


def span(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return a random run of words: any length from one word to all of them, then any place, equally likely."""
    length = int(rng.integers(1, len(words) + 1))
    start = int(rng.integers(0, len(words) - length + 1))
    return list(words[start : start + length])


def join_spans(
    texts: Sequence[str], folds: np.ndarray, *, count: int, seed: int
) -> tuple[list[str], np.ndarray]:
    """Return `count` texts, each a span of one training text and a span of another of the same fold.

    Beside them the indices of the two training texts [count, 2]. `folds` as of `folds_of`. Words are what stands
    between white space, so that vowel signs stay with their letters. Both texts are drawn with replacement, the first
    from all that have a word.
    """
    rng = np.random.default_rng([seed, count])
    words = [text.split() for text in texts]
    spoken = np.array([bool(one) for one in words])
    members = [np.flatnonzero((folds == fold) & spoken) for fold in range(int(folds.max()) + 1)]
    place = np.zeros(len(words), dtype=np.int64)  # of a text among the members of its fold
    for fold in members:
        if len(fold) < 2:
            raise UserError("joined_spans: fewer than two training texts of a fold have any word")
        place[fold] = np.arange(len(fold))
    joined, pairs = [], np.empty((count, 2), dtype=np.int64)
    for row, first in enumerate(rng.choice(np.flatnonzero(spoken), size=count).tolist()):
        others = members[folds[first]]
        step = int(rng.integers(1, len(others)))  # never itself
        second = int(others[(place[first] + step) % len(others)])
        joined.append(" ".join([*span(words[first], rng), *span(words[second], rng)]))
        pairs[row] = first, second
    return joined, pairs


def joined_spans(*, train: Path, texts: int, folds: int, seed: int, out: Path) -> None:
    """Write `texts` joined spans of the training texts, in `folds` folds, to `out`: id, text and fold.

    An id names the two training texts. The same seed gives the same texts. UserError for fewer than two training texts
    a fold.
    """
    split = read_split(train)
    fold_of = folds_of(split.labels, folds=folds, seed=seed)
    joined, pairs = join_spans(split.texts, fold_of, count=texts, seed=seed)
    ids = [f"{split.ids[first]}+{split.ids[second]}" for first, second in pairs]
    table = pandas.DataFrame({"id": ids, "text": joined, "fold": fold_of[pairs[:, 0]]})
    with replaced_file(out) as temporary:
        table.to_parquet(temporary, index=False)
