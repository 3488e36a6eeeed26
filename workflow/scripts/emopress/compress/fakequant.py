"""Fake quantization: values rounded to what int8 or int4 can hold, in fp32 and with gradients.

Scales and zero points are those of ONNX Runtime's quantizers, so that conversion changes nothing.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RANGES = "quantizers.safetensors"  # int8: the range [lower, upper] of each layer's input
REFERENCE = "reference.safetensors"  # texts as token ids, and the fake-quantized model's logits
LEVELS = 255  # of an unsigned 8-bit integer
LARGEST_INT8 = 127
SMALLEST_NORMAL = torch.finfo(torch.float32).tiny
# Adam moves a parameter by about the learning rate at each step. A range parametrised to be as
# large as a typical weight (BERT's initial standard deviation) is trained at a weight's pace.
TYPICAL_WEIGHT = 0.02
NARROWEST = 1e-3  # of the first range; a range cannot vanish
MOMENTUM = 0.99


def affine_parameters(lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """Return (scale, zero point), fp32 scalars, of unsigned 8 bits over [lower, upper] and zero.

    Zero is always among the levels (Jacob et al. 2018, section 2.1). A range of zero width gets
    scale 1.
    """
    low, high = lower.double().clamp(max=0), upper.double().clamp(min=0)
    scale = (high - low) / LEVELS
    empty = scale < SMALLEST_NORMAL
    zero_point = torch.where(empty, 0.0, torch.round(-low / torch.where(empty, 1.0, scale)))
    return torch.where(empty, 1.0, scale).float(), zero_point.float()


class _FakeQuantizeAffine(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, lower: Tensor, upper: Tensor, share: float) -> Tensor:
        scale, zero_point = affine_parameters(lower, upper)
        ctx.save_for_backward(x, scale, zero_point)
        ctx.share = share
        levels = torch.round(x / scale) + zero_point
        return (levels.clamp(0, LEVELS) - zero_point) * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        (gradient,) = gradients
        x, scale, zero_point = ctx.saved_tensors
        exact = x / scale
        rounded = torch.round(exact)
        levels = rounded + zero_point
        below, above = levels < 0, levels > LEVELS
        inside = ~(below | above)
        to_input = gradient * inside
        if not ctx.needs_input_grad[1]:
            return to_input, None, None, None
        # One matrix of errors serves both bounds: what widens the range upwards by one unit
        # moves every level by its share of the range.
        error = (to_input * (rounded - exact)).sum() / LEVELS
        to_lower = ctx.share * ((gradient * below).sum() - error)
        to_upper = ctx.share * ((gradient * above).sum() + error)
        return to_input, to_lower, to_upper, None


def fake_quantize_affine(
    x: Tensor, lower: Tensor, upper: Tensor, *, gradient_share: float = 1.0
) -> Tensor:
    """Return `x` rounded to the 256 levels of [lower, upper], in fp32 whatever autocast does.

    Gradients are straight-through (Bengio et al. 2013): inside the range x gets the output's, beyond
    it none. The bounds get LSQ+'s (Bhalgat et al. 2020, section 3.1), written for scale =
    (upper - lower) / 255 and offset = lower: with r the rounding error in levels, inside
    d/d upper = r / 255 and d/d lower = -r / 255; above, 1 and 0; below, 0 and 1. They are multiplied
    by `gradient_share`.
    """
    return _FakeQuantizeAffine.apply(x.float(), lower, upper, gradient_share)  # type: ignore[no-untyped-call]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, quantized: Tensor) -> Tensor:
        return quantized

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(weight: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized`; its gradient goes to `weight` unchanged (Bengio et al. 2013)."""
    return _StraightThrough.apply(weight, quantized)  # type: ignore[no-untyped-call]


@torch.no_grad()
def round_int8(weight: Tensor, *, per_channel: bool) -> Tensor:
    """Return `weight` [out, in] rounded to signed int8 times a scale of largest magnitude / 127.

    One scale per row (output channel) or one for all; a row of zeros stays as it is.
    """
    weight = weight.float()
    largest = weight.abs().amax(1, keepdim=True) if per_channel else weight.abs().amax()
    scale = (largest.double() / LARGEST_INT8).float()
    scale = torch.where(scale < SMALLEST_NORMAL, 1.0, scale)
    return torch.round(weight / scale).clamp(-LARGEST_INT8, LARGEST_INT8) * scale


@torch.no_grad()
def round_blocks(weight: Tensor, *, bits: int, block_size: int) -> Tensor:
    """Return `weight` [rows, columns] rounded to signed integers times a scale per block of a row.

    As ONNX Runtime's MatMulNBits and GatherBlockQuantized, symmetric: a block's value of largest
    magnitude becomes -2**(bits - 1), so its scale may be negative and one more level is used.
    """
    weight, middle = weight.float(), 2 ** (bits - 1)
    rows, columns = weight.shape
    blocks = F.pad(weight, (0, -columns % block_size)).view(rows, -1, block_size)
    low, high = blocks.amin(2, keepdim=True), blocks.amax(2, keepdim=True)
    scale = torch.where(high > -low, high, low) / -middle
    scale = torch.where(scale == 0, 1.0, scale)
    rounded = torch.round(blocks / scale).clamp(-middle, middle - 1) * scale
    return rounded.view(rows, -1)[:, :columns].contiguous()


class Int8Weight(nn.Module):
    """Parametrization of a Linear's weight: fake int8."""

    def __init__(self, *, per_channel: bool) -> None:
        super().__init__()
        self.per_channel = per_channel

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weight."""
        return straight_through(weight, round_int8(weight, per_channel=self.per_channel))


class Int4Weight(nn.Module):
    """Parametrization of a Linear's weight: fake int4 in blocks along the inputs."""

    def __init__(self, *, block_size: int) -> None:
        super().__init__()
        self.block_size = block_size

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weight."""
        return straight_through(weight, round_blocks(weight, bits=4, block_size=self.block_size))


class ActivationRange(nn.Module):
    """Fake uint8 for one activation, with a range that is trained or observed.

    `learned`: both bounds are parameters (LSQ: Esser et al. 2020; LSQ+: Bhalgat et al. 2020).
    `observed`: moving averages of the training batches' extremes (Jacob et al. 2018, section 3.1),
    fixed at evaluation. While `calibrating` is set, inputs pass unchanged and widen the range
    (min-max); `begin` then starts from it.
    """

    bounds: Tensor
    width: Tensor
    seen: Tensor

    def __init__(self, mode: str) -> None:
        super().__init__()
        if mode not in ("learned", "observed"):
            raise ValueError(f"unknown kind of activation ranges {mode!r}")
        self.learned = mode == "learned"
        self.calibrating = False
        if self.learned:
            self.bounds = nn.Parameter(torch.zeros(2))
        else:
            self.register_buffer("bounds", torch.zeros(2))
        self.register_buffer("width", torch.zeros(()))  # of the first range
        self.register_buffer("seen", torch.zeros(2), persistent=False)

    @torch.no_grad()
    def begin(self) -> None:
        """End calibration: the range becomes what was seen, zero included."""
        self.calibrating = False
        self.width.copy_((self.seen[1] - self.seen[0]).clamp(min=1e-6))
        self.bounds.copy_(self.seen / self._unit())

    def range(self) -> tuple[Tensor, Tensor]:
        """Return (lower, upper), not narrower than a least width, which gradients ignore."""
        lower, upper = self.bounds.float() * self._unit()
        least = lower.clamp(max=0) + NARROWEST * self.width
        return lower, upper + (least - upper).clamp(min=0).detach()

    def forward(self, x: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the rounded `x`; `real` [B, T] says which tokens are not padding."""
        if self.calibrating:
            self.seen.copy_(_widened(self.seen, x))
            return x
        if not self.learned and self.training:
            now = _widened(torch.zeros_like(self.seen), x[real] if real is not None else x)
            self.bounds.lerp_(now, 1 - MOMENTUM)
        lower, upper = self.range()
        # LSQ, section 2.2: the sum over a text's values would dwarf the gradients of the weights.
        share = (x[0].numel() * LEVELS) ** -0.5
        return fake_quantize_affine(x, lower, upper, gradient_share=share)

    def _unit(self) -> Tensor:
        return self.width / TYPICAL_WEIGHT if self.learned else torch.ones_like(self.width)


@torch.no_grad()
def _widened(bounds: Tensor, x: Tensor) -> Tensor:
    low, high = x.detach().float().aminmax()
    return torch.stack([torch.minimum(bounds[0], low), torch.maximum(bounds[1], high)])
