"""Convolutions over word vectors, pooled over a text, and a matrix: the arithmetic of a conv model, in numpy alone."""

from collections.abc import Callable, Sequence

import numpy as np

from emopress.runtime.layers_file import Layer

MAX, MEAN, BOTH = "max", "mean", "max+mean"  # what is kept of a filter's values over a text
ZERO = np.float32(0)


def beside(kernel: int) -> tuple[int, int]:
    """Return how many vectors of zeros stand before and after a text for a kernel over `kernel` tokens.

    So a filter has one value at each token; where `kernel` is even the one more stands after the text.
    """
    return (kernel - 1) // 2, kernel // 2


class Network:
    """Maps the token ids of one text to its logits, float32, with a few calls of numpy.

    All filters are one matrix over the widest kernel: shorter ones have zeros at its ends. Their biases are the
    weights of a 1 that every vector ends with, of the filter's own token.
    """

    def __init__(self, layers: Sequence[Layer], *, pooling: str, max_length: int) -> None:
        vectors, *kernels, output = layers
        rows, width = vectors.matrix.shape
        sizes = [kernel.matrix.shape[1] // width for kernel in kernels]
        before, after = map(max, zip(*map(beside, sizes), strict=True))
        self.table = np.zeros(
            (rows + 1, width + 1), dtype=np.float32
        )  # the last row: beside a text
        self.table[:rows, :width], self.table[:rows, width] = vectors.weights(), 1
        filters = []
        for kernel, size in zip(kernels, sizes, strict=True):
            count, first = len(kernel.matrix), before - beside(size)[0]
            places = np.zeros((before + 1 + after, width + 1, count), dtype=np.float32)
            weights = kernel.weights().reshape(count, size, width)
            places[first : first + size, :width] = weights.transpose(1, 2, 0)
            places[before, width] = kernel.bias
            filters.append(places.reshape(-1, count))
        self.filters = np.concatenate(filters, axis=1)
        self.output = np.ascontiguousarray(output.weights().T)
        self.bias: np.ndarray = np.asarray(output.bias)
        self.before, self.after = np.full(before, rows), np.full(after, rows)
        self.windows = np.arange(max_length)[:, None] + np.arange(before + 1 + after)
        self.ones = np.ones(max_length, dtype=np.float32)
        self.pooled: Callable[[np.ndarray], np.ndarray] = {
            MAX: self._maximum,
            MEAN: self._mean,
            BOTH: lambda values: np.concatenate((self._maximum(values), self._mean(values))),
        }[pooling]

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Return the logits [C] of token ids [T], T at most `max_length`; without any, those of all zeros."""
        size = len(ids)
        if not size:
            return self.bias
        beside_too = np.concatenate((self.before, ids, self.after))
        # All that each filter reads, token by token: [T, tokens * (width + 1)].
        read = self.table.take(beside_too.take(self.windows[:size]), axis=0).reshape(size, -1)
        values = read.dot(self.filters)
        np.maximum(values, ZERO, out=values)
        return self.pooled(values).dot(self.output) + self.bias

    def _mean(self, values: np.ndarray) -> np.ndarray:
        total: np.ndarray = self.ones[: len(values)].dot(values)  # in a third of the time of a sum
        total /= len(values)
        return total

    @staticmethod
    def _maximum(values: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.maximum.reduce(values, axis=0)
        return result
