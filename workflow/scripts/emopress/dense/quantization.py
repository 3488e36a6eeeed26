"""Quantizes a matrix of weights to 2 to 8 bits, and tells what that did to it.

Uniform affine quantization: weight = scale * (code - zero_point), codes from 0 to 2**bits - 1 (Jacob et
al. 2018, "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
section 2.1). The range that the codes span is the whole distribution of the weights, or what is left
between two percentiles of it; the weights beyond are clipped (Wu, Judd, Zhang, Isaev, Micikevicius
2020, "Integer quantization for deep learning inference", section 3.3, for activations).
"""

from typing import Any, NamedTuple

import numpy as np

from emopress.runtime.codes import dequantize

HISTOGRAM_BINS = 16


class Quantized(NamedTuple):
    """A matrix as uint8 codes of its shape; weight = scale * (code - zero_point)."""

    codes: np.ndarray
    scale: float
    zero_point: int
    bits: int

    @property
    def weights(self) -> np.ndarray:
        """What the codes stand for, float32."""
        return dequantize(self.codes, self.scale, self.zero_point)


def weight_range(weights: np.ndarray, *, symmetric: bool, percentile: float) -> tuple[float, float]:
    """Return the range [low, high] that the codes of some weights shall span; 0 lies within.

    About 100 - percentile % of the weights lie outside; 100 is min-max. Symmetric: the percentile of
    the magnitudes, on either side of 0. Else each tail gets half of what is cut off. Percentiles
    between two weights are interpolated linearly.
    """
    if symmetric:
        reach = float(np.percentile(np.abs(weights), percentile))
        return -reach, reach
    tail = (100 - percentile) / 2
    low, high = np.percentile(weights, [tail, 100 - tail])
    return min(float(low), 0.0), max(float(high), 0.0)


def quantize(weights: np.ndarray, *, bits: int, low: float, high: float) -> Quantized:
    """Round weights to `bits`-bit codes that span [low, high]; what lies beyond is clipped.

    Where low = -high, the codes do so too: 2**bits - 1 of them, from 0 to 2**bits - 2, around a zero
    point in their middle. Else all 2**bits are used, and the zero point is rounded, so that 0 stays
    exactly 0. Halves are rounded to the even neighbour. ValueError if the range is empty although some
    weight is not 0.
    """
    if high <= low:
        if np.any(weights):
            raise ValueError("the range is empty, and all weights would become 0")
        low, high = -1.0, 1.0
    last = 2**bits - 2 if low == -high else 2**bits - 1
    # A scale is stored as float32: codes are rounded with the value that they will be read with.
    scale = float(np.float32((high - low) / last))
    zero_point = int(np.clip(np.round(-low / scale), 0, last))
    codes = np.clip(np.round(weights / scale) + zero_point, 0, last).astype(np.uint8)
    return Quantized(codes, scale, zero_point, bits)


def told(weights: np.ndarray, found: Quantized, *, low: float, high: float) -> dict[str, Any]:
    """Return what quantization did to a layer: plain numbers for `bundle.json`.

    `clipped_share` of the weights lay outside [low, high]; `mean_squared_error` is over all weights,
    `signal_to_noise_db` their mean square over it (10 log10; null if nothing was lost); `histogram`
    counts the weights before and after in equal bins between `edges`.
    """
    return {
        "bits": found.bits,
        "low": low,
        "high": high,
        "scale": found.scale,
        "zero_point": found.zero_point,
        "clipped_share": float(np.mean((weights < low) | (weights > high))),
        "zero_share": float(np.mean(found.codes == found.zero_point)),
        **moved(weights, found.weights),
    }


def moved(before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """Return how far values are from what they were: mean_squared_error, signal_to_noise_db and histogram."""
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
