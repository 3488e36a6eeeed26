"""Counts what a reader must know of a data set: sizes, lengths, duplicates, leakage, licence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from emopress.data.split import SPLITS, label_counts, letters_key, shared_texts

Key = Callable[[str], str]
KEYS: dict[str, Key] = {"exact": str, "letters_only": letters_key}


def data_card(
    name: str, dataset: dict[str, Any], rows: pd.DataFrame, splits: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    """Return the data card of the raw `rows` and of the `splits` made from them, ready for JSON.

    Everything is counted on the texts as published, before normalisation. `exact` compares the
    strings, `letters_only` what `split.letters_key` leaves of them.

    - `raw`: rows, duplicates, contradictions and numeric cells of the files, and of each published
      split where the files are splits; `dropped` counts the rows that no split uses. A text with
      several labels repeats or contradicts another one by its whole set of them.
    - `texts`: texts per split; `counts`: the same per label; `label_shares`: the share of the texts
      that have the label, 0 to 1. Only with `multilabel`: `labels_per_text`, how many texts per
      split have 0, 1, 2 ... labels, and their mean.
    - `lengths`: words (runs of non-space) and characters of all splits together: median, p95, max.
    - `leakage`: how many texts of one split are in another; `test_in_train_or_validation` is the
      figure for studies that train on both.
    """
    labels = list(dataset["labels"])
    used = pd.concat([splits[part] for part in SPLITS], ignore_index=True)
    raw: dict[str, Any] = duplicate_counts(rows) | {"numeric_cells": int(rows["numeric"].sum())}
    given = rows["given_split"].dropna()
    if not given.empty:
        raw["given_splits"] = {
            part: duplicate_counts(rows.loc[given.index[given == part]])
            for part in SPLITS
            if (given == part).any()
        }
    split = dict(dataset["split"])
    return {
        "dataset": name,
        "title": dataset.get("title", name),
        "language": dataset.get("language"),
        "demo": bool(dataset.get("demo", False)),
        "labels": labels,
        "licence": dataset.get("licence"),
        "licence_url": dataset.get("licence_url"),
        "citation": dataset.get("citation"),
        "split": split,
        "normalise": dataset.get("normalise"),
        "raw": raw | {"dropped": len(rows) - len(used)},
        "texts": {part: len(splits[part]) for part in SPLITS},
        "counts": {part: label_counts(splits[part]["label"], labels) for part in SPLITS},
        "label_shares": {part: _label_shares(splits[part], labels) for part in SPLITS},
        **(
            {"labels_per_text": {part: _labels_per_text(splits[part]) for part in SPLITS}}
            if dataset.get("multilabel")
            else {}
        ),
        "lengths": {
            "words": _quantiles(used["text"].str.split().str.len()),
            "characters": _quantiles(used["text"].str.len()),
        },
        "duplicates": {part: duplicate_counts(splits[part]) for part in SPLITS}
        | {"all": duplicate_counts(used)},
        "leakage": leakage(splits),
    }


def duplicate_counts(table: pd.DataFrame) -> dict[str, int]:
    """Count the rows that repeat an earlier text and label, and the texts with several labels."""
    keys = table["text"].map(letters_key)
    return {
        "rows": len(table),
        "exact_duplicates": int(table.duplicated(["text", "label"]).sum()),
        "contradicting_texts": _contradicting(table["text"], table["label"]),
        "letters_only_duplicates": int(
            pd.DataFrame({"key": keys, "label": table["label"]}).duplicated().sum()
        ),
        "letters_only_contradicting_texts": _contradicting(keys, table["label"]),
    }


def leakage(splits: dict[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """Count the texts of one split that are in another, per way of comparing (see `KEYS`)."""
    return {
        kind: shared_texts({part: splits[part]["text"].map(key) for part in SPLITS})
        for kind, key in KEYS.items()
    }


def _contradicting(texts: pd.Series, labels: pd.Series) -> int:
    return int((labels.groupby(texts).nunique() > 1).sum())


def _label_shares(part: pd.DataFrame, labels: list[str]) -> dict[str, float]:
    counts = label_counts(part["label"], labels)
    return {label: round(count / len(part), 4) for label, count in counts.items()}


def _labels_per_text(part: pd.DataFrame) -> dict[str, Any]:
    numbers = part["label"].map(len)
    counts = numbers.value_counts().sort_index()
    return {
        "mean": round(float(numbers.mean()), 4),
        "texts": {str(number): int(count) for number, count in counts.items()},
    }


def _quantiles(lengths: pd.Series) -> dict[str, float]:
    return {
        "median": float(np.median(lengths)),
        "p95": float(np.percentile(lengths, 95)),
        "max": int(lengths.max()),
    }
