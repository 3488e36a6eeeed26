"""What a task is: label arrays, probabilities, decisions; and thresholds by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from emopress.tasks import decided, label_array, probabilities, sigmoid, task_of
from emopress.train.thresholds import best_threshold, tuned


def test_task_and_labels():
    assert task_of({}) == "single" and task_of({"task": "multi"}) == "multi"
    assert label_array([2, 0], 3).tolist() == [2, 0]
    table = label_array([np.array([0, 2]), [], [1]], 3)
    assert table.dtype == bool and table.astype(int).tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_probabilities():
    logits = np.array([[np.log(4), 0.0]], dtype=np.float32)
    assert probabilities(logits, "multi")[0].tolist() == pytest.approx([0.8, 0.5])
    assert probabilities(logits, "single")[0].tolist() == pytest.approx([0.8, 0.2])
    assert probabilities(logits, "multi").dtype == np.float32
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert sigmoid(np.array([-800.0, 800.0, 0.0])).tolist() == [0.0, 1.0, 0.5]


def test_decisions():
    found = np.array([[0.2, 0.7], [0.4, 0.4], [0.1, 0.1]])
    assert decided(found, None).tolist() == [1, 0, 0]
    assert decided(found, [0.4, 0.5]).tolist() == [[False, True], [True, False], [False, False]]


def test_threshold_by_hand():
    # From the top: F1 2/3, 2/2 ... the two positives first, so the cut lies between 0.8 and 0.3.
    found = best_threshold(np.array([0.9, 0.3, 0.8, 0.1]), np.array([True, False, True, False]))
    assert found == (pytest.approx(0.55), 1.0)
    # positive, negative, positive: after one 2/3, after two 2/4, after three 4/5
    found = best_threshold(np.array([0.9, 0.8, 0.4, 0.2]), np.array([True, False, True, False]))
    assert found == (pytest.approx(0.3), pytest.approx(0.8))


def test_ties():
    # F1 is 2/3 with the cut after one text (at 0.85) and after all four (0.3), which is nearer to 0.5
    truth = np.array([True, False, False, True])
    found = best_threshold(np.array([0.9, 0.8, 0.7, 0.6]), truth)
    assert found == (pytest.approx(0.3), pytest.approx(2 / 3))
    # after one text at 0.75, after all at 0.25, as far from 0.5: the higher one
    found = best_threshold(np.array([0.9, 0.6, 0.5, 0.5]), truth)
    assert found == (pytest.approx(0.75), pytest.approx(2 / 3))
    # equal probabilities cannot be cut apart
    assert best_threshold(np.array([0.4, 0.4]), np.array([True, False])) == (0.2, 2 / 3)


def test_labels_without_texts():
    assert best_threshold(np.array([0.9, 0.1]), np.array([False, False])) == (0.5, 0.0)
    assert best_threshold(np.zeros(2), np.array([True, False])) == (0.5, 0.0)
    assert best_threshold(np.array([0.6]), np.array([True])) == (0.3, 1.0)


def test_no_other_threshold_is_better():
    rng = np.random.default_rng(0)
    truth = rng.random((300, 5)) < [0.5, 0.3, 0.1, 0.02, 0.0]
    found = np.clip(0.3 * truth + rng.random((300, 5)) * 0.7, 0, 1).astype(np.float32)
    thresholds, f1 = tuned(found, truth)
    said = decided(found, thresholds)
    for c in range(5):
        assert f1[c] == pytest.approx(f1_score(truth[:, c], said[:, c], zero_division=0))
        every = found[:, c] >= found[:, c][:, np.newaxis]  # threshold x text
        right, told = (every & truth[:, c]).sum(axis=1), every.sum(axis=1)
        assert f1[c] == pytest.approx((2 * right / (told + truth[:, c].sum())).max())
