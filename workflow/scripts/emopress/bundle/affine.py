"""Quantizes a matrix of weights to 2 to 8 bits, and measures the error.

Uniform affine quantization: weight = scale * (code - zero_point), codes from 0 to 2**bits - 1 (Jacob et
al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
section 2.1). The range that the codes span is the whole distribution of the weights, of a layer or of a
table's row, or what is left between two percentiles of it; the weights beyond are clipped (Wu, Judd,
Zhang, Isaev, Micikevicius 2020, "Integer quantization for deep learning inference", section 3.3, for
activations).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from emopress.runtime.codes import dequantize

HISTOGRAM_BINS = 16


class Quantized(NamedTuple):
    """A matrix as uint8 codes of its shape; weight = scale * (code - zero_point).

    Scale and zero point are of the whole matrix, or arrays [rows, 1] with one of each row.
    """

    codes: np.ndarray
    scale: Any
    zero_point: Any
    bits: int

    @property
    def weights(self) -> np.ndarray:
        """What the codes stand for, float32."""
        return dequantize(self.codes, self.scale, self.zero_point)


def weight_range(
    weights: np.ndarray, *, symmetric: bool, percentile: float, by_row: bool = False
) -> tuple[Any, Any]:
    """Return the range (low, high) that the codes of some weights shall span; 0 lies within.

    About 100 - percentile % of the weights lie outside; 100 is min-max. Symmetric: the percentile of
    the magnitudes, on either side of 0. Else each tail gets half of what is cut off. Percentiles
    between two weights are interpolated linearly. `by_row`: the ranges of the rows, [rows, 1] each.
    """
    axis = 1 if by_row else None
    tail = (100 - percentile) / 2
    if symmetric:
        high = np.percentile(np.abs(weights), percentile, axis=axis, keepdims=by_row)
        low = -high
    else:
        low, high = np.percentile(weights, [tail, 100 - tail], axis=axis, keepdims=by_row)
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    return (low, high) if by_row else (float(low), float(high))


def next_half(values: np.ndarray) -> np.ndarray:
    """Return positive numbers as float32, each rounded up to a number that float16 holds.

    ValueError for one that is larger than all of them, 65504.
    """
    largest = np.finfo(np.float16).max
    if np.any(values > largest):
        raise ValueError(f"a scale of {float(np.max(values)):.3g} is beyond float16")
    halves = values.astype(np.float16)
    return np.where(halves < values, np.nextafter(halves, largest), halves).astype(np.float32)


def next_eighth(values: np.ndarray) -> np.ndarray:
    """Return positive numbers as float32, each rounded up to a number that float8 holds (E5M2), a quarter more at most.

    ValueError for one that is larger than all of them, 57344.
    """
    upper = (next_half(values).astype(np.float16).view(np.uint16) + np.uint16(0xFF)) >> 8
    eighths = (upper << 8).view(np.float16).astype(np.float32)
    if not np.all(np.isfinite(eighths)):
        raise ValueError(f"a scale of {float(np.max(values)):.3g} is beyond float8")
    return eighths


def quantize(
    weights: np.ndarray,
    *,
    bits: int,
    low: Any,
    high: Any,
    stored: Callable[[np.ndarray], np.ndarray] = next_half,
) -> Quantized:
    """Round weights to `bits`-bit codes that span [low, high]; what lies beyond is clipped.

    Numbers: one range for all. Arrays [rows, 1]: one for each row, whose scale is a number that its file holds,
    the next larger one (`stored`). Where low = -high, the codes do so too: 2**bits - 1 of them, from 0 to
    2**bits - 2, around a zero point in their middle. Else all 2**bits are used, and the zero point is
    rounded, so that 0 stays exactly 0. Halves are rounded to the even neighbour. ValueError if a range
    is empty although some weight of it is not 0, or too wide for float16.
    """
    empty = np.asarray(high <= low)
    if np.any(weights[np.broadcast_to(empty, weights.shape)]):
        raise ValueError("the range is empty, and all weights would become 0")
    low, high = np.where(empty, -1.0, low), np.where(empty, 1.0, high)
    last = np.where(low == -high, 2**bits - 2, 2**bits - 1)
    # A scale is stored in few bits: codes are rounded with the value that they will be read with.
    scale = stored((high - low) / last) if low.ndim else np.float32((high - low) / last)
    middle = np.where(low == -high, last / 2, -low / scale)
    zero_point = np.clip(np.round(middle), 0, last).astype(np.uint8)
    codes = np.clip(np.round(weights / scale) + zero_point, 0, last).astype(np.uint8)
    if low.ndim:
        return Quantized(codes, scale, zero_point, bits)
    return Quantized(codes, float(scale), int(zero_point), bits)


def quantization_facts(
    weights: np.ndarray, quantized: Quantized, *, low: Any, high: Any
) -> dict[str, Any]:
    """Return what quantization did to a layer: plain numbers for `bundle.json`.

    Of rows with ranges of their own the outermost `low` and `high`, the medians of scale and zero point.
    `clipped_share` of the weights lay outside [low, high]; `mean_squared_error` is over all weights,
    `signal_to_noise_db` their mean square over it (10 log10; null if nothing was lost); `histogram`
    counts the weights before and after in equal bins between `edges`.
    """
    return {
        "bits": quantized.bits,
        "low": float(np.min(low)),
        "high": float(np.max(high)),
        "scale": float(np.median(quantized.scale)),
        "zero_point": int(np.median(quantized.zero_point)),
        "clipped_share": float(np.mean((weights < low) | (weights > high))),
        "zero_share": float(np.mean(quantized.codes == quantized.zero_point)),
        **rounding_error(weights, quantized.weights),
    }


def rounding_error(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Return how far values are from the original ones: mean_squared_error, signal_to_noise_db and histogram."""
    error = float(np.mean(np.square(after.astype(np.float64) - before)))
    power = float(np.mean(np.square(before, dtype=np.float64)))
    # Rounding may carry an outer code half a step beyond what the values span.
    low, high = float(min(before.min(), after.min())), float(max(before.max(), after.max()))
    span = (low, high) if low < high else (-1.0, 1.0)
    counts = [
        np.histogram(values, bins=HISTOGRAM_BINS, range=span)[0].tolist()
        for values in (before, after)
    ]
    return {
        "mean_squared_error": error,
        "signal_to_noise_db": 10 * float(np.log10(power / error)) if error and power else None,
        "histogram": {"edges": list(span), "before": counts[0], "after": counts[1]},
    }
