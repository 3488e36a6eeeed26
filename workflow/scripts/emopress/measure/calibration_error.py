"""Whether a model is right as often as it says: reliability bins and the expected calibration error."""

import numpy as np

BINS = 15

Bins = dict[str, list[float]]


def reliability_bins(confidence: np.ndarray, right: np.ndarray, *, bins: int = BINS) -> Bins:
    """Return the non-empty of `bins` equally wide bins of confidence (Guo et al. 2017, section 2).

    `confidence`: probability of the predicted label; `right`: whether it is the true one; same
    shape, any. A bin holds low < confidence <= high. Of each: low, high, count of texts, and their
    mean confidence and share of right ones (accuracy).
    """
    sure = np.clip(np.asarray(confidence, dtype=np.float64).ravel(), 0, 1)
    edges = np.linspace(0, 1, bins + 1)
    places = np.maximum(np.searchsorted(edges, sure, side="left") - 1, 0)
    count = np.bincount(places, minlength=bins)
    filled = np.flatnonzero(count)
    confidences = np.bincount(places, weights=sure, minlength=bins)[filled] / count[filled]
    accuracies = np.bincount(places, weights=np.ravel(right), minlength=bins)[filled]
    return {
        "low": edges[filled].tolist(),
        "high": edges[filled + 1].tolist(),
        "count": count[filled].tolist(),
        "confidence": confidences.tolist(),
        "accuracy": (accuracies / count[filled]).tolist(),
    }


def calibration_error(bins: Bins) -> float:
    """Return the expected calibration error (Guo et al. 2017, equation 3), a fraction.

    The mean over texts of how far their bin's accuracy is from its confidence.
    """
    gaps = np.abs(np.array(bins["accuracy"]) - np.array(bins["confidence"]))
    return float(np.average(gaps, weights=bins["count"]))
