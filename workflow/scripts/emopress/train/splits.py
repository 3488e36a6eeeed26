"""The texts of a data set that models train and are judged on, read from its files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas

from emopress.artifact import sha256_of


@dataclass(frozen=True)
class Split:
    """The ids, texts and class indices (lists of them for several labels) of one split, in file order."""

    ids: list[str]
    texts: list[str]
    labels: list[Any]


def read_split(path: Path | str) -> Split:
    """Read one of a data set's parquet files."""
    frame = pandas.read_parquet(path, columns=["id", "text", "label"])
    return Split(frame["id"].tolist(), frame["text"].tolist(), frame["label"].tolist())


def read_texts(path: Path | str) -> tuple[list[str], list[str]]:
    """Return the ids and texts of a split, or of joined spans, in file order."""
    frame = pandas.read_parquet(path, columns=["id", "text"])
    return frame["id"].tolist(), frame["text"].tolist()


def data_hash(*paths: Path | str) -> str:
    """Return one hash for the files that a model was trained on."""
    return hashlib.sha256("\n".join(map(sha256_of, paths)).encode()).hexdigest()
