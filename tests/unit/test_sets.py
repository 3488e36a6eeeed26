"""Scores of sets of labels, by hand and against scikit-learn; their bootstrap resamples."""

import numpy as np
import pytest
from sklearn import metrics as reference

from emopress.measure import sets
from emopress.measure.intervals import interval
from emopress.measure.metrics import scores

TRUTH = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0]], dtype=bool)
GIVEN = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0]], dtype=bool)


def drawn_sets(texts=400, classes=6, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((texts, classes)) < 0.2
    return truth, truth ^ (rng.random((3, 2, texts, classes)) < 0.1)


def test_by_hand():
    found = sets.observed(TRUTH, GIVEN)
    assert found.accuracy == 2 / 4  # texts 1 (none, none) and 3
    assert sets.text_f1(TRUTH, GIVEN).tolist() == pytest.approx([2 / 3, 1, 2 / 3, 1])
    assert found.sample_f1 == pytest.approx(10 / 12)
    assert sets.text_jaccard(TRUTH, GIVEN).tolist() == pytest.approx([1 / 2, 1, 1 / 2, 1])
    assert found.jaccard == pytest.approx(3 / 4)
    assert found.hamming_loss == 2 / 12
    assert found.f1.tolist() == pytest.approx([1, 2 / 3, 0])
    assert found.macro_f1 == pytest.approx(5 / 9)
    assert found.micro_f1 == pytest.approx(6 / 8)  # 3 hits, 4 true, 4 predicted
    several = scores(TRUTH, GIVEN, list("abc")).several
    assert several["label_confusion"] == [
        [[2, 0], [0, 2]],
        [[2, 0], [1, 1]],
        [[3, 1], [0, 0]],
    ]
    assert sets.crossed(TRUTH, GIVEN).tolist() == [[2, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert several["cooccurrence"] == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]


def test_like_scikit_learn():
    """What resampling computes in numpy is what `scores` asks scikit-learn for."""
    truth, models = drawn_sets()
    given = models[0, 0]
    labels = list("abcdef")
    found, points = scores(truth, given, labels), sets.observed(truth, given)
    for name in ("accuracy", "macro_f1", "micro_f1"):
        assert getattr(points, name) == pytest.approx(getattr(found, name))
    assert points.hamming_loss == pytest.approx(found.several["hamming_loss"])
    assert points.f1.tolist() == pytest.approx([found.per_class[name]["f1"] for name in labels])
    expected = reference.f1_score(truth, given, average="samples", zero_division=1)
    assert points.sample_f1 == pytest.approx(expected)
    assert found.several["sample_f1"] == pytest.approx(expected)
    expected = reference.jaccard_score(truth, given, average="samples", zero_division=1)
    assert points.jaccard == pytest.approx(expected)
    assert found.several["jaccard"] == pytest.approx(expected)
    hits = [row[1][1] for row in found.several["label_confusion"]]
    assert np.diag(found.confusion).tolist() == hits
    columns = reference.precision_recall_fscore_support(truth, given, zero_division=0)
    for i, label in enumerate(labels):
        expected = [float(column[i]) for column in columns]
        assert list(found.per_class[label].values()) == pytest.approx(expected)


def test_one_label_each_is_the_single_label_case():
    rng = np.random.default_rng(1)
    truth, given = rng.integers(4, size=(2, 200))
    single = scores(truth, given, list("abcd"))
    several = scores(np.eye(4, dtype=bool)[truth], np.eye(4, dtype=bool)[given], list("abcd"))
    for name in ("accuracy", "macro_f1", "micro_f1"):
        assert getattr(several, name) == pytest.approx(getattr(single, name))
    assert several.several["sample_f1"] == pytest.approx(single.accuracy)
    assert several.several["jaccard"] == pytest.approx(single.accuracy)


def test_resamples():
    truth, models = drawn_sets()
    seen = []
    drawn = sets.resampled(truth, models, resamples=2000, progress=seen.append)
    points = sets.observed(truth, models)
    assert (
        sum(seen) == 2000 and drawn.accuracy.shape == (2000, 3) and drawn.f1.shape == (2000, 3, 6)
    )
    for name in ("accuracy", "macro_f1", "micro_f1", "sample_f1", "jaccard", "hamming_loss"):
        values = getattr(drawn, name)
        assert values.mean(axis=0) == pytest.approx(getattr(points, name).mean(axis=1), abs=0.01)
        low, high = interval(values[:, 0])
        assert low < getattr(points, name)[0].mean() < high
    # the share of texts that are right: its standard deviation is known
    right = sets.right(truth, models).mean(axis=1)
    expected = right.std(axis=1) / np.sqrt(len(truth))
    assert drawn.accuracy.std(axis=0) == pytest.approx(expected, rel=0.1)
    again = sets.resampled(truth, models[:1], resamples=2000)
    assert np.array_equal(again.accuracy, drawn.accuracy[:, :1])  # whoever else is scored
    assert drawn.column(1).sample_f1.shape == (2000,)
