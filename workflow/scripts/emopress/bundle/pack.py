"""Stores the weights of a pruned ONNX bundle as a bitmask and the remaining values.

The format is the runtime's (`runtime/packed.py`): the two-part form of SparTen (Gondimalla et al.,
MICRO 2019, "SparseMap"). A bitmask costs one bit an element, where CSR spends a whole column index on
each that is left and so outgrows the dense matrix at 50 % zeros. Only the file shrinks: the weights
are decoded when the bundle is loaded, so latency and memory are the parent's.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.packed import FILE
from emopress.runtime.stored import NOWHERE, stored_apart

if TYPE_CHECKING:
    from emopress.entries.convert import Pack
    from emopress.entries.step import Step

SMALLEST = 4096  # elements; below it a tensor's line in the index eats what the bitmask saves
TYPES = ("float32", "int8", "uint8")


class Packed(NamedTuple):
    """An array [n] as a bitmask [ceil(n / 8)] and the bit patterns [m] that differ from `fill`."""

    mask: np.ndarray
    values: np.ndarray
    fill: int

    @property
    def size_bytes(self) -> int:
        """Bytes of mask and values."""
        return self.mask.nbytes + self.values.nbytes


def encode(array: np.ndarray) -> Packed:
    """Encode an array of 1, 2 or 4 byte elements; `runtime.packed.decode` undoes it bit for bit.

    What is left out: zeros among floats (positive ones: -0.0 is kept, to the bit), the most frequent
    value among 8-bit integers, whose zero may have any code.
    """
    width = array.dtype.itemsize
    patterns = np.ascontiguousarray(array).reshape(-1).view(f"<u{width}")
    fill = int(np.bincount(patterns, minlength=256).argmax()) if width == 1 else 0
    kept = patterns != fill
    return Packed(np.packbits(kept), patterns[kept], fill)


def pack(*, parent: Path, step: "Step[Pack]", out: Path) -> None:
    """Write the ONNX Runtime bundle `parent` to `out` with its zeros stored as a bitmask.

    Weights leave the graph one by one, where packing makes them smaller; the graph keeps their names
    and shapes as external data, which the runtime supplies. Logits stay the same to the bit.
    UserError if the bundle has no graph of ONNX Runtime, is packed already, or would not shrink.
    """
    source = read_bundle(parent)
    if source.manifest["runtime"] != "onnxruntime" or stored_apart(source.manifest["files"]):
        raise UserError(f"{parent}: pack takes an unpacked bundle of runtime onnxruntime")
    model = onnx.load(parent / "model.onnx", load_external_data=False)
    index, packed, dense_bytes = [], [], 0
    for tensor in model.graph.initializer:
        if np.prod(tensor.dims) < SMALLEST or tensor.data_location == onnx.TensorProto.EXTERNAL:
            continue
        array = numpy_helper.to_array(tensor)
        if array.dtype.name not in TYPES:
            continue
        coded = encode(array)
        if coded.size_bytes >= array.nbytes:
            continue
        index.append(
            {
                "name": tensor.name,
                "dtype": array.dtype.newbyteorder("<").str,
                "shape": list(array.shape),
                "fill": coded.fill,
                "stored": coded.values.size,
            }
        )
        packed.append(coded)
        dense_bytes += array.nbytes
        _move_out(tensor)
    with replaced_folder(out) as folder:
        _write(folder / FILE, index, packed)
        onnx.save(model, folder / "model.onnx")
        before = (parent / "model.onnx").stat().st_size
        after = sum(path.stat().st_size for path in folder.iterdir())
        if after >= before:
            raise UserError(
                f"{out}: packing does not make {parent} smaller ({before} bytes of model, packed "
                f"{after}): too few weights are zero; pack follows pruning"
            )
        findings = {
            "packed_tensors": len(index),
            "dense_size_bytes": dense_bytes,
            "stored_size_bytes": (folder / FILE).stat().st_size,
        }
        derived(folder, source, step.recorded, findings=findings, packed=True)


def _move_out(tensor: onnx.TensorProto) -> None:
    """Turn an initializer into a reference to external data, in place."""
    for field in ("raw_data", "float_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=NOWHERE)


def _write(path: Path, index: list[dict[str, Any]], packed: list[Packed]) -> None:
    """Write the arrays of the format; numpy's zip holds no dates, so equal weights give equal files."""
    empty = np.zeros(0, dtype=np.uint8)
    np.savez(
        path,
        index=np.frombuffer(json.dumps(index).encode(), dtype=np.uint8),
        masks=np.concatenate([empty, *(one.mask for one in packed)]),
        values=np.concatenate([empty, *(one.values.view(np.uint8) for one in packed)]),
    )
