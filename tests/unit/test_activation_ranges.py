"""Ranges of activations: exact percentiles of both sides, entropy by hand, in any order of the texts."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from emopress.bundle.activation_ranges import (
    BINS,
    Activations,
    activation_ranges,
    divergence,
    exact_quantiles,
    extremes,
    least_divergence,
)
from emopress.entries.quantize import StaticCalibration
from emopress.errors import UserError

METHODS = ["minmax", "percentile", "entropy"]


@pytest.fixture
def seen(tmp_path):
    """Return a function: arrays -> the Activations of a graph whose tensors are those, and ten times those."""

    def build(arrays):
        graph = helper.make_graph(
            [
                helper.make_node("Add", ["x", "x"], ["double"]),
                helper.make_node("Identity", ["x"], ["same"]),
                helper.make_node("Relu", ["double"], ["logits"]),
            ],
            "values",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n"])],
        )
        opsets = [helper.make_opsetid("", 17)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx")
        feeds = [{"x": np.asarray(array, dtype=np.float32)} for array in arrays]
        return Activations(tmp_path / "m.onnx", ["same", "double"], feeds, threads=1)

    return build


def calibration(method, percentile=99.0):
    return StaticCalibration(method=method, percentile=percentile)


def test_percentile_cuts_both_sides_by_hand(seen):
    # -100 ... 100 in steps of 1, in three texts; 5 % of 201 values lie at either end: ranks 10 and 190
    values = np.arange(-100, 101)
    found = seen([values[::2], values[1:50:2], values[51::2]])
    ranges = activation_ranges(found, calibration("percentile", 90), symmetric=False)
    assert ranges == {"same": (-90.0, 90.0), "double": (-180.0, 180.0)}
    # of 21 values, a longer side: ranks 1 and 19 of -1, 0, 1, ..., 19
    short = activation_ranges(
        seen([np.arange(-1, 20)]), calibration("percentile", 90), symmetric=False
    )
    assert short["same"] == (0.0, 18.0)
    # of magnitudes 0, 1, 1, 2, 3, ..., 19: rank 18
    around = activation_ranges(
        seen([np.arange(-1, 20)]), calibration("percentile", 90), symmetric=True
    )
    assert around["same"] == (-17.0, 17.0)


@pytest.mark.parametrize("magnitudes", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.00005, 0.013, 0.25, 0.5, 0.9999, 1.0])
def test_quantiles_are_those_of_numpy(seen, share, magnitudes):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_t(2, size).astype(np.float32) for size in (700, 1, 3000, 20)]
    arrays[2][::5] = 0
    arrays[2][1::5] = -0.0
    whole = np.concatenate(arrays)
    (found,) = exact_quantiles(seen(arrays), [share], magnitudes=magnitudes)["same"]
    wanted = np.quantile((np.abs(whole) if magnitudes else whole).astype(np.float64), share)
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_extremes_and_zero_within_the_range(seen):
    found = seen([[3.0, 5.0], [4.0]])
    assert extremes(found)["same"] == (3.0, 5.0)
    for method in METHODS:
        low, high = activation_ranges(found, calibration(method, 100), symmetric=False)["same"]
        assert low == 0.0 and high == 5.0
        negative = seen([[-3.0, -5.0], [-4.0]])
        low, high = activation_ranges(negative, calibration(method, 100), symmetric=False)["same"]
        assert low == -5.0 and high == 0.0
        nothing = activation_ranges(seen([[0.0]]), calibration(method), symmetric=False)
        assert nothing["same"] == (0.0, 0.0)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_order_plays_no_part(seen, method, symmetric):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(0.3, 1 + size / 50, size) for size in rng.integers(1, 300, 40)]
    ranges = [
        activation_ranges(seen(order), calibration(method), symmetric=symmetric)
        for order in (arrays, arrays[::-1], [arrays[i] for i in rng.permutation(40)])
    ]
    assert ranges[0] == ranges[1] == ranges[2]


@pytest.mark.parametrize("outlier", [20.0, 200.0])
def test_entropy_cuts_outliers_of_either_side(seen, outlier):
    """A bell of 100,000 values and one value far off on each side: min-max would spend its levels on nothing."""
    rng = np.random.default_rng(2)
    bell = rng.normal(size=100_000)
    found = seen([bell, [-outlier], [1.5 * outlier]])
    low, high = activation_ranges(found, calibration("entropy"), symmetric=False)["same"]
    assert -15 < low < -2.5 and 2.5 < high < 15
    around = activation_ranges(found, calibration("entropy"), symmetric=True)["same"]
    assert around[0] == -around[1] and 2.5 < around[1] < 15


def test_entropy_leaves_even_values_alone():
    assert least_divergence(np.full(BINS, 9), -1.0, 3.0, levels=256) == (-1.0, 3.0)


def test_divergence_by_hand():
    # Two levels of four bins (1, 3), (0, 4): P is that, Q (2, 2), (0, 4); each over 8
    counts = np.array([1, 3, 0, 4])
    wanted = (1 * np.log(1 / 2) + 3 * np.log(3 / 2)) / 8
    assert divergence(counts, 0, 4, 2) == pytest.approx(wanted)
    # Cut to bins 1 and 2, a level each: P is (3 + 1, 0 + 4) / 8, Q (3, half a value) / 3.5
    wanted = 0.5 * np.log(0.5 / (3 / 3.5)) + 0.5 * np.log(0.5 / (0.5 / 3.5))
    assert divergence(counts, 1, 3, 2) == pytest.approx(wanted)
    # Cut to bins 0 and 1: P is (1, 3 + 4) / 8, Q (1, 3) / 4
    wanted = (1 * np.log(1 / 2) + 7 * np.log(7 / 6)) / 8
    assert divergence(counts, 0, 2, 2) == pytest.approx(wanted)


def test_a_value_that_is_not_finite_is_named(seen):
    with pytest.raises(UserError, match=r"calibration: same is not finite"):
        activation_ranges(seen([[1.0], [np.nan]]), calibration("minmax"), symmetric=False)


def test_progress_is_shown(seen, capsys):
    extremes(seen([[1.0], [2.0]]))
    assert "calibration: extremes: 100%" in capsys.readouterr().err
