"""Unpacks integers of 2 to 8 bits inside an ONNX graph, so that any engine reads a graph with packed weights.

The codes of all tensors are one uint8 initializer, packed as `runtime.codes.pack` does: eight of them lie in
`bits` bytes. A code begins in some byte of these and ends in the same or the next one, so
    code = (byte + 256 * next byte) // 2**shift mod 2**bits
which standard operators on int32 compute in every engine alike. ONNX Runtime and OpenVINO compute it once,
when they load the graph. (BitShift is not used: OpenVINO 2026.4 rounds what should be cut off.)
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
    constants = {
        "codes": pack(np.pad(flat, (0, rest)), bits).reshape(-1, bits),
        "codes.byte": place // 8,
        "codes.next": np.minimum(place // 8 + 1, bits - 1),
        "codes.256": np.array(256, dtype=np.int32),
        "codes.shift": (2 ** (place % 8)).astype(np.int32),
        "codes.levels": np.array(2**bits, dtype=np.int32),
        "codes.zero": np.array(zero_point, dtype=np.int32),
        "codes.flat": np.array([-1]),
        "codes.sizes": np.array([*(c.size for c in tensors.values()), *([rest] if rest else [])]),
        **{f"{name}.shape": np.array(codes.shape) for name, codes in tensors.items()},
    }
    parts = [*(f"{name}.flat" for name in tensors), *(["codes.rest"] if rest else [])]
    steps: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        ("Cast", ["codes"], ["codes.wide"], {"to": TensorProto.INT32}),
        ("Gather", ["codes.wide", "codes.byte"], ["codes.low"], {"axis": 1}),
        ("Gather", ["codes.wide", "codes.next"], ["codes.high"], {"axis": 1}),
        ("Mul", ["codes.high", "codes.256"], ["codes.high.256"], {}),
        ("Add", ["codes.low", "codes.high.256"], ["codes.both"], {}),
        ("Div", ["codes.both", "codes.shift"], ["codes.shifted"], {}),
        ("Mod", ["codes.shifted", "codes.levels"], ["codes.code"], {}),
        ("Sub", ["codes.code", "codes.zero"], ["codes.centred"], {}),
        ("Cast", ["codes.centred"], ["codes.typed"], {"to": to}),
        ("Reshape", ["codes.typed", "codes.flat"], ["codes.all"], {}),
        ("Split", ["codes.all", "codes.sizes"], parts, {"axis": 0}),
        *(("Reshape", [f"{name}.flat", f"{name}.shape"], [name], {}) for name in tensors),
    ]
    nodes = [helper.make_node(kind, reads, gives, **more) for kind, reads, gives, more in steps]
    return nodes, [numpy_helper.from_array(array, name) for name, array in constants.items()]
