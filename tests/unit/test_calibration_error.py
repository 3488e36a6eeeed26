"""Calibration: bins and their error by hand, and against scikit-learn's curve."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from emopress.measure.calibration_error import calibration_error, reliability_bins


def test_by_hand():
    confidence = np.array([0.55, 0.65, 0.9, 0.8])
    right = np.array([True, False, True, True])
    bins = reliability_bins(confidence, right, bins=2)  # 0 to 0.5 is empty
    assert bins == {
        "low": [0.5],
        "high": [1.0],
        "count": [4],
        "confidence": [pytest.approx(0.725)],
        "accuracy": [0.75],
    }
    assert calibration_error(bins) == pytest.approx(0.025)
    bins = reliability_bins(confidence, right, bins=4)
    assert bins["low"] == [0.5, 0.75] and bins["count"] == [2, 2]
    # 2 of 4 texts each: |0.5 - 0.6| and |1 - 0.85|
    assert calibration_error(bins) == pytest.approx(0.5 * 0.1 + 0.5 * 0.15)


def test_an_edge_belongs_to_the_bin_below_it():
    bins = reliability_bins(np.array([0.2, 0.4, 1.0, 1.0 + 1e-9, 0.0]), np.ones(5), bins=5)
    assert bins["high"] == pytest.approx([0.2, 0.4, 1.0])
    assert bins["count"] == [2, 1, 2]
    assert max(bins["confidence"]) == 1.0


def test_seeds_are_pooled():
    confidence, right = np.array([[0.9, 0.7], [0.9, 0.5]]), np.array([[1, 0], [0, 1]])
    pooled = reliability_bins(confidence, right)
    assert pooled == reliability_bins(confidence.ravel(), right.ravel())
    assert sum(pooled["count"]) == 4


def test_is_scikit_learns_curve():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1, 2000)
    right = rng.random(2000) < confidence**2
    bins = reliability_bins(confidence, right)
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
    assert bins["accuracy"] == pytest.approx(list(accuracy))
    assert bins["confidence"] == pytest.approx(list(mean))
    assert len(bins["low"]) == 12  # of 15, those above 0.2
    assert np.diff(bins["low"]) == pytest.approx(np.full(11, 1 / 15))


def test_perfectly_calibrated():
    assert calibration_error(reliability_bins(np.ones(5), np.ones(5, dtype=bool))) == 0.0
    assert calibration_error(reliability_bins(np.ones(5), np.zeros(5, dtype=bool))) == 1.0
