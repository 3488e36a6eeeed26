"""Thresholds for the metric that decides: by hand, and that no change of a single one makes them better."""

import numpy as np
import pytest

from emopress.measure import sets
from emopress.measure.deciding import DECIDING, METRICS
from emopress.tasks import MULTI
from emopress.train.thresholds import _between, thresholds_for, tuned, tuned_for

SEARCHED = [key for key in DECIDING[MULTI] if key != "macro_f1"]


def one_label(*pairs):
    probabilities, truth = zip(*pairs, strict=True)
    return np.array(probabilities)[:, None], np.array(truth, dtype=bool)[:, None]


def test_one_label_by_hand():
    found = one_label((0.9, 1), (0.5, 0), (0.45, 0), (0.3, 1), (0.1, 0))
    # F1: 2/3 for the first text alone and for the first four; right texts: 4 of 5 and 3 of 5
    assert thresholds_for("macro_f1", *found) == pytest.approx([0.7])
    assert thresholds_for("micro_f1", *found) == pytest.approx([0.7])  # nearer to 0.5 than 0.2
    assert thresholds_for("subset_accuracy", *found) == pytest.approx([0.7])


def test_a_label_is_never_given_where_that_is_best():
    found = one_label((0.9, 0), (0.8, 0), (0.3, 1))
    assert thresholds_for("macro_f1", *found) == pytest.approx([0.15])  # all three: F1 1/2
    assert thresholds_for("subset_accuracy", *found) == pytest.approx([0.95])  # two of three right


def test_two_labels_play_together():
    # The second label is right wherever the first is given, and stands alone in the last text.
    probabilities = np.array([[0.9, 0.4], [0.8, 0.3], [0.2, 0.6], [0.1, 0.2]])
    truth = np.array([[1, 1], [1, 1], [0, 0], [0, 0]], dtype=bool)
    # Jaccard: with 0.25 for the second label texts 1, 2 are whole, 3 is 0, 4 is right: 3/4;
    # with 0.7 texts 1, 2 have half, 3 and 4 are right: 3/4 too, and nearer to 0.5
    first, second = thresholds_for("jaccard", probabilities, truth)
    assert (first, second) == pytest.approx((0.5, 0.8))  # halfway to 1: never given
    assert thresholds_for("sample_f1", probabilities, truth) == pytest.approx([0.5, 0.8])
    first, second = thresholds_for("subset_accuracy", probabilities, truth)
    assert (first, second) == pytest.approx((0.5, 0.25))  # 3 of 4 whole sets, not 2


@pytest.mark.parametrize("key", SEARCHED)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_change_of_one_threshold_is_better_and_a_common_one_is_not(key, seed):
    rng = np.random.default_rng(seed)
    truth = rng.random((120, 4)) < [0.4, 0.2, 0.05, 0.0]
    probabilities = np.clip(0.5 * truth + rng.random(truth.shape) * 0.7, 0, 1).astype(np.float32)
    found = thresholds_for(key, probabilities, truth)
    assert found == thresholds_for(key, probabilities, truth) and found[3] == 0.5

    def score(thresholds):
        return getattr(
            sets.observed(truth, probabilities >= np.array(thresholds)), METRICS[key].column
        )

    best = score(found)
    assert best >= score(tuned(probabilities, truth)[0]) - 1e-12
    for common in np.arange(0.05, 1, 0.05):
        assert best >= score([common] * 3 + [0.5]) - 1e-12
    for label in range(3):
        for other in np.unique([*probabilities[:, label], 1.1]):
            assert best >= score([*found[:label], other, *found[label + 1 :]]) - 1e-12


@pytest.mark.parametrize("key", SEARCHED)
def test_no_thresholds_at_all_are_better(key):
    """By trying all of them. One ascent alone misses some of these."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        truth = rng.random((40, 2)) < 0.4
        probabilities = np.clip(0.3 * truth + rng.random(truth.shape) * 0.7, 0, 1)
        columns = [np.append(np.unique(probabilities[:, label]), 1.1) for label in (0, 1)]
        every = np.stack(np.meshgrid(*columns), axis=-1).reshape(-1, 1, 2)
        column = METRICS[key].column
        best = getattr(sets.observed(truth, probabilities >= every), column).max()
        found = sets.observed(truth, probabilities >= thresholds_for(key, probabilities, truth))
        assert getattr(found, column) == pytest.approx(best)


def test_a_threshold_lies_halfway_between_two_texts():
    found = np.array([0.2, 0.6, 0.9])
    assert _between(found, 0.5) == pytest.approx(0.4)
    assert _between(found, 0.6) == pytest.approx(0.4)  # at the threshold a label is given
    assert _between(found, 0.95) == pytest.approx(0.95)
    assert _between(found, 0.1) == pytest.approx(0.1)


def test_what_a_model_knows_of_its_data_names_the_metric():
    assert tuned_for({"labels": []}) == "macro_f1"
    assert tuned_for({"judge_by": "jaccard"}) == "jaccard"
