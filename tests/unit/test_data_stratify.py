"""Iterative stratification: shares per label, sizes, determinism, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from emopress.data.split import SPLITS, make_splits
from emopress.data.stratify import iterative_split
from emopress.errors import UserError


def test_by_hand():
    # Label 1 is the rarest: its two texts want 1 and 1. Of label 0 (4 texts) 2 and 2 are then due.
    labels = [(0,), (0, 1), (0,), (0, 1)]
    for seed in range(5):
        inside = iterative_split(labels, share=0.5, seed=seed, classes=2)
        assert inside.sum() == 2 and inside[[1, 3]].sum() == 1


def test_each_label_gets_its_share():
    rng = np.random.default_rng(0)
    rates = np.array([0.5, 0.2, 0.05, 0.01])
    bits = rng.random((4000, 4)) < rates
    labels = [tuple(np.flatnonzero(row).tolist()) for row in bits]
    inside = iterative_split(labels, share=0.2, seed=3, classes=4)
    assert abs(inside.mean() - 0.2) < 0.002
    assert np.abs(bits[inside].sum(axis=0) - 0.2 * bits.sum(axis=0)).max() <= 4
    assert (inside == iterative_split(labels, share=0.2, seed=3, classes=4)).all()
    assert (inside != iterative_split(labels, share=0.2, seed=4, classes=4)).any()
    none = np.array([not found for found in labels])
    assert inside[none].mean() == pytest.approx(0.2, abs=0.01)


def test_a_label_with_one_text():
    with pytest.raises(ValueError, match="a label has only 1 text"):
        iterative_split([(0,), (0, 1), (0,)], share=0.5, seed=0, classes=2)


def rows_of(texts, labels, given=None):
    return pd.DataFrame(
        {
            "id": [f"demo-{row:05d}" for row in range(len(texts))],
            "text": texts,
            "label": pd.Series(labels, dtype=object),
            "given_split": pd.Series(given or [None] * len(texts), dtype=object),
            "numeric": False,
        }
    )


def test_clean_split_of_sets():
    texts = [f"text {i}" for i in range(100)] + ["Text 4!", "twice", "twice."]
    labels = [("joy",) if i % 3 else ("joy", "fear") for i in range(100)]
    rows = rows_of(texts, [*labels, labels[4], ("joy",), ("joy", "fear")])
    split = {"method": "clean", "test_size": 0.3, "validation_size": 0.1, "seed": 1}
    made = make_splits(rows, split, ["fear", "joy"])
    kept = pd.concat(made.values())
    assert len(kept) == 100  # "Text 4!" repeats, "twice" contradicts itself
    assert set(kept["label"]) == {(1,), (0, 1)}  # ascending, whatever the file's order
    for part in SPLITS:
        share = made[part]["label"].map(lambda found: 0 in found).mean()
        assert share == pytest.approx(0.34, abs=0.1)
        assert made[part]["id"].is_monotonic_increasing
    with pytest.raises(
        UserError, match=r"cannot cut test .* \(fear 1, joy 2\): a label has only 1"
    ):
        make_splits(rows_of(["a", "b"], [("joy",), ("fear", "joy")]), split, ["fear", "joy"])


def test_published_splits_of_sets():
    rows = rows_of(
        ["a", "b", "B!", "c", "a"],
        [("joy",), ("fear",), ("fear",), ("joy", "fear"), ("joy",)],
        ["train", "train", "train", "validation", "test"],
    )
    given = make_splits(rows, {"method": "given"}, ["fear", "joy"])
    assert given["train"]["label"].tolist() == [(1,), (0,), (0,)]
    clean = make_splits(rows, {"method": "clean"}, ["fear", "joy"])
    assert clean["train"]["text"].tolist() == ["b"]  # "a" stands in test
