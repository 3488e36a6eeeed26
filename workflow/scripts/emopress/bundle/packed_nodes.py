"""Unpacks integers of 2 to 8 bits inside an ONNX graph, so that any engine reads a graph with packed weights.

The codes of all tensors are one uint8 initializer, packed as `runtime.codes.pack` does: eight of them lie in
`bits` bytes. A code begins in some byte of these and ends in the same or the next one, so
    code = floor((byte + 256 * next byte) / 2**shift) mod 2**bits
which standard operators compute exactly: the quotients of a group of eight are a product, in fp32, with a matrix
of powers of two, and a cast to int32 cuts off what is behind the point. ONNX Runtime and OpenVINO compute all of
it once, when they load the graph, with about 35 bytes of memory a code. (OpenVINO 2026.4 would round in BitShift, and
leave Mod of fp32 to every call.)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emopress.runtime.codes import pack

GROUP = 8  # codes, which fill whole bytes whatever their bits


def unpacking(
    tensors: Mapping[str, np.ndarray],
    bits: int,
    *,
    zero_point: int = 0,
    to: int = TensorProto.UINT8,
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return nodes, and the initializers that they read, which give every one of `tensors` by its name.

    `tensors`: uint8 codes below 2**bits by name. In the graph they have their shapes, the element type `to`
    and the values code - zero_point. The opset must be 13 or newer.
    """
    flat = np.concatenate([codes.ravel() for codes in tensors.values()])
    rest = -len(flat) % GROUP
    place = np.arange(GROUP) * bits
    first, shift = place // 8, place % 8
    shifted = np.zeros((bits, GROUP), dtype=np.float32)
    shifted[np.minimum(first + 1, bits - 1), range(GROUP)] = 2.0 ** (8 - shift)
    shifted[first, range(GROUP)] = 2.0**-shift
    constants = {
        "codes": pack(np.pad(flat, (0, rest)), bits).reshape(-1, bits),
        "codes.shifted": shifted,
        "codes.levels": np.array(2**bits, dtype=np.int32),
        "codes.zero": np.array(zero_point, dtype=np.int32),
        "codes.flat": np.array([-1]),
        "codes.sizes": np.array([*(c.size for c in tensors.values()), *([rest] if rest else [])]),
        **{f"{name}.shape": np.array(codes.shape) for name, codes in tensors.items()},
    }
    parts = [*(f"{name}.flat" for name in tensors), *(["codes.rest"] if rest else [])]
    steps: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        ("Cast", ["codes"], ["codes.bytes"], {"to": TensorProto.FLOAT}),
        ("MatMul", ["codes.bytes", "codes.shifted"], ["codes.both"], {}),
        ("Cast", ["codes.both"], ["codes.whole"], {"to": TensorProto.INT32}),
        ("Mod", ["codes.whole", "codes.levels"], ["codes.code"], {}),
        ("Sub", ["codes.code", "codes.zero"], ["codes.centred"], {}),
        ("Cast", ["codes.centred"], ["codes.typed"], {"to": to}),
        ("Reshape", ["codes.typed", "codes.flat"], ["codes.all"], {}),
        ("Split", ["codes.all", "codes.sizes"], parts, {"axis": 0}),
        *(("Reshape", [f"{name}.flat", f"{name}.shape"], [name], {}) for name in tensors),
    ]
    nodes = [helper.make_node(kind, reads, gives, **more) for kind, reads, gives, more in steps]
    return nodes, [numpy_helper.from_array(array, name) for name, array in constants.items()]
