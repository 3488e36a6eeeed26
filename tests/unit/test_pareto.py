"""The Pareto front against cases worked out by hand."""

import pytest

from emopress.measure.pareto import front_steps, pareto_front


def test_front_by_hand():
    #        cheap  better  beaten  best   dear and equal to the best
    cost = [1.0, 2.0, 3.0, 4.0, 5.0]
    gain = [0.5, 0.7, 0.6, 0.9, 0.9]
    assert pareto_front(cost, gain) == [True, True, False, True, False]


def test_order_of_rows_does_not_matter():
    assert pareto_front([5, 4, 3, 2, 1], [9, 9, 6, 7, 5]) == [False, True, False, True, True]


def test_equal_cost_keeps_the_better():
    assert pareto_front([1, 1], [0.5, 0.6]) == [False, True]


def test_equal_rows_stand_together():
    assert pareto_front([1, 1, 2, 2], [0.5, 0.5, 0.5, 0.4]) == [True, True, False, False]


def test_one_row_and_none():
    assert pareto_front([3], [0.1]) == [True]
    assert pareto_front([], []) == []


def test_a_missing_value_is_an_error():
    with pytest.raises(ValueError, match="no value"):
        pareto_front([1, float("nan")], [1, 1])
    with pytest.raises(ValueError, match="2 costs, 1 gains"):
        pareto_front([1, 2], [1])


def test_steps_run_flat_then_rise():
    assert front_steps([1, 2, 3], [0.5, 0.4, 0.9]) == ([1, 3, 3], [0.5, 0.5, 0.9])
