"""Bootstrap intervals: against scikit-learn, a plain bootstrap, known distributions, and their own promise."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from emopress.measure import intervals
from emopress.measure.intervals import interval, observed, resampled, resampled_shares

# joy: 3 of 4 right, one taken for fear; fear: 1 of 2, one taken for anger; anger: 0 of 2, both joy
TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 0, 0])


def random_models(texts, classes, *, variants=3, seeds=2, right=0.7, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=texts)
    shape = (variants, seeds, texts)
    guess = rng.integers(classes, size=shape)
    return truth, np.where(rng.random(shape) < right, truth, guess)


def test_observed_by_hand():
    found = observed(TRUTH, PREDICTED, 3)
    assert found.accuracy == pytest.approx(4 / 8)
    # F1 of joy 2 * 3 / (4 + 5), of fear 2 * 1 / (2 + 2), of anger 0
    assert found.f1 == pytest.approx([2 / 3, 1 / 2, 0])
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_observed_is_scikit_learn():
    truth, predicted = random_models(300, 5)
    found = observed(truth, predicted, 6)  # no text has the sixth label
    for i in range(3):
        for j in range(2):
            given = predicted[i, j]
            macro = f1_score(truth, given, labels=range(6), average="macro", zero_division=0)
            micro = f1_score(truth, given, labels=range(6), average="micro")
            assert found.accuracy[i, j] == pytest.approx(accuracy_score(truth, given))
            assert found.accuracy[i, j] == pytest.approx(micro)
            assert found.macro_f1[i, j] == pytest.approx(macro)


def plain_bootstrap(truth, predicted, classes, resamples, seed):
    """Texts drawn one by one and scored by scikit-learn: what `resampled` does at once."""
    streams = {label: np.random.default_rng([seed, label]) for label in np.unique(truth)}
    places = {label: np.flatnonzero(truth == label) for label in streams}
    accuracy, macro = [], []
    for _ in range(resamples):
        drawn = np.concatenate(
            [
                places[label][rng.integers(len(places[label]), size=len(places[label]))]
                for label, rng in streams.items()
            ]
        )
        options = {"labels": range(classes), "average": "macro", "zero_division": 0}
        pairs = [(truth[drawn], given[drawn]) for given in predicted]
        accuracy.append(np.mean([accuracy_score(*pair) for pair in pairs]))
        macro.append(np.mean([f1_score(*pair, **options) for pair in pairs]))
    return np.array(accuracy), np.array(macro)


def test_resamples_are_those_of_a_plain_stratified_bootstrap():
    truth, predicted = random_models(60, 4, variants=2, seeds=3)
    found = resampled(truth, predicted, classes=5, resamples=25, seed=3)
    for variant in (0, 1):
        accuracy, macro = plain_bootstrap(truth, predicted[variant], 5, 25, 3)
        assert found.accuracy[:, variant] == pytest.approx(accuracy)
        assert found.macro_f1[:, variant] == pytest.approx(macro)


def test_shares_are_counted_over_the_same_resamples():
    truth, predicted = random_models(60, 4, variants=2, seeds=3)
    right = resampled(truth, predicted, classes=4, resamples=25)
    shares = resampled_shares(truth, predicted == truth, resamples=25)
    assert shares == pytest.approx(right.accuracy)  # being right is a thing that holds or not
    same = predicted == predicted[::-1]
    agreed = resampled_shares(truth, same, resamples=25)
    assert np.array_equal(agreed[:, 0], agreed[:, 1])
    assert agreed.mean() == pytest.approx(same[0].mean(), abs=0.05)


def test_resamples_depend_neither_on_blocks_nor_on_the_other_variants(monkeypatch):
    truth, predicted = random_models(101, 4)
    whole = resampled(truth, predicted, classes=4, resamples=500)
    assert np.array_equal(
        whole.macro_f1, resampled(truth, predicted, classes=4, resamples=500).macro_f1
    )
    other = resampled(truth, predicted, classes=4, resamples=500, seed=1)
    assert not np.array_equal(whole.accuracy, other.accuracy)
    steps = []
    monkeypatch.setattr(intervals, "CELLS", 700)
    alone = resampled(truth, predicted[1:2], classes=4, resamples=500, progress=steps.append)
    assert len(steps) > 10 and sum(steps) == 500
    assert np.array_equal(alone.accuracy[:, 0], whole.accuracy[:, 1])
    assert np.array_equal(alone.macro_f1[:, 0], whole.macro_f1[:, 1])


def test_spread_is_that_of_the_binomial():
    truth = np.repeat([0, 1], [300, 100])
    predicted = truth.copy()
    predicted[:60] = 1  # recall 0.8 and 0.9
    predicted[300:310] = 0
    found = resampled(truth, predicted[None, None], classes=2, resamples=20_000)
    variance = (300 * 0.8 * 0.2 + 100 * 0.9 * 0.1) / 400**2  # stratified: no spread between labels
    assert found.accuracy.mean() == pytest.approx(330 / 400, abs=5e-4)
    assert found.accuracy.std() == pytest.approx(np.sqrt(variance), rel=0.02)
    low, high = interval(found.accuracy[:, 0])
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.05)


def test_drawing_outcomes_has_the_same_distribution(monkeypatch):
    truth, predicted = random_models(400, 2, variants=2, seeds=1)
    by_text = resampled(truth, predicted, classes=2, resamples=20_000)
    monkeypatch.setattr(intervals, "MANY_TEXTS", 0)
    by_outcome = resampled(truth, predicted, classes=2, resamples=20_000)
    assert not np.array_equal(by_text.accuracy, by_outcome.accuracy)
    for name in ("accuracy", "macro_f1"):
        one, two = getattr(by_text, name), getattr(by_outcome, name)
        assert np.quantile(one, [0.025, 0.5, 0.975], axis=0) == pytest.approx(
            np.quantile(two, [0.025, 0.5, 0.975], axis=0), abs=3e-3
        )
        spread = [np.std(scores[:, 0] - scores[:, 1]) for scores in (one, two)]
        assert spread[0] == pytest.approx(spread[1], rel=0.03)


def test_certain_and_missing_labels():
    truth = np.array([0, 0, 0, 2])  # no text of label 1, one of label 2
    found = resampled(truth, truth[None, None], classes=3, resamples=50)
    assert (found.accuracy == 1).all()
    assert found.macro_f1 == pytest.approx(np.full((50, 1), 2 / 3))
    wrong = np.array([1, 1, 1, 1])
    found = resampled(truth, wrong[None, None], classes=3, resamples=50)
    assert (found.accuracy == 0).all() and (found.macro_f1 == 0).all()


def test_several_seeds_are_averaged_within_a_resample():
    truth, predicted = random_models(80, 3, variants=1, seeds=2)
    both = resampled(truth, predicted, classes=3, resamples=40)
    apart = resampled(truth, predicted.reshape(2, 1, -1), classes=3, resamples=40)
    assert both.macro_f1[:, 0] == pytest.approx(apart.macro_f1.mean(axis=1))


def drawn_from(rng, shares, truth):
    """One label per text from its row of `shares` [classes, classes]."""
    edges = shares.cumsum(axis=1)
    return (rng.random(len(truth))[:, None] > edges[truth]).sum(axis=1).clip(max=len(shares) - 1)


def expected(shares, support):
    counts = support[:, None] * shares
    hits = np.diag(counts)
    f1 = 2 * hits / (support + counts.sum(axis=0))
    return hits.sum() / support.sum(), f1.mean()


def test_coverage_by_simulation():
    """1,000 test sets of known accuracy and macro F1: the 95 % intervals hold them 93 to 97 times of 100.

    The standard error of an observed coverage is 0.69 points.
    """
    support = np.array([150, 100, 50])
    truth = np.repeat([0, 1, 2], support)
    first = np.array([[0.85, 0.10, 0.05], [0.15, 0.75, 0.10], [0.10, 0.20, 0.70]])
    fresh = np.array([[0.60, 0.30, 0.10], [0.30, 0.60, 0.10], [0.20, 0.20, 0.60]])
    second = 0.7 * first + 0.3 * fresh  # says in 7 of 10 texts what the first says
    aims = np.array([expected(first, support), expected(second, support)])
    aims = np.vstack([aims, aims[0] - aims[1]])  # [first, second, difference] x [accuracy, F1]
    repetitions, held = 1000, np.zeros((3, 2))
    rng = np.random.default_rng(5)
    for turn in range(repetitions):
        one = drawn_from(rng, first, truth)
        two = np.where(rng.random(300) < 0.7, one, drawn_from(rng, fresh, truth))
        found = resampled(truth, np.stack([one, two])[:, None], classes=3, resamples=400, seed=turn)
        for column, scores in enumerate((found.accuracy, found.macro_f1)):
            for row, values in enumerate((*scores.T, scores[:, 0] - scores[:, 1])):
                low, high = interval(values)
                held[row, column] += low <= aims[row, column] <= high
    share = held / repetitions
    assert (share >= 0.93).all() and (share <= 0.97).all(), share
