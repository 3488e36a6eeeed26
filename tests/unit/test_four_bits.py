"""The 4-bit layer: NF4's levels, and the same training and prediction on either kind of processor."""

import bitsandbytes
import pytest
import torch
from torch import nn

from emopress.runtime.four_bits import Linear4bit, adopt_4bit_layers


@pytest.fixture(params=[False, True], ids=["no AVX512-BF16", "AVX512-BF16"])
def processor(request, monkeypatch):
    """What bitsandbytes is told of the processor, whichever this is: its layers ask when they are made."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: request.param)
    return request.param


def loaded(source):
    """Return the layer that transformers loads from 4-bit weights: bitsandbytes' own."""
    layer = bitsandbytes.nn.LinearNF4(
        source.in_features, source.out_features, compute_dtype=torch.bfloat16
    )
    layer.load_state_dict(source.state_dict())
    return layer.to("cpu")  # this quantizes


def state_of(layer):
    return {name: tensor.clone() for name, tensor in layer.state_dict().items()}


def test_nf4_rounds_to_its_sixteen_levels(processor):
    """The levels of QLoRA's appendix E, times the largest weight of the block."""
    torch.manual_seed(0)
    source = nn.Linear(64, 32)
    layer = Linear4bit(source)
    weight = layer.dequantized()
    below = [-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500]
    above = [0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0]
    levels = torch.tensor([*below, 0.0, *above])
    for row, stored in zip(source.weight, weight, strict=True):
        scaled = row / row.abs().max()
        nearest = levels[(scaled[:, None] - levels).abs().argmin(1)]
        assert torch.allclose(stored / row.abs().max(), nearest, atol=0.02)  # scales are rounded
    assert len(torch.unique(weight[0])) <= 16
    x = torch.randn(3, 64)
    assert torch.allclose(layer(x), x @ weight.T + source.bias, atol=1e-5)


def test_a_validation_leaves_the_gradient_whole(processor):
    torch.manual_seed(0)
    layer = Linear4bit(nn.Linear(64, 33))

    def gradient():
        x = torch.ones(2, 64, requires_grad=True)
        layer.train()(x)[:, 5].sum().backward()
        return x.grad

    before = gradient()
    with torch.no_grad():
        layer.eval()(torch.ones(2, 64))
    assert torch.equal(gradient(), before)
    assert torch.allclose(before[0], layer.dequantized()[5], atol=1e-6)


@pytest.mark.parametrize("shape", [(64, 64), (32, 32), (10, 7)])  # in, out
@pytest.mark.parametrize("adopted", [False, True], ids=["made", "loaded"])
def test_a_prediction_is_exact_and_leaves_the_weights_as_they_are(processor, adopted, shape):
    torch.manual_seed(0)
    source = nn.Linear(*shape)
    layer = loaded(source) if adopted else Linear4bit(source)
    adopt_4bit_layers(layer)
    assert type(layer) is Linear4bit and layer.support_avx512bf16_for_cpu == processor
    before, weight, x = state_of(layer), layer.dequantized(), torch.randn(3, shape[0])
    with torch.inference_mode():
        found = layer.eval()(x)
    # fp32 as asked: a product in bf16 is off by some 1e-2
    assert found.dtype == torch.float32
    assert torch.allclose(found, x @ weight.T + source.bias, atol=1e-5)
    after = state_of(layer)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(layer.dequantized(), weight)


def test_what_its_input_is_in_or_autocast_says_is_what_it_computes_in(processor):
    layer = Linear4bit(nn.Linear(64, 32)).eval()
    x = torch.randn(2, 64)
    with torch.no_grad():
        assert layer(x.bfloat16()).dtype == torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
        assert layer(x).dtype == torch.float32
    assert layer.bias.dtype == torch.float32


def test_other_layers_are_left_alone():
    model = nn.Sequential(nn.Linear(4, 4), loaded(nn.Linear(64, 64)))
    adopt_4bit_layers(model)
    assert [type(layer) for layer in model] == [nn.Linear, Linear4bit]
