"""Fake quantization: values, straight-through gradients and LSQ+ gradients, by hand and as ONNX Runtime's."""

import numpy as np
import pytest
import torch
from onnxruntime.quantization.quant_utils import QuantType, compute_scale_zp, quantize_data

from emopress.compress.fakequant import (
    TYPICAL_WEIGHT,
    ActivationRange,
    Int4Weight,
    Int8Weight,
    affine_parameters,
    fake_quantize_affine,
    round_blocks,
    round_int8,
)

UNIT = torch.tensor(0.0), torch.tensor(255.0)  # levels 0 to 255, scale 1


def scalars(*values):
    return [torch.tensor(value, requires_grad=True) for value in values]


def test_values_are_rounded_half_to_even_and_clipped_to_the_range():
    x = torch.tensor([-3.0, 0.4, 0.5, 1.5, 254.7, 300.0])
    assert fake_quantize_affine(x, *UNIT).tolist() == [0.0, 0.0, 0.0, 2.0, 255.0, 255.0]


def test_zero_is_among_the_levels_of_every_range():
    for lower, upper in [(-1.0, 3.0), (0.5, 3.0), (-3.0, -0.5), (0.0, 0.0)]:
        bounds = torch.tensor(lower), torch.tensor(upper)
        assert fake_quantize_affine(torch.zeros(3), *bounds).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(20))
def test_scale_and_zero_point_are_those_of_onnx_runtime(seed):
    low, high = np.sort(np.random.default_rng(seed).normal(size=2)).astype(np.float32)
    zero_point, scale = compute_scale_zp(low, high, np.array(0), np.array(255))
    found = affine_parameters(torch.tensor(low), torch.tensor(high))
    assert [value.item() for value in found] == [scale.item(), zero_point.item()]


def test_a_range_of_no_width_has_scale_one_as_in_onnx_runtime():
    scale, zero_point = affine_parameters(torch.tensor(0.0), torch.tensor(0.0))
    assert (scale.item(), zero_point.item()) == (1.0, 0.0)


def test_gradient_goes_straight_through_inside_the_range_and_stops_beyond_it():
    x = torch.tensor([-2.0, 3.3, 260.0], requires_grad=True)
    (fake_quantize_affine(x, *UNIT) * torch.tensor([5.0, 7.0, 11.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 7.0, 0.0]


def test_gradients_of_the_bounds_are_those_of_lsq_plus():
    lower, upper = scalars(0.0, 255.0)
    # Below by any amount: (1, 0). Inside, 0.25 rounds by -0.25 and 3.9 by +0.1. Above: (0, 1).
    x = torch.tensor([-2.0, 0.25, 3.9, 260.0])
    weights = torch.tensor([2.0, 3.0, 5.0, 7.0])
    (fake_quantize_affine(x, lower, upper) * weights).sum().backward()
    error = (3.0 * -0.25 + 5.0 * 0.1) / 255
    assert lower.grad.item() == pytest.approx(2.0 - error, abs=1e-6)
    assert upper.grad.item() == pytest.approx(7.0 + error, abs=1e-6)


def test_gradients_of_the_bounds_follow_the_function_beyond_the_range():
    # Where values are clipped there is no rounding to go straight through: finite differences hold.
    x, step = torch.tensor([-9.0, 9.0]), 0.5
    for which, weights in ((0, [1.0, 0.0]), (1, [0.0, 1.0])):
        bounds = scalars(-4.0, 4.0)
        (fake_quantize_affine(x, *bounds) * torch.tensor(weights)).sum().backward()
        moved = [b.detach().clone() for b in bounds]
        moved[which] += step
        # Against a grid that does not shift the zero point, up to one level's width.
        change = (fake_quantize_affine(x, *moved) - fake_quantize_affine(x, *bounds)).detach()
        difference = (change * torch.tensor(weights)).sum().item() / step
        assert bounds[which].grad.item() == pytest.approx(difference, abs=2 * 8.5 / 255 / step)


def test_share_of_the_gradient_scales_the_bounds_and_not_the_values():
    x = torch.tensor([-2.0, 3.25, 260.0], requires_grad=True)
    lower, upper = scalars(0.0, 255.0)
    fake_quantize_affine(x, lower, upper, gradient_share=0.5).sum().backward()
    assert lower.grad.item() == pytest.approx(0.5 * (1 + 0.25 / 255))
    assert upper.grad.item() == pytest.approx(0.5 * (1 - 0.25 / 255))
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_bf16_inputs_are_rounded_in_fp32_under_autocast():
    # Between 128 and 256 bf16 holds whole numbers only; the levels of 0..25.5 need tenths.
    x = torch.tensor([25.5, 12.7], dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = fake_quantize_affine(x, torch.tensor(0.0), torch.tensor(25.5))
    assert found.dtype == torch.float32
    assert found[0].item() == pytest.approx(25.5)
    found.sum().backward()
    assert x.grad.dtype == torch.bfloat16


def test_int8_weights_per_channel_and_per_tensor():
    weight = torch.tensor([[127.0, -63.4, 0.0], [0.0, 1.27, -0.638]])
    rows = round_int8(weight, per_channel=True)
    assert rows[0].tolist() == [127.0, -63.0, 0.0]
    assert rows[1].tolist() == pytest.approx([0.0, 1.27, -0.64])
    whole = round_int8(weight, per_channel=False)
    assert whole.tolist() == [[127.0, -63.0, 0.0], [0.0, 1.0, -1.0]]


@pytest.mark.parametrize("seed", range(5))
def test_int8_weights_are_those_of_onnx_runtime(seed):
    weight = np.random.default_rng(seed).normal(size=(7, 40)).astype(np.float32)
    found = round_int8(torch.from_numpy(weight), per_channel=True).numpy()
    for row, ours in zip(weight, found, strict=True):
        _, scale, values = quantize_data(row, QuantType.QInt8.tensor_type, True)
        assert np.array_equal(values.astype(np.float32) * scale, ours)


def test_int4_weights_by_hand():
    # Block 1: -4 is largest, becomes -8 at scale 0.5; 4 would be +8 and is cut to 7. Block 2: 1.6
    # is largest, becomes -8 at scale -0.2.
    weight = torch.tensor([[-4.0, 4.0, 0.7, 0.1, 1.6, -1.5, 0.55, 0.0]])
    found = round_blocks(weight, bits=4, block_size=4)[0].tolist()
    assert found == pytest.approx([-4.0, 3.5, 0.5, 0.0, 1.6, -1.4, 0.6, 0.0])


@pytest.mark.parametrize("columns", [32, 64, 50])
def test_int4_weights_are_those_of_onnx_runtime(columns):
    from onnxruntime.capi._pybind_state import quantize_matmul_4bits

    rows, size = 6, 32
    weight = np.random.default_rng(columns).normal(size=(rows, columns)).astype(np.float32)
    blocks = -(-columns // size)
    packed = np.zeros((rows, blocks, size // 2), np.uint8)
    scales = np.zeros(rows * blocks, np.float32)
    unused = np.zeros(rows * (blocks + 1) // 2, np.uint8)
    transposed = np.ascontiguousarray(weight.T)
    quantize_matmul_4bits(packed, transposed, scales, unused, size, rows, columns, True)
    values = np.stack([packed & 15, packed >> 4], axis=-1).reshape(rows, blocks, size)
    stored = (values.astype(np.float32) - 8) * scales.reshape(rows, blocks, 1)
    found = round_blocks(torch.from_numpy(weight), bits=4, block_size=size).numpy()
    assert np.allclose(stored.reshape(rows, -1)[:, :columns], found, atol=1e-6)


@pytest.mark.parametrize("quantizer", [Int8Weight(per_channel=True), Int4Weight(block_size=16)])
def test_a_weights_gradient_goes_straight_through(quantizer):
    weight = torch.randn(4, 20, generator=torch.manual_seed(0)).requires_grad_()
    factor = torch.randn(4, 20, generator=torch.manual_seed(1))
    rounded = quantizer(weight)
    (rounded * factor).sum().backward()
    assert torch.equal(weight.grad, factor)
    assert not torch.equal(rounded, weight)


def calibrated(mode, *batches):
    quantizer = ActivationRange(mode)
    quantizer.calibrating = True
    for batch in batches:
        assert torch.equal(quantizer(batch), batch)
    quantizer.begin()
    return quantizer


@pytest.mark.parametrize("mode", ["learned", "observed"])
def test_calibration_gives_the_extremes_seen_with_zero(mode):
    quantizer = calibrated(mode, torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 4.0]]))
    lower, upper = (bound.item() for bound in quantizer.range())
    assert (lower, upper) == pytest.approx((0.0, 4.0))


def test_only_a_learned_range_is_a_parameter_and_it_is_not_decayed():
    learned = dict(calibrated("learned", torch.ones(1, 2)).named_parameters())
    assert [parameter.ndim for parameter in learned.values()] == [1]
    assert not dict(calibrated("observed", torch.ones(1, 2)).named_parameters())


def test_a_learned_range_starts_as_large_as_a_weight():
    quantizer = calibrated("learned", torch.tensor([[-300.0, 100.0]]))
    low, high = quantizer.bounds.tolist()
    assert high - low == pytest.approx(TYPICAL_WEIGHT)


def test_a_learned_range_cannot_vanish():
    quantizer = calibrated("learned", torch.tensor([[-1.0, 3.0]]))
    with torch.no_grad():
        quantizer.bounds.copy_(torch.tensor([1.0, -1.0]))
    lower, upper = (bound.item() for bound in quantizer.range())
    assert upper - min(lower, 0.0) == pytest.approx(4.0e-3, rel=1e-3)
    quantizer(torch.ones(1, 2)).sum().backward()
    assert quantizer.bounds.grad is not None and quantizer.bounds.grad[1] > 0


def test_an_observed_range_moves_in_training_only_and_past_padding():
    quantizer = calibrated("observed", torch.tensor([[0.0, 10.0]]))
    quantizer.eval()
    quantizer(torch.full((1, 2, 1), 50.0))
    assert quantizer.range()[1].item() == 10.0
    quantizer.train()
    x = torch.tensor([[[20.0], [900.0]], [[-30.0], [5.0]]])
    quantizer(x, torch.tensor([[True, False], [True, True]]))
    lower, upper = (bound.item() for bound in quantizer.range())
    assert (lower, upper) == pytest.approx((-0.3, 10.1))  # 1 % of the way to -30 and 20
