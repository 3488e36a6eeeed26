"""Integer codes of 2 to 8 bits: packed without a gap on disk, turned back into weights in memory."""

import numpy as np


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Return uint8 codes below 2**bits as ceil(size * bits / 8) bytes, the first in the lowest bits.

    Codes are taken in row-major order, each with its lowest bit first; ValueError if one is too large.
    """
    flat = codes.astype(np.uint8).reshape(-1, 1)
    if codes.size and int(codes.max()) >> bits:
        raise ValueError(f"code {codes.max()} needs more than {bits} bits")
    places = np.arange(bits, dtype=np.uint8)
    return np.packbits((flat >> places) & 1, bitorder="little")


def unpack(packed: np.ndarray, bits: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the uint8 codes of `shape` that `pack` packed; ValueError if the bytes are too few."""
    size = int(np.prod(shape))
    if len(packed) != (size * bits + 7) // 8:
        raise ValueError(f"{len(packed)} bytes for {size} codes of {bits} bits")
    if bits == 8:
        return packed.reshape(shape)
    digits = np.unpackbits(packed, count=size * bits, bitorder="little").reshape(size, bits)
    return np.packbits(digits, axis=1, bitorder="little").reshape(shape)


def dequantize(codes: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Return scale * (codes - zero_point) as float32 (Jacob et al. 2018, equation 1)."""
    return (codes.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
