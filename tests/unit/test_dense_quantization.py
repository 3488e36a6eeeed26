"""Our own quantization of 2 to 8 bits: ranges, codes, errors and the search, computed by hand."""

import numpy as np
import pytest

from emopress.bundle.affine import next_half, quantization_facts, quantize, weight_range
from emopress.bundle.quantize_affine import (
    Loss,
    coded_dense,
    divergence,
    search_layers,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.layers_file import OUTPUT, VECTORS, Layer

WEIGHTS = np.array([-4.0, -1.0, 0.0, 1.0, 2.0], dtype=np.float32)
MANY = np.random.default_rng(0).normal(0.1, 1, (100, 50)).astype(np.float32)


@pytest.mark.parametrize(
    ("symmetric", "percentile", "expected"),
    [
        (True, 100, (-4.0, 4.0)),
        (True, 75, (-2.0, 2.0)),  # magnitudes 0 1 1 2 4: three quarters of the way is 2
        (True, 87.5, (-3.0, 3.0)),  # half way from 2 to 4
        (False, 100, (-4.0, 2.0)),
        (False, 75, (-2.5, 1.5)),  # 12.5 % off each end: half way from -4 to -1 and from 1 to 2
    ],
)
def test_ranges(symmetric, percentile, expected):
    found = weight_range(WEIGHTS, symmetric=symmetric, percentile=percentile)
    assert found == pytest.approx(expected)


def test_a_range_holds_zero():
    positive = np.array([3.0, 5.0])
    assert weight_range(positive, symmetric=False, percentile=100) == (0.0, 5.0)
    assert weight_range(-positive, symmetric=False, percentile=100) == (-5.0, 0.0)


@pytest.mark.parametrize("percentile", [99.9, 99, 95])
@pytest.mark.parametrize("symmetric", [True, False])
def test_about_the_rest_of_a_percentile_is_clipped(symmetric, percentile):
    low, high = weight_range(MANY, symmetric=symmetric, percentile=percentile)
    share = np.mean(np.clip(MANY, low, high) != MANY)
    assert share == pytest.approx((100 - percentile) / 100, abs=2 / MANY.size)


def test_symmetric_codes_by_hand():
    # 3 bits: codes 0 to 6 around 3, scale 4 / 3; -1 / 1.333 = -0.75 -> -1, 2 / 1.333 = 1.5 -> 2
    found = quantize(WEIGHTS, bits=3, low=-4.0, high=4.0)
    assert (found.scale, found.zero_point) == (pytest.approx(4 / 3), 3)
    assert found.codes.tolist() == [0, 2, 3, 4, 5] and found.codes.dtype == np.uint8
    assert found.weights == pytest.approx(np.array([-4, -4 / 3, 0, 4 / 3, 8 / 3]))


def test_asymmetric_codes_by_hand():
    # 2 bits: codes 0 to 3, scale 6 / 3 = 2, zero point round(4 / 2) = 2; -0.5 -> -0, 0.5 -> 0: even
    found = quantize(WEIGHTS, bits=2, low=-4.0, high=2.0)
    assert (found.scale, found.zero_point) == (2.0, 2)
    assert found.codes.tolist() == [0, 2, 2, 2, 3]
    assert found.weights.tolist() == [-4, 0, 0, 0, 2]


def test_rows_have_ranges_of_their_own_by_hand():
    table = np.array([[-4.0, -1, 0, 2], [0.5, 0.25, -0.25, 0], [0, 0, 0, 0]], dtype=np.float32)
    low, high = weight_range(table, symmetric=False, percentile=100, by_row=True)
    assert low.tolist() == [[-4], [-0.25], [0]] and high.tolist() == [[2], [0.5], [0]]
    found = quantize(table, bits=2, low=low, high=high)
    assert found.scale.tolist() == [[2.0], [0.25], [1.0]]  # 6 / 3; 0.75 / 3; of 0 alone 2 / 2
    assert found.zero_point.tolist() == [[2], [1], [1]]
    assert found.weights.tolist() == [[-4, 0, 0, 2], [0.5, 0.25, -0.25, 0], [0, 0, 0, 0]]
    facts = quantization_facts(table, found, low=low, high=high)
    assert (facts["low"], facts["high"], facts["clipped_share"]) == (-4, 2, 0)
    assert (facts["scale"], facts["zero_point"]) == (1.0, 1)  # medians
    # symmetric, at 50 %: half way between the second and the third magnitude
    low, high = weight_range(table, symmetric=True, percentile=50, by_row=True)
    assert high[:, 0].tolist() == [1.5, 0.25, 0] and np.array_equal(low, -high)
    # scales are the next larger numbers of float16, so that nothing is clipped
    assert next_half(np.array([1 / 3, 0.5])).tolist() == [0.33349609375, 0.5]
    with pytest.raises(ValueError, match=r"a scale of 1e\+09 is beyond float16"):
        quantize(np.array([[1e9]]), bits=2, low=np.array([[-1e9]]), high=np.array([[1e9]]))


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_large_word_costs_no_other(bits, symmetric):
    table = MANY.copy()
    table[7] *= 100
    step = step_of(bits=bits, symmetric=symmetric, percentile=100)
    layer, facts = coded_dense(Layer(VECTORS, table), step, 100)
    assert layer.scale.shape == (100, 1) and facts["clipped_share"] == 0
    alone, _ = coded_dense(Layer(VECTORS, table[:7]), step, 100)
    assert np.array_equal(layer.weights()[:7], alone.weights())
    assert np.array_equal(layer.weights(np.array([3, 1])), alone.weights()[[3, 1]])
    dense, _ = coded_dense(
        Layer(OUTPUT, table), step, 100
    )  # a layer's: the large one sets the step
    gaps = [np.abs(np.delete(each.weights() - table, 7, axis=0)).mean() for each in (layer, dense)]
    assert gaps[0] < (0.2 if bits > 2 else 1) * gaps[1]


def test_two_symmetric_bits_are_three_values():
    found = quantize(MANY, bits=2, low=-1.0, high=1.0)
    assert set(np.unique(found.codes)) == {0, 1, 2}
    assert set(np.unique(found.weights)) == {-1.0, 0.0, 1.0}


def test_clipping_by_hand():
    found = quantize(WEIGHTS, bits=3, low=-1.5, high=1.5)
    assert (found.scale, found.zero_point) == (0.5, 3)
    assert found.weights.tolist() == [-1.5, -1.0, 0.0, 1.0, 1.5]


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("symmetric", [True, False])
def test_no_weight_within_the_range_is_off_by_more_than_half_a_step(bits, symmetric):
    low, high = weight_range(MANY, symmetric=symmetric, percentile=100)
    found = quantize(MANY, bits=bits, low=low, high=high)
    # Asymmetric: the rounded zero point moves the range by up to half a step too.
    steps = 0.5 if symmetric else 1.0
    assert np.abs(found.weights - MANY).max() <= steps * found.scale * (1 + 1e-4)
    assert found.codes.max() <= 2**bits - (2 if symmetric else 1)
    assert not np.any(found.weights[MANY == 0])
    if bits == 8:
        assert np.abs(found.weights - MANY).max() < 0.02


def test_zeros_stay_zeros():
    found = quantize(np.zeros((2, 2)), bits=4, low=0.0, high=0.0)
    assert not found.weights.any()
    with pytest.raises(ValueError, match="all weights would become 0"):
        quantize(np.array([0.0, 1.0]), bits=4, low=0.0, high=0.0)


def test_facts_by_hand():
    found = quantize(WEIGHTS, bits=3, low=-1.5, high=1.5)
    facts = quantization_facts(WEIGHTS, found, low=-1.5, high=1.5)
    assert facts["clipped_share"] == 0.4  # -4 and 2
    assert facts["mean_squared_error"] == pytest.approx((2.5**2 + 0.5**2) / 5)
    assert facts["signal_to_noise_db"] == pytest.approx(10 * np.log10(22 / 6.5))
    assert facts["zero_share"] == 0.2 and facts["bits"] == 3
    histogram = facts["histogram"]
    assert histogram["edges"] == [-4.0, 2.0]
    assert sum(histogram["before"]) == sum(histogram["after"]) == 5
    assert histogram["before"][0] == 1 and histogram["after"][0] == 0
    exact = quantize(np.array([-1.0, 1.0]), bits=2, low=-1.0, high=1.0)
    assert (
        quantization_facts(np.array([-1.0, 1.0]), exact, low=-1.0, high=1.0)["signal_to_noise_db"]
        is None
    )


def test_divergence_by_hand():
    # softmax: (0.8, 0.2) and (0.5, 0.5); KL = 0.8 ln 1.6 + 0.2 ln 0.4, and 0 for the second text
    full = np.array([[np.log(4), 0.0], [7.0, 7.0]], dtype=np.float32)
    other = np.array([[900.0, 900.0], [0.0, 0.0]], dtype=np.float32)
    expected = (0.8 * np.log(1.6) + 0.2 * np.log(0.4)) / 2
    assert divergence(full, other) == pytest.approx(expected, abs=1e-6)
    assert divergence(full, full) == 0


def step_of(**keys):
    plain = {"name": "q", "kind": "quantize", "method": "affine", "symmetric": True, "bits": 2}
    return typed_step({**plain, **keys})


STEP = step_of(percentile=100)


def layers():
    outlier = np.array([[1.0, -1.0, 0.5, 9.0]], dtype=np.float32)
    bias = np.zeros(4, dtype=np.float32)
    return [
        Layer(VECTORS, outlier),
        Layer("hidden0", 2 * outlier, bias),
        Layer(OUTPUT, outlier, bias),
    ]


def test_the_search_takes_what_loses_least_layer_by_layer():
    """The loss asks the vectors to keep the outlier, and the others to keep the small weights."""
    seen = []

    def loss(found):
        seen.append([layer.bits for layer in found])
        vectors, hidden, output = (layer.weights() for layer in found)
        small = np.array([0, 1])
        others = np.square(hidden[0, small] - [2, -2]) + np.square(output[0, small] - [1, -1])
        return Loss(float((vectors[0, 3] - 9) ** 2 + others.sum()), 0.0)

    found, facts = search_layers(layers(), step_of(search=[60, 100]), loss, coded_dense)
    assert [facts[name]["percentile"] for name in (VECTORS, "hidden0", OUTPUT)] == [100, 60, 60]
    assert [layer.bits for layer in found] == [2, 2, 2]
    # each trial on top of the layers chosen before, those after it in full precision
    assert seen == [[2, 32, 32]] * 2 + [[2, 2, 32]] * 2 + [[2, 2, 2]] * 2
    trials = facts["hidden0"]["validation_by_percentile"]
    assert list(trials) == ["100", "60"]
    assert trials["60"]["macro_f1_error"] < trials["100"]["macro_f1_error"]
    assert facts[VECTORS]["clipped_share"] == 0 and facts[OUTPUT]["clipped_share"] == 0.25


def test_of_equal_percentiles_the_one_that_clips_least_is_taken():
    step = step_of(search=[60, 99, 100])
    _, facts = search_layers(layers(), step, lambda found: Loss(0.5, 0.1), coded_dense)
    assert {one["percentile"] for one in facts.values()} == {100}


def test_of_equal_macro_f1_the_smaller_divergence_decides():
    def steps(found):
        return float(sum(np.max(layer.scale) for layer in found if layer.bits == 2))

    for sign, chosen in ((-1, 100), (1, 60)):
        _, facts = search_layers(
            layers(),
            step_of(search=[60, 100]),
            lambda found, sign=sign: Loss(0.5, sign * steps(found)),
            coded_dense,
        )
        assert {one["percentile"] for one in facts.values()} == {chosen}


def test_an_empty_range_names_pass_and_layer():
    sparse = np.zeros((10, 10), dtype=np.float32)
    sparse[0, 0] = 1
    with pytest.raises(
        UserError, match=r"pass q, layer vectors, percentile 60: the range is empty"
    ):
        coded_dense(Layer(VECTORS, sparse), STEP, 60)
    with pytest.raises(UserError, match=r"pass q, layer output, percentile 90: the range is empty"):
        coded_dense(Layer(OUTPUT, sparse), STEP, 90)
