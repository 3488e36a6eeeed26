"""Integer codes of 2 to 8 bits: packed without a gap on disk, turned back into weights in memory.

`codes.npz` holds the codes of a graph's weights, in LSTM bundles made before graphs held them themselves
(`bundle.packed_nodes`). It is a zip of uint8 arrays, no pickle:
  index   JSON, a list of tensors {name, bits, shape}
  <name>  the codes of one tensor, packed (`pack`)
"""

import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from emopress.errors import UserError

FILE = "codes.npz"
DAMAGE = (  # what reading a file that is not whole raises
    *(KeyError, ValueError, TypeError, OSError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)


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


def dequantize(
    codes: np.ndarray, scale: float | np.ndarray, zero_point: int | np.ndarray
) -> np.ndarray:
    """Return scale * (codes - zero_point) as float32 (Jacob et al. 2018, equation 1)."""
    return (codes.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def read_codes(path: Path) -> dict[str, np.ndarray]:
    """Return the uint8 codes by name."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            index = json.loads(arrays["index"].tobytes())
            return {
                entry["name"]: unpack(arrays[entry["name"]], entry["bits"], tuple(entry["shape"]))
                for entry in index
            }
    except DAMAGE as error:
        raise UserError(f"{path}: not codes of emopress ({error})") from None
