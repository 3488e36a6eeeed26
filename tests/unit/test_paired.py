"""Paired tests: by hand, against scipy and statsmodels, and for models that do not differ."""

from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from two_models import compare

from emopress.measure.paired import (
    bootstrap_p,
    combined,
    corrected,
    holm,
    mcnemar_exact,
    single_counts,
)


def test_mcnemar_by_hand():
    # 1 against 5: twice P(at most 1 of 6 heads) = 2 * (1 + 6) / 64
    assert mcnemar_exact(1, 5) == mcnemar_exact(5, 1) == pytest.approx(14 / 64)
    assert mcnemar_exact(0, 3) == pytest.approx(2 / 8)
    assert mcnemar_exact(4, 4) == 1.0
    assert mcnemar_exact(0, 0) == 1.0


def test_mcnemar_is_the_exact_binomial_test():
    for mine, theirs in np.random.default_rng(0).integers(0, 60, size=(30, 2)):
        p = binomtest(int(mine), int(mine + theirs), 0.5).pvalue
        assert mcnemar_exact(int(mine), int(theirs)) == pytest.approx(p)


def test_seeds_are_combined():
    assert combined([0.3]) == pytest.approx(0.3)
    assert combined([0.01, 0.03]) == pytest.approx(0.04)
    assert combined([0.9, 0.4, 0.8]) == 1.0


def test_bootstrap_p_by_hand():
    assert bootstrap_p(np.array([1.0] * 98 + [-1.0])) == pytest.approx(2 * 2 / 100)
    assert bootstrap_p(np.array([-1.0] * 99)) == pytest.approx(2 * 1 / 100)
    assert bootstrap_p(np.zeros(99)) == 1.0
    assert bootstrap_p(np.array([1e-17] * 99)) == 1.0  # zero, but for the order of a sum
    assert bootstrap_p(np.array([1.0, -1.0])) == 1.0
    assert bootstrap_p(np.array([2.0] * 6 + [0.0] * 3)) == pytest.approx(2 * 4 / 10)


def test_holm_by_hand():
    # sorted 0.01 0.02 0.03 0.5 times 4 3 2 1 is 0.04 0.06 0.06 0.5, never below the one before
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.4]) == [0.4] and holm([]) == []


def test_a_family_is_corrected_together():
    p_values = np.random.default_rng(1).random(12) ** 4
    family = [{"mcnemar_p": p, "macro_f1_p": p / 2} for p in p_values]
    same = {"mcnemar_p": p_values[0], "macro_f1_p": p_values[0] / 2}  # the other way round
    corrected([[family[0], same], *([member] for member in family[1:])])
    assert same == family[0]  # a pair counts once
    accepted, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert [member["mcnemar_p_holm"] for member in family] == pytest.approx(list(adjusted))
    assert [member["shown"] for member in family] == list(accepted)
    shown = [member["macro_f1_p_holm"] < 0.05 for member in family]
    assert [member["macro_f1_shown"] for member in family] == shown
    assert 0 < accepted.sum() < (p_values < 0.05).sum()  # the correction costs some
    halves = multipletests(p_values / 2, method="holm")[1]
    assert [member["macro_f1_p_holm"] for member in family] == pytest.approx(list(halves))


def test_texts_that_one_alone_gets_right():
    truth = np.array([0, 0, 1, 1, 2])
    this = np.array([[0, 0, 1, 0, 0], [0, 0, 1, 1, 2]])
    other = np.array([[0, 1, 0, 1, 1], [0, 0, 1, 1, 2]])
    assert single_counts(truth, this, other).tolist() == [[2, 0], [1, 0]]


def test_comparison_by_hand():
    truth = np.repeat([0, 1], 20)
    this, other = truth.copy(), truth.copy()
    this[0] = 1  # of class 0 one wrong; the other model has 9 other ones of class 1 wrong
    other[20:29] = 0
    found = compare(truth, this, other, classes=2, resamples=4000)
    assert (found["only_this_right"], found["only_other_right"]) == (9, 1)
    assert found["accuracy_difference"] == pytest.approx(8 / 40)
    assert found["mcnemar_p"] == pytest.approx(2 * (1 + 10) / 1024)
    assert found["mcnemar_p_holm"] == found["mcnemar_p"] and found["shown"]
    # F1 of this: 2 * 19 / (20 + 19) and 2 * 20 / (20 + 21); of the other 40 / 49 and 22 / 31
    gap = (38 / 39 + 40 / 41) / 2 - (40 / 49 + 22 / 31) / 2
    assert found["macro_f1_difference"] == pytest.approx(gap)
    assert found["macro_f1_low"] < gap < found["macro_f1_high"]
    # few texts: of the 1024 ways to share out the 10 errors, those that differ by as much

    def macro_f1(zeros, ones):  # for errors in texts of class 0 and of class 1
        return (20 - zeros) / (40 - zeros + ones) + (20 - ones) / (
            40 - ones + zeros
        )  # the mean of 2 * hits / (support + predicted)

    as_large = sum(
        comb(9, ones)
        for zeros in (0, 1)
        for ones in range(10)
        if abs(macro_f1(zeros, ones) - macro_f1(1 - zeros, 9 - ones)) >= gap - 1e-12
    )
    assert found["macro_f1_p"] == pytest.approx(as_large / 1024, abs=0.002)
    # 40 texts are few: Clopper-Pearson of 9 of 40 is 10.84 to 38.45 %, of 1 of 40 is 0.06 to 13.16 %
    low = 0.2 - np.hypot(0.225 - 0.1084, 0.1316 - 0.025)
    high = 0.2 + np.hypot(0.3845 - 0.225, 0.025 - 0.0006)
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((low, high), abs=1e-3)


def test_the_interval_of_a_difference_of_many_texts_is_the_bootstraps():
    truth = np.repeat([0, 1], 100)
    this, other = truth.copy(), truth.copy()
    this[:5] = 1
    other[100:145] = 0
    found = compare(truth, this, other, classes=2, resamples=4000)
    # the spread of the difference: 100 texts of class 0 with share 5/100, 100 of class 1 with 45/100
    deviation = np.sqrt(100 * (0.05 * 0.95 + 0.45 * 0.55)) / 200
    assert found["accuracy_low"] == pytest.approx(0.2 - 1.96 * deviation, abs=0.01)
    assert found["accuracy_high"] == pytest.approx(0.2 + 1.96 * deviation, abs=0.01)


def test_turning_the_models_round_turns_the_signs():
    rng = np.random.default_rng(2)
    truth, this, other = rng.integers(4, size=(3, 200))
    one = compare(truth, this, other, classes=4, resamples=1000)
    two = compare(truth, other, this, classes=4, resamples=1000)
    for name in ("accuracy", "macro_f1"):
        assert one[f"{name}_difference"] == pytest.approx(-two[f"{name}_difference"])
        assert one[f"{name}_low"] == pytest.approx(-two[f"{name}_high"])
        assert one[f"{name}_high"] == pytest.approx(-two[f"{name}_low"])
    for name in ("macro_f1_p", "mcnemar_p"):
        assert one[name] == pytest.approx(two[name])
    assert one == compare(truth, this, other, classes=4, resamples=1000)


def test_identical_models_do_not_differ():
    rng = np.random.default_rng(3)
    truth, this = rng.integers(3, size=(2, 120))
    found = compare(truth, np.stack([this, this]), np.stack([this, this]), classes=3, resamples=500)
    # 0 of 120 texts differ: of others up to 1 - 0.025 ** (1 / 120), about 3 in 100, may
    assert found["accuracy_difference"] == found["macro_f1_difference"] == 0
    open_end = pytest.approx(1 - 0.025 ** (1 / 120))
    assert (-found["accuracy_low"], found["accuracy_high"]) == (open_end, open_end)
    assert found["macro_f1_low"] < -0.01 and found["macro_f1_high"] > 0.01
    assert found["macro_f1_p"] == found["mcnemar_p"] == found["mcnemar_p_holm"] == 1.0
    assert found["only_this_right"] == found["only_other_right"] == 0
    assert found["shown"] is False


def test_several_seeds():
    truth = np.zeros(40, dtype=int)
    this = np.zeros((2, 40), dtype=int)
    other = this.copy()
    other[0, :6] = 1  # p 2 / 64 with the first seed
    other[1, :5] = 1  # p 2 / 32 with the second
    found = compare(truth, this, other, classes=2, resamples=500)
    assert (found["only_this_right"], found["only_other_right"]) == (11, 0)
    assert found["mcnemar_p"] == pytest.approx(2 * (2 / 64 + 2 / 32) / 2)
    assert found["accuracy_difference"] == pytest.approx((6 + 5) / 80)


def test_p_values_of_equal_models_are_even():
    """Of two models that err alike, few comparisons show a difference: at most 5 of 100, and some."""
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], 100)
    guess = rng.integers(3, size=(400, 2, 300))
    given = np.where(rng.random(guess.shape) < 0.7, truth, guess)
    found = [compare(truth, *pair, classes=3, resamples=200) for pair in given]
    assert np.mean([each["mcnemar_p"] < 0.05 for each in found]) < 0.07
    assert 0.02 < np.mean([each["macro_f1_p"] < 0.05 for each in found]) < 0.09
    assert np.mean([each["macro_f1_p"] for each in found]) == pytest.approx(0.5, abs=0.06)
