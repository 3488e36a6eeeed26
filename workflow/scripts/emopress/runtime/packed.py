"""Decodes `packed.npz`, the weights of a pruned model stored as a bitmask and the values it marks.

The file is a zip of three uint8 arrays, no pickle:
  index   JSON, a list of tensors {name, dtype, shape, fill, stored}; dtype is numpy's, little-endian
  masks   per tensor ceil(n / 8) bytes, most significant bit first: 1 where an element is stored
  values  per tensor the `stored` marked elements in row-major order, raw bytes
Elements that are not stored have the bit pattern `fill`: 0 where pruning made zeros, and the zero
point in an unsigned int8 table.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.codes import DAMAGE

FILE = "packed.npz"


def decode(mask: np.ndarray, values: np.ndarray, size: int, fill: int) -> np.ndarray:
    """Return the flat array [size] of unsigned bit patterns, `values` where `mask` has a bit."""
    result = np.full(size, fill, dtype=values.dtype)
    result[np.unpackbits(mask, count=size).view(np.bool_)] = values
    return result


def read_packed(path: Path) -> dict[str, np.ndarray]:
    """Return the weights by name as they were before packing, bit for bit."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            index = json.loads(arrays["index"].tobytes())
            masks, values = arrays["masks"], arrays["values"]
        return _tensors(index, masks, values)
    except DAMAGE as error:
        raise UserError(f"{path}: not packed weights of emopress ({error})") from None


def _tensors(
    index: list[dict[str, Any]], masks: np.ndarray, values: np.ndarray
) -> dict[str, np.ndarray]:
    result, bit, byte = {}, 0, 0
    for entry in index:
        dtype = np.dtype(entry["dtype"])
        size = int(np.prod(entry["shape"]))
        mask_end = bit + (size + 7) // 8
        end = byte + entry["stored"] * dtype.itemsize
        patterns = values[byte:end].view(f"<u{dtype.itemsize}")
        flat = decode(masks[bit:mask_end], patterns, size, entry["fill"])
        result[entry["name"]] = flat.view(dtype).reshape(entry["shape"])
        bit, byte = mask_end, end
    return result
