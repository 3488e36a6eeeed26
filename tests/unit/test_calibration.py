"""The calibration sample: seeded, balanced where asked, one text a feed."""

import numpy as np
import pandas
import pytest

from emopress.bundle.calibration import calibration_feeds, in_own_order
from emopress.entries.quantize import Calibration
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.sample import calibration_sample
from emopress.train.splits import Split


def counts(labels, chosen):
    return [[labels[i] for i in chosen].count(label) for label in sorted(set(labels))]


@pytest.mark.parametrize(
    ("sizes", "texts", "expected"),
    [
        ((50, 50, 50), 30, [10, 10, 10]),
        ((100, 20, 5), 30, [13, 12, 5]),  # 5 of the smallest, and 25 of two classes
        ((100, 3, 1), 40, [36, 3, 1]),
        ((100, 100, 100), 2, [1, 1, 0]),
        ((4, 2), 100, [4, 2]),
    ],
)
def test_a_balanced_sample_shares_equally_as_far_as_classes_have_texts(sizes, texts, expected):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    np.random.default_rng(3).shuffle(labels)
    chosen = calibration_sample(labels, texts, seed=0, balanced=True)
    assert counts(labels, chosen) == expected
    assert chosen == sorted(set(chosen))


def test_an_unbalanced_sample_follows_the_corpus():
    labels = [0] * 900 + [1] * 100
    chosen = calibration_sample(labels, 500, seed=0, balanced=False)
    assert len(set(chosen)) == 500 and chosen == sorted(chosen)
    assert 30 < counts(labels, chosen)[1] < 70
    assert counts(labels, calibration_sample(labels, 150, seed=0, balanced=True)) == [75, 75]


@pytest.mark.parametrize("balanced", [False, True])
def test_the_sample_is_the_seeds(balanced):
    labels = [i % 3 for i in range(300)]
    draws = [calibration_sample(labels, 40, seed, balanced=balanced) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_feeds_are_the_chosen_texts_one_by_one(artifacts, few):
    bundle = read_bundle(artifacts.bundles["bert"])
    feeds = calibration_feeds(bundle, few.train, Calibration(texts=12, balanced=True), 0)
    frame = pandas.read_parquet(few.train)
    labels = frame["label"].tolist()
    chosen = calibration_sample(labels, 12, 0, balanced=True)
    assert labels.count(5) == 1  # so one of the others gives a third text
    assert counts(labels, chosen) == [3, 2, 2, 2, 2, 1]
    assert len(feeds) == 12
    assert all(feed["input_ids"].shape == feed["attention_mask"].shape for feed in feeds)
    assert all(len(feed["input_ids"]) == 1 and feed["attention_mask"].all() for feed in feeds)
    assert len({feed["input_ids"].shape[1] for feed in feeds}) > 1


def test_the_order_is_that_of_the_texts_not_of_the_file(artifacts, few, tmp_path):
    bundle, frame = read_bundle(artifacts.bundles["bert"]), pandas.read_parquet(few.train)
    found = []
    for order in (frame, frame.iloc[::-1], frame.sample(frac=1, random_state=1)):
        order.to_parquet(tmp_path / "train.parquet")
        feeds = calibration_feeds(
            bundle, tmp_path / "train.parquet", Calibration(texts=len(frame)), 0
        )
        found.append([feed["input_ids"].tolist() for feed in feeds])
    assert found[0] == found[1] == found[2] and len(found[0]) == len(frame)
    split = Split(["1", "2", "3"], ["b", "a", "a"], [0, 2, 1])
    assert in_own_order([0, 1, 2], split) == [2, 1, 0]
