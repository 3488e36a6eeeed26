"""Counts the texts that are longer than what a model reads: their ends were cut off, in training and here."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas

from emopress.artifact import read_json
from emopress.runtime.classifier import Classifier

CHUNK = 1024  # texts that are cut into tokens at a time


def count_cut(classifier: Classifier, splits: Mapping[str, Path]) -> dict[str, Any]:
    """Return how many texts of each split a model reads in part, ready for JSON.

    max_length: what it reads of a text at most, in `unit` (tokens or words), null: all of it;
    texts and cut: by split how many there are, and how many are longer. They are counted with the model's
    own tokenizer, and logged.
    """
    counts: dict[str, Any] = {
        "max_length": classifier.max_length,
        "unit": classifier.unit,
        "texts": {},
        "cut": {},
    }
    for split, path in splits.items():
        texts = pandas.read_parquet(path, columns=["text"])["text"].map(classifier.normalise)
        chunks = (texts[start : start + CHUNK].tolist() for start in range(0, len(texts), CHUNK))
        cut = sum(sum(classifier.too_long(chunk)) for chunk in chunks)
        counts["texts"][split], counts["cut"][split] = len(texts), cut
        if classifier.max_length is not None:
            logging.log(
                logging.WARNING if cut else logging.INFO,
                "%s: %.1f %% of the texts (%d of %d) are longer than max_length %d %s; what comes after is cut off",
                split,
                100 * cut / max(1, len(texts)),
                cut,
                len(texts),
                classifier.max_length,
                classifier.unit,
            )
    return counts


def shares_cut(counts: Mapping[tuple[str, int], Path]) -> dict[str, dict[str, Any]]:
    """Return by variant its max_length, unit and, by split, the share of texts that were cut, 0 to 1.

    `counts`: (variant, seed) -> file of `count_cut`. Of several seeds it is the largest share.
    """
    shares: dict[str, dict[str, Any]] = {}
    for (variant, _), path in counts.items():
        counted = read_json(path)
        entry = shares.setdefault(
            variant, {"max_length": counted["max_length"], "unit": counted["unit"], "shares": {}}
        )
        for split, texts in counted["texts"].items():
            share = counted["cut"][split] / max(1, texts)
            entry["shares"][split] = max(share, entry["shares"].get(split, 0.0))
    return shares
