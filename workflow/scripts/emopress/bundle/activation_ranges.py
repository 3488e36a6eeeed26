"""The ranges of activations on calibration texts: min-max, percentile or entropy, independent of the texts' order.

ONNX Runtime's calibrators are not used: in strides their entropy depends on which texts come first, in one
pass it equals min-max (its histogram has as many bins as codes), and their percentile is of magnitudes, so
that it cuts the longer side alone. Here texts run one at a time, and what they add up to are whole numbers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tqdm import tqdm

from emopress.bundle.calibration import Feed
from emopress.errors import UserError

if TYPE_CHECKING:
    from emopress.entries.quantize import StaticCalibration

Range = tuple[float, float]
BINS = 8192  # of the histograms that entropy reads
LEVELS = 256  # of an unsigned 8-bit integer
NEARER, ENDS = 0.95, 64  # entropy tries an end at this share of itself, and again: down to 4 %
HALF = 16  # bits of a float32 that one pass counts by


class Activations:
    """The values of some tensors of a graph on some texts; they can be iterated several times.

    `feeds` run one by one (padding would widen ranges) and unoptimized, so that no tensor is fused away.
    """

    def __init__(
        self, model: Path, tensors: Sequence[str], feeds: Sequence[Feed], *, threads: int
    ) -> None:
        self.tensors, self.feeds = list(tensors), feeds
        if not tensors:
            return
        graph = onnx.load(model)
        del graph.graph.output[:]
        graph.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in tensors
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def text_by_text(self, what: str) -> Iterator[dict[str, np.ndarray]]:
        """Yield the values, flat float32, by tensor for each text; UserError for one that is not finite."""
        if not self.tensors:
            return
        bar = tqdm(self.feeds, desc=f"calibration: {what}", unit="text", mininterval=2.0)
        for feed in bar:
            activations = dict(zip(self.tensors, self.session.run(self.tensors, feed), strict=True))
            for name, values in activations.items():
                if not np.isfinite(values).all():
                    raise UserError(
                        f"calibration: {name} is not finite on a text; is the parent intact?"
                    )
            yield {name: np.ravel(values) for name, values in activations.items()}


def activation_ranges(
    seen: Activations, calibration: "StaticCalibration", *, symmetric: bool
) -> dict[str, Range]:
    """Return the range (low, high) of each tensor as config entry `calibration` asks, 0 within it.

    minmax: from the smallest to the largest value. percentile: that share of the values, in %, lies within;
    each tail loses half of the rest, to the number that numpy.percentile gives. entropy: the range
    that `least_divergence` finds. Symmetric: the same of the magnitudes, on either side of 0.
    """
    if calibration.method == "minmax":
        ranges = extremes(seen)
    elif calibration.method == "percentile":
        percentile = calibration.percentile
        tail = (100 - percentile) / 2
        shares = [percentile / 100] if symmetric else [tail / 100, (100 - tail) / 100]
        quantiles = exact_quantiles(seen, shares, magnitudes=symmetric)
        ranges = {name: (values[0], values[-1]) for name, values in quantiles.items()}
    else:
        ranges = _entropy(seen, symmetric=symmetric)
    if symmetric:
        reach = {name: max(abs(low), abs(high)) for name, (low, high) in ranges.items()}
        return {name: (-most, most) for name, most in reach.items()}
    return {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in ranges.items()}


def extremes(seen: Activations) -> dict[str, Range]:
    """Return the smallest and the largest value of each tensor."""
    bounds = {name: (np.inf, -np.inf) for name in seen.tensors}
    for text in seen.text_by_text("extremes"):
        for name, values in text.items():
            low, high = bounds[name]
            bounds[name] = min(low, float(values.min())), max(high, float(values.max()))
    return bounds


def exact_quantiles(
    seen: Activations, shares: Sequence[float], *, magnitudes: bool = False
) -> dict[str, list[float]]:
    """Return the quantiles of each tensor's values (or magnitudes), interpolated as numpy.quantile does.

    Two passes of counting, however many values there are: float32 numbers are ordered as their bits are.
    The first counts by the upper half of the bits and finds in which half each wanted value lies; the
    second counts the lower halves of those.
    """
    coarse = {name: np.zeros(2**HALF, dtype=np.int64) for name in seen.tensors}
    for text in seen.text_by_text("percentile, 1 of 2"):
        for name, values in text.items():
            upper = _ordered_bits(values, magnitudes) >> HALF
            coarse[name] += np.bincount(upper, minlength=2**HALF)
    ends = {name: counts.cumsum() for name, counts in coarse.items()}
    places = {name: _places(int(end[-1]), shares) for name, end in ends.items()}
    fine = {
        name: {
            int(np.searchsorted(ends[name], rank, side="right")): np.zeros(2**HALF, dtype=np.int64)
            for lower, upper, _ in ranks
            for rank in (lower, upper)
        }
        for name, ranks in places.items()
    }
    for text in seen.text_by_text("percentile, 2 of 2"):
        for name, values in text.items():
            bits = _ordered_bits(values, magnitudes)
            for half, counts in fine[name].items():
                inside = bits[bits >> HALF == half] & (2**HALF - 1)
                counts += np.bincount(inside, minlength=2**HALF)

    def value(name: str, rank: int) -> float:
        half = int(np.searchsorted(ends[name], rank, side="right"))
        before = int(ends[name][half] - coarse[name][half])
        low = int(np.searchsorted(fine[name][half].cumsum(), rank - before, side="right"))
        return _value_of(half << HALF | low)

    return {
        name: [
            float(value(name, lower) * (1 - part) + value(name, upper) * part)
            for lower, upper, part in ranks
        ]
        for name, ranks in places.items()
    }


def _places(size: int, shares: Sequence[float]) -> list[tuple[int, int, float]]:
    """Return for each share the ranks of the two values around it, and how far it is from the first."""
    exact = [share * (size - 1) for share in shares]
    return [(int(at), min(int(at) + 1, size - 1), at - int(at)) for at in exact]


def _ordered_bits(values: np.ndarray, magnitudes: bool) -> np.ndarray:
    """Return float32 values (or their magnitudes) as uint32 numbers in the same order."""
    bits = (np.abs(values) if magnitudes else values).astype(np.float32).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _value_of(bits: int) -> float:
    """Undo `_ordered_bits`."""
    plain = bits ^ 1 << 31 if bits >> 31 else ~bits & 0xFFFFFFFF
    return float(np.array(plain, dtype=np.uint32).view(np.float32))


def _entropy(seen: Activations, *, symmetric: bool) -> dict[str, Range]:
    """Return the range of least divergence of each tensor, of magnitudes if symmetric."""
    spans = {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in extremes(seen).items()}
    if symmetric:
        spans = {name: (0.0, max(-low, high)) for name, (low, high) in spans.items()}
    counts = {name: np.zeros(BINS, dtype=np.int64) for name in seen.tensors}
    for text in seen.text_by_text("histograms"):
        for name, values in text.items():
            shown = np.abs(values) if symmetric else values
            counts[name] += np.histogram(shown, bins=BINS, range=spans[name])[0]
    levels = LEVELS // 2 if symmetric else LEVELS
    bar = tqdm(spans.items(), desc="calibration: search", unit="tensor", mininterval=2.0)
    return {name: least_divergence(counts[name], *span, levels=levels) for name, span in bar}


def least_divergence(counts: np.ndarray, low: float, high: float, *, levels: int) -> Range:
    """Return the part of [low, high] that loses the least information when it is cut into `levels`.

    counts: whole numbers of a histogram of equal bins over [low, high], which holds 0 and so does what is
    returned. The measure is `divergence` (Migacz 2017, "8-bit inference with TensorRT", there of
    magnitudes). Either end is tried where it is and at ENDS places, each nearer to 0 by the factor
    NEARER than the one before, with every place of the other end; of equal parts the widest is taken.
    """
    if high <= low:
        return low, high
    width = (high - low) / len(counts)
    zero = min(round(-low / width), len(counts))
    factors = NEARER ** np.arange(ENDS + 1)
    starts = dict.fromkeys((zero - np.ceil(zero * factors).astype(int)).tolist())
    stops = dict.fromkeys((zero + np.ceil((len(counts) - zero) * factors).astype(int)).tolist())
    pairs = [(start, stop) for start in starts for stop in stops if stop - start >= levels]
    start, stop = min(  # the first of equals
        sorted(pairs, key=lambda pair: pair[0] - pair[1]),
        key=lambda pair: divergence(counts, pair[0], pair[1], levels),
    )
    edges = np.linspace(low, high, len(counts) + 1)
    return min(float(edges[start]), 0.0), max(float(edges[stop]), 0.0)


def divergence(counts: np.ndarray, start: int, stop: int, levels: int) -> float:
    """Return KL(P || Q) in nats of a histogram that is cut to the bins start to stop - 1.

    P: what lies outside counts in the outermost bin. Q: what lies inside is merged to `levels` of equal
    width, each of them spread evenly over those of its bins where P is not 0; where only what was
    outside makes P so, as half a value, or one outlier would forbid every cut.
    """
    inside = counts[start:stop].astype(np.float64)
    reference = inside.copy()
    reference[0] += counts[:start].sum()
    reference[-1] += counts[stop:].sum()
    filled = reference > 0
    firsts = np.arange(levels) * len(inside) // levels
    sums, bins = np.add.reduceat(inside, firsts), np.add.reduceat(filled.astype(float), firsts)
    level = np.repeat(sums / np.maximum(bins, 1), np.diff([*firsts, len(inside)]))
    p, q = reference[filled], np.maximum(level[filled], 0.5)
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log(p / q)).sum())
