"""Rounds LSTM weights and activations to 2 to 8 bits, and measures what that did to their distributions.

Weights: weight = scale * (code - zero_point), symmetric, with a scale per neuron (a column of the matrix), and
in a table of vectors one per row.
Activations: the same with one scale and a zero point for a whole tensor, asymmetric, fixed on calibration texts
(Jacob et al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
section 2.1; Wu, Judd, Zhang, Isaev, Micikevicius 2020, "Integer quantization for deep learning inference",
sections 3.2 and 3.3), or found for every text when it is read (dynamic quantization).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from emopress.bundle.affine import next_half, rounding_error, weight_range


@dataclass(frozen=True)
class Columns:
    """A matrix of weights [d, n] as uint8 codes of `bits` bits, with a float32 scale per column [n].

    A table's scales are per row, [d, 1], and are numbers that float16 holds.
    """

    codes: np.ndarray
    scales: np.ndarray
    bits: int

    @property
    def zero_point(self) -> int:
        """The code of weight 0, in the middle of the 2**bits - 1 that are used."""
        return last_step(self.bits)

    @property
    def centred(self) -> np.ndarray:
        """The codes less their zero point, whole numbers as float32 [d, n]."""
        return self.codes.astype(np.float32) - np.float32(self.zero_point)

    @property
    def weights(self) -> np.ndarray:
        """What the codes stand for, float32 [d, n]."""
        return self.centred * self.scales


@dataclass(frozen=True)
class Activation:
    """How a tensor of activations is rounded: value = scale * (code - zero_point), codes of `bits` bits."""

    scale: float
    zero_point: int
    bits: int

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Return the uint8 codes of some values; halves go to the even neighbour, ends are clipped."""
        rounded = np.rint(values.astype(np.float32) / np.float32(self.scale)) + self.zero_point
        return np.clip(rounded, 0, 2**self.bits - 1).astype(np.uint8)

    def centred(self, values: np.ndarray) -> np.ndarray:
        """Return the codes of some values less the zero point, whole numbers as float32."""
        return self.codes(values).astype(np.float32) - np.float32(self.zero_point)

    def values(self, values: np.ndarray) -> np.ndarray:
        """Return some values as they are after rounding, float32."""
        return self.centred(values) * np.float32(self.scale)

    def clipped_share(self, values: np.ndarray) -> float:
        """Return the share of some values that lies beyond the range of the codes."""
        low = (-self.zero_point - 0.5) * self.scale
        high = (2**self.bits - 1 - self.zero_point + 0.5) * self.scale
        return float(np.mean((values < low) | (values > high)))


@dataclass(frozen=True)
class RunTime:
    """How activations are rounded to 8 bits over a range of their own: from their smallest to their largest, and 0.

    What ONNX Runtime's DynamicQuantizeLSTM does when it is given one text: to all its vectors at once, and to the
    state of each step.
    """

    bits: ClassVar[int] = 8

    def values(self, values: np.ndarray) -> np.ndarray:
        """Return some values [N, ...] as they are after rounding, float32; each of the N has a range of its own."""
        axes, last = tuple(range(1, values.ndim)), np.float32(2**self.bits - 1)
        low = np.minimum(values.min(axis=axes, keepdims=True), np.float32(0))
        high = np.maximum(values.max(axis=axes, keepdims=True), np.float32(0))
        scale = np.where(high > low, (high - low) / last, np.float32(1))
        zero_point = np.clip(np.rint(-low / scale), 0, last)
        rounded: np.ndarray = np.clip(np.rint(values / scale) + zero_point, 0, last) - zero_point
        return rounded * scale

    def clipped_share(self, values: np.ndarray) -> float:
        """Return 0: every value lies in the range."""
        return 0.0


Rounding = Activation | RunTime
# The state of an LSTM, sigmoid times tanh, lies between -1 and 1 whatever it reads.
STATE = Activation(scale=1 / 127, zero_point=128, bits=8)


def last_step(bits: int) -> int:
    """Return how many codes of `bits` bits lie on either side of 0: 2**(bits - 1) - 1."""
    return int(2 ** (bits - 1) - 1)


def column_scales(weights: np.ndarray, *, bits: int, percentile: float) -> np.ndarray:
    """Return the scale of each column of weights [d, n], float32 [n].

    The outermost code stands for the percentile of the column's magnitudes (100: the largest). A column
    whose percentile is 0 has scale 1: what else it holds is clipped to 0 or to that.
    """
    reach = np.percentile(np.abs(weights), percentile, axis=0)
    scales: np.ndarray = np.where(reach > 0, reach / last_step(bits), 1.0).astype(np.float32)
    return scales


def steps(ratios: np.ndarray, bits: int) -> np.ndarray:
    """Return the nearest steps of the alphabet {-K, ..., 0, ..., K}, K = 2**(bits - 1) - 1, of weight / scale."""
    reach = last_step(bits)
    nearest: np.ndarray = np.clip(np.rint(ratios), -reach, reach)
    return nearest


def as_columns(chosen: np.ndarray, scales: np.ndarray, bits: int) -> Columns:
    """Return steps of the alphabet [d, n] as stored codes."""
    return Columns((chosen + last_step(bits)).astype(np.uint8), scales, bits)


def round_to_nearest(weights: np.ndarray, *, bits: int, percentile: float) -> Columns:
    """Round each weight to the nearest code of its column."""
    scales = column_scales(weights, bits=bits, percentile=percentile)
    return as_columns(steps(weights / scales, bits), scales, bits)


def round_table(vectors: np.ndarray, *, bits: int, percentile: float) -> Columns:
    """Round each value of a table of vectors [rows, d] to the nearest code of its row.

    A scale is the next larger one that float16 holds, which clips nothing; the largest is 65504.
    """
    exact = column_scales(vectors.T, bits=bits, percentile=percentile)[:, None]
    scales = next_half(np.minimum(exact, np.finfo(np.float16).max))
    return as_columns(steps(vectors / scales, bits), scales, bits)


def activation_of(values: np.ndarray, *, bits: int, percentile: float) -> Activation:
    """Return how activations like these [N, d] are rounded.

    The codes span what lies between two percentiles of the values, each tail losing half of 100 -
    percentile % (100: min-max), and 0, which stays exactly 0.
    """
    low, high = weight_range(values, symmetric=False, percentile=percentile)
    if high <= low:
        low, high = -1.0, 1.0
    last = 2**bits - 1
    scale = float(np.float32((high - low) / last))
    return Activation(scale, int(np.clip(np.rint(-low / scale), 0, last)), bits)


def kolmogorov_smirnov(before: np.ndarray, after: np.ndarray) -> float:
    """Return the two-sample Kolmogorov-Smirnov statistic, the largest gap of the distribution functions."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(before.ravel(), after.ravel(), method="asymp").statistic)


def compared(
    before: np.ndarray, after: np.ndarray, *, bits: int, percentile: float, clipped: float
) -> dict[str, Any]:
    """Return what quantization did to a tensor, in the shape of `bundle.affine.quantization_facts`.

    `clipped`: the share of values beyond the range of the codes. `kolmogorov_smirnov` compares the
    two distributions: 0 the same, 1 apart.
    """
    return {
        "bits": bits,
        "percentile": percentile,
        "clipped_share": clipped,
        "zero_share": float(np.mean(after == 0)),
        "kolmogorov_smirnov": kolmogorov_smirnov(before, after),
        **rounding_error(before, after),
    }


def weight_facts(before: np.ndarray, quantized: Columns, percentile: float) -> dict[str, Any]:
    """Return what quantization did to a matrix of weights; clipped are those beyond the outermost step."""
    reach = last_step(quantized.bits) * quantized.scales.astype(np.float64)
    # Half an ulp above the largest magnitude is rounding of the scale, not clipping.
    clipped = float(np.mean(np.abs(before) > reach * (1 + 1e-6)))
    return compared(
        before, quantized.weights, bits=quantized.bits, percentile=percentile, clipped=clipped
    )


def activation_facts(
    before: np.ndarray, after: np.ndarray, rounding: Rounding, percentile: float
) -> dict[str, Any]:
    """Return what quantization did to activations [N, d]; clipped are original values beyond the codes' range.

    `after` are those of the quantized network, rounded, so their error is that of all before them too.
    """
    clipped = rounding.clipped_share(before)
    return compared(before, after, bits=rounding.bits, percentile=percentile, clipped=clipped)
