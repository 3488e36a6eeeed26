"""Exact intervals: by hand and by SciPy, near the bootstrap where there is plenty, honest where there is not."""

import numpy as np
import pytest
from scipy.stats import binomtest
from two_models import compare

from emopress.measure.deciding import FEW_TEXTS
from emopress.measure.exact import (
    bounds_of,
    difference_bounds,
    f1_of,
    has_no_width,
    mean_of,
    paired,
    proportion,
    score_bounds,
)
from emopress.measure.intervals import interval
from emopress.measure.paired import label_differences
from emopress.measure.scoring import resampled


def test_a_share_has_the_interval_of_clopper_and_pearson():
    low, high = proportion(36, 36)
    assert (round(100 * low, 1), high) == (90.3, 1.0)  # not 100.0 to 100.0
    assert low == pytest.approx(0.025 ** (1 / 36))
    for hits, trials in ((0, 5), (1, 7), (35, 36), (50, 100), (3, 3)):
        found = binomtest(hits, trials).proportion_ci(method="exact")
        assert proportion(hits, trials) == pytest.approx((found.low, found.high))
    assert proportion(0, 0) == (0.0, 1.0)
    between = proportion(9.5, 12)  # a mean over seeds
    assert proportion(9, 12)[0] < between[0] < proportion(10, 12)[0]


def test_a_difference_of_two_shares_by_hand():
    hidden = 1 - 0.025 ** (1 / 50)  # none of 50
    assert paired(0, 0, 50) == pytest.approx((-hidden, hidden))
    low, high = proportion(6, 20)
    # 6 of 20 alone right, none the other way: below 0.3 by its own bound and what the other leaves open
    none = 1 - 0.025 ** (1 / 20)
    found = paired(6, 0, 20)
    assert found[0] == pytest.approx(0.3 - np.hypot(0.3 - low, none))
    assert found[1] == pytest.approx(high)
    assert paired(0, 0, 0) == (-1.0, 1.0)


def test_a_mean_takes_its_bounds_from_the_parts():
    assert mean_of([1.0, 1.0], [(0.7, 1.0), (0.6, 1.0)], 2) == pytest.approx((0.75, 1.0))
    # 1 - 0.5 / 2: the distances 0.3 and 0.4 are the sides of a triangle with 0.5
    assert mean_of([0.5], [(0.1, 0.9)], 2) == pytest.approx((0.05, 0.45))  # the other label is 0
    assert (f1_of(1.0), f1_of(0.5), f1_of(0.0)) == (1.0, pytest.approx(2 / 3), 0.0)


def test_all_right_is_not_certain():
    truth = np.arange(36) % 3
    found = score_bounds(truth, truth[None], 4)
    assert found["accuracy"] == found["micro_f1"] == pytest.approx((0.025 ** (1 / 36), 1.0))
    alone = f1_of(0.025 ** (1 / 12))
    assert found["f1"][:3] == [pytest.approx((alone, 1.0))] * 3
    assert found["f1"][3] == (0.0, 1.0)  # nothing is known of a label that no text has
    # three labels' distances, and a fourth that is 0 in the mean
    distance = np.sqrt(3 * (1 - alone) ** 2) / 4
    assert found["macro_f1"] == pytest.approx((0.75 - distance, 0.75))
    drawn = np.ones(100)
    assert has_no_width(interval(drawn))
    assert bounds_of(drawn, found["accuracy"], few=False) == found["accuracy"]
    spread = np.linspace(0.5, 1, 101)
    assert bounds_of(spread, found["accuracy"], few=False) == interval(spread)
    assert bounds_of(spread, found["accuracy"], few=True) == found["accuracy"]


def test_sets_of_labels_all_right_and_all_wrong():
    truth = np.eye(3, dtype=bool)[np.arange(30) % 3]
    found = score_bounds(truth, truth[None], 3)
    whole = pytest.approx((0.025 ** (1 / 30), 1.0))
    assert [found[key] for key in ("accuracy", "sample_f1", "jaccard")] == [whole] * 3
    assert found["hamming_loss"] == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))
    wrong = score_bounds(truth, ~truth[None], 3)
    assert wrong["accuracy"] == pytest.approx((0.0, 1 - 0.025 ** (1 / 30)))


def drawn_texts(seed, texts=1000, skill=0.8):
    rng = np.random.default_rng(seed)
    truth = rng.integers(5, size=texts)
    this = np.where(rng.random(texts) < skill, truth, (truth + 1) % 5)
    other = np.where(rng.random(texts) < 0.1, (this + 1) % 5, this)
    return truth, this, other


def test_with_many_texts_they_are_near_the_bootstrap():
    truth, this, other = drawn_texts(0)
    drawn = resampled(truth, np.stack([this, other])[:, None], classes=5, resamples=4000)
    found = score_bounds(truth, this[None], 5)
    for name in ("accuracy", "macro_f1"):
        assert found[name] == pytest.approx(interval(getattr(drawn, name)[:, 0]), abs=0.008)
    apart = difference_bounds(truth, this[None], other[None], 5)
    for name in ("accuracy", "macro_f1"):
        spread = getattr(drawn, name)[:, 0] - getattr(drawn, name)[:, 1]
        assert apart[name] == pytest.approx(interval(spread), abs=0.015)
    for label in range(5):
        spread = drawn.f1[:, 0, label] - drawn.f1[:, 1, label]
        assert apart["f1"][label] == pytest.approx(interval(spread), abs=0.03)


@pytest.mark.parametrize("skill", [0.9, 1.0])
def test_models_that_never_differ_may_on_other_texts(skill):
    truth, this, _ = drawn_texts(1, texts=200, skill=skill)
    same = this[None]
    found = compare(truth, same, same, classes=5, resamples=200)
    hidden = 1 - 0.025 ** (1 / 200)
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((-hidden, hidden))
    assert found["macro_f1_low"] == pytest.approx(-found["macro_f1_high"], rel=0.3)
    assert 0.005 < found["macro_f1_high"] < 0.1 and not found["shown"]
    drawn = resampled(truth, np.stack([same, same]), classes=5, resamples=200)
    columns = (drawn.column(0), drawn.column(1))
    for low, high in label_differences(truth, same, same, classes=5, drawn=columns):
        assert low < -0.01 and high > 0.01
    sets = np.eye(5, dtype=bool)
    apart = difference_bounds(sets[truth], sets[this][None], sets[this][None], 5)
    for name in ("accuracy", "sample_f1", "jaccard", "micro_f1"):
        assert apart[name] == pytest.approx((-hidden, hidden))


def test_few_texts_leave_open_which_model_is_better():
    """Of 20 texts one model has one more right: resampling says 0 to +15 points, as if never fewer."""
    truth = np.arange(20) % 4
    other = truth.copy()
    other[0] = 1
    found = compare(truth, truth[None], other[None], classes=4, resamples=200)
    # Clopper-Pearson of 1 of 20 is 0.13 to 24.87 %, of 0 of 20 is 0 to 16.84 %.
    low, high = 0.05 - np.hypot(0.05 - 0.00127, 0.16843), 0.24873
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((low, high), abs=1e-4)
    assert found["macro_f1_low"] < -0.1 and found["macro_f1_high"] > 0.2
    drawn = resampled(truth, np.stack([truth, other])[:, None], classes=4, resamples=200)
    columns = (drawn.column(0), drawn.column(1))
    for low, high in label_differences(truth, truth[None], other[None], classes=4, drawn=columns):
        assert -1 <= low < 0 < high <= 1


def test_a_label_with_few_texts_has_an_exact_difference():
    truth = np.r_[np.zeros(150, dtype=int), np.ones(3, dtype=int)]
    other = truth.copy()
    other[-1] = 0
    drawn = resampled(truth, np.stack([truth, other])[:, None], classes=2, resamples=500)
    columns = (drawn.column(0), drawn.column(1))
    many, few = label_differences(truth, truth[None], other[None], classes=2, drawn=columns)
    exact = difference_bounds(truth, truth[None], other[None], 2)
    assert exact["trials"] == [151, 3]
    assert few == exact["f1"][1] and few[0] < 0 < few[1]
    assert many == pytest.approx(interval(columns[0].f1[:, 0] - columns[1].f1[:, 0]))


def test_nothing_is_known_of_a_label_that_no_text_has():
    truth = np.arange(20) % 3
    other = truth.copy()
    other[0] = 3  # which is wrong, and leaves the F1 of label 3 at 0
    found = difference_bounds(truth, truth[None], other[None], 5)
    assert found["f1"][3:] == [(-1.0, 1.0)] * 2 and found["trials"][3:] == [1, 0]
    assert score_bounds(truth, other[None], 5)["f1"][3:] == [(0.0, 1.0)] * 2


def test_intervals_hold_what_they_promise():
    """In simulation the exact interval of a small test split has the true accuracy in 95 of 100 and more."""
    rng = np.random.default_rng(5)
    held = [
        low <= 0.9 <= high
        for low, high in (proportion(hits, 40) for hits in rng.binomial(40, 0.9, size=2000))
    ]
    assert np.mean(held) > 0.95 and FEW_TEXTS == 100
