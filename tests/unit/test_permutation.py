"""The paired permutation test: by hand, for sets of labels, and for models that do not differ."""

import numpy as np
import pytest
from two_models import compare

from emopress.measure.permutation import permutation_p


def test_four_texts_that_one_model_alone_has_right():
    truth = np.arange(5)
    this, other = truth[None], np.array([[1, 2, 3, 4, 4]])
    # as large only if all four change places or none: 2 of 16
    found = permutation_p(truth, this, other, 5)
    assert found["macro_f1"] == pytest.approx(2 / 16, abs=0.01)
    assert found == permutation_p(truth, other, this, 5) == permutation_p(truth, this, other, 5)


def test_sets_of_labels_and_seeds_that_change_places_together():
    truth = np.eye(3, dtype=bool)[np.arange(9) % 3]
    this = np.stack([truth, truth])
    other = this.copy()
    other[:, :3] = False  # three texts, of both training seeds
    found = permutation_p(truth, this, other, 3)
    assert {"macro_f1", "micro_f1", "sample_f1", "jaccard"} <= set(found)
    assert list(found.values()) == pytest.approx([2 / 8] * len(found), abs=0.015)


def test_equal_predictions():
    truth, given = np.array([0, 1, 1]), np.array([[0, 0, 1]])
    assert set(permutation_p(truth, given, given, 2).values()) == {1.0}


def test_two_equal_models_are_seldom_called_different():
    rng, shown = np.random.default_rng(3), 0
    for _ in range(100):
        truth = rng.integers(4, size=20)
        wrong = rng.random((2, 1, 20)) < 0.3
        this, other = np.where(wrong, rng.integers(4, size=(2, 1, 20)), truth)
        shown += permutation_p(truth, this, other, 4)["macro_f1"] < 0.05
    assert shown <= 10  # 5 expected; the paired bootstrap calls more than 10 % different


def test_one_text_of_each_label_shows_nothing():
    truth = np.arange(5)
    found = compare(truth, np.zeros(5, int), truth, classes=5, resamples=1000)
    assert not found["macro_f1_shown"] and found["macro_f1_p"] == pytest.approx(2 / 16, abs=0.01)
