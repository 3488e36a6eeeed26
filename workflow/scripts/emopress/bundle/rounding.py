"""Rounds weights to integers in blocks that share a scale, and packs 4-bit codes two a byte."""

from typing import NamedTuple

import numpy as np

SMALLEST_BLOCK = 16  # of ONNX Runtime's kernels


class Blocks(NamedTuple):
    """Weights as (codes - zero_points) * scales; rows are filled up with zeros to whole blocks."""

    codes: np.ndarray  # uint8 [rows, blocks, block_size]
    scales: np.ndarray  # float32 [rows, blocks]
    zero_points: np.ndarray  # uint8 [rows, blocks]

    @property
    def nonzero(self) -> int:
        """How many of the weights are not zero."""
        apart = self.codes != self.zero_points[..., None]
        return int(np.count_nonzero(apart & (self.scales != 0)[..., None]))


def round_blocks(weights: np.ndarray, *, bits: int, block_size: int, symmetric: bool) -> Blocks:
    """Round weights [rows, columns] to unsigned `bits`-bit integers, with a scale per block of a row.

    Symmetric: the zero point is the middle code, and a block's value of largest magnitude gets code
    0, so its scale may be negative and no code is wasted (MatMulNBits). Else the codes span the
    block's smallest to largest value, 0 included. Zero stays zero in both.
    """
    rows, columns = weights.shape
    middle, last = np.float32(2 ** (bits - 1)), np.float32(2**bits - 1)
    padded = np.pad(weights.astype(np.float32), ((0, 0), (0, -columns % block_size)))
    blocks = padded.reshape(rows, -1, block_size)
    low = np.minimum(blocks.min(axis=2, keepdims=True), 0)
    high = np.maximum(blocks.max(axis=2, keepdims=True), 0)
    scales = np.where(high > -low, high, low) / -middle if symmetric else (high - low) / last
    divisor = np.where(scales == 0, np.float32(1), scales)
    zeros = np.full_like(scales, middle) if symmetric else np.round(-low / divisor).clip(0, last)
    codes = (np.round(blocks / divisor) + zeros).clip(0, last)
    return Blocks(codes.astype(np.uint8), scales[..., 0], zeros[..., 0].astype(np.uint8))


def fitting_block(block_size: int, columns: int) -> int:
    """Return the block size for rows of `columns`: no larger than the power of two that holds one."""
    return min(block_size, max(SMALLEST_BLOCK, 1 << (columns - 1).bit_length()))


def pack_nibbles(codes: np.ndarray) -> np.ndarray:
    """Pack 4-bit codes [..., n] two a byte, the first in the low half: [..., ceil(n / 2)]."""
    even = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, codes.shape[-1] % 2)])
    return even[..., ::2] | (even[..., 1::2] << 4)
