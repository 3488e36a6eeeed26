"""Weights in blocks of 4 or 8-bit integers that share a scale, packed as ONNX Runtime reads them.

Embedding tables become GatherBlockQuantized, each row with scales of its own.

A row with a large value would otherwise set the step of all others (multilingual-e5-small: one scale for the
table loses 3.2 % of it, one per row 0.68 %). The operator looks rows up as codes and scales those alone. Of the
standard operators, DequantizeLinear before Gather turns the whole table back in each call (30,000 x 256: 12 ms
instead of 0.01), and Gather of codes and of scales takes four operators in place of one. It is one of those
that come with ONNX Runtime, in browsers too, and OpenVINO reads it.
"""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from emopress.errors import UserError

CONTRIB = "com.microsoft"
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


def in_blocks(weights: np.ndarray, block_size: int) -> np.ndarray:
    """Return weights [rows, columns] as float32 [rows, blocks, block_size], filled up with zeros."""
    padded = np.pad(weights.astype(np.float32), ((0, 0), (0, -weights.shape[1] % block_size)))
    return padded.reshape(len(weights), -1, block_size)


def as_halves(scales: np.ndarray) -> np.ndarray:
    """Return float32 scales as float16 holds them; as they are if one is beyond its range."""
    if np.abs(scales).max(initial=0) > np.finfo(np.float16).max:
        return scales
    return scales.astype(np.float16).astype(np.float32)


def round_blocks(
    weights: np.ndarray, *, bits: int, block_size: int, symmetric: bool, half_scales: bool = False
) -> Blocks:
    """Round weights [rows, columns] to unsigned `bits`-bit integers, with a scale per block of a row.

    Symmetric: the zero point is the middle code, and a block's value of largest magnitude gets code
    0, so its scale may be negative and no code is wasted (MatMulNBits). Else the codes span the
    block's smallest to largest value, 0 included. Zero stays zero in both. `half_scales`: each scale is
    one that float16 holds.
    """
    middle, last = np.float32(2 ** (bits - 1)), np.float32(2**bits - 1)
    blocks = in_blocks(weights, block_size)
    low = np.minimum(blocks.min(axis=2, keepdims=True), 0)
    high = np.maximum(blocks.max(axis=2, keepdims=True), 0)
    scales = np.where(high > -low, high, low) / -middle if symmetric else (high - low) / last
    scales = as_halves(scales) if half_scales else scales
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


class BlockWriter:
    """Makes the nodes that read weights in blocks; each weight is stored once, however many read it.

    `half_scales`: scales are stored in float16. `casts` are the nodes that make them float32, once, when an
    engine loads the graph; they come before all others.
    """

    def __init__(
        self, weights: dict[str, TensorProto], *, symmetric: bool, half_scales: bool = False
    ) -> None:
        self.weights, self.symmetric, self.half_scales = weights, symmetric, half_scales
        self.casts: list[NodeProto] = []
        self.tensors: dict[str, TensorProto] = {}
        self.names: dict[
            tuple[str, str], list[str]
        ] = {}  # of the tensors of a quantized weight, by its use
        self.stored: Counter[int] = Counter()  # weights by their bits
        self.lost = 0  # weights that became zero

    def table(self, node: NodeProto, bits: int, block_size: int | None = None) -> NodeProto:
        """Return the node that looks up rows of the 4 or 8-bit table [V, D] instead of `node`.

        `block_size`: values of a row that share a scale; None: all of them.
        """
        name = node.input[0]
        columns = self.weights[name].dims[1]
        if bits == 4 and columns % 2:
            raise UserError(f"embeddings: {name} has {columns} columns; 4 bits take an even number")
        size = block_size or fitting_block(columns * 2, columns)
        codes, *rest = self.integers(name, "table", bits, size)
        return helper.make_node(
            "GatherBlockQuantized",
            [codes, node.input[1], *rest],
            node.output,
            node.name,
            domain=CONTRIB,
            bits=bits,
            block_size=size,
            gather_axis=0,
            quantize_axis=1,
        )

    def integers(self, name: str, use: str, bits: int, block_size: int) -> list[str]:
        """Store a weight in blocks; return the names of codes, scales and, asymmetric, zero points."""
        if (name, use) in self.names:
            return self.names[name, use]
        array = numpy_helper.to_array(self.weights[name])
        rows = array.T if use == "product" else array
        blocks = self.rounded(name, use, rows, bits, block_size)
        codes, zeros = blocks.codes, blocks.zero_points
        if use == "table":  # without the filling, which only products read
            codes = codes.reshape(len(rows), -1)[:, : rows.shape[1]]
        if bits == 4:
            codes, zeros = pack_nibbles(codes), pack_nibbles(zeros)
        arrays = {"codes": codes, "scales": blocks.scales}
        if not self.symmetric:
            arrays["zero_points"] = zeros
        return self.store(name, use, bits, arrays, blocks.nonzero)

    def rounded(self, name: str, use: str, rows: np.ndarray, bits: int, block_size: int) -> Blocks:
        """Return the rows of a weight in blocks, rounded to the nearest."""
        return round_blocks(
            rows,
            bits=bits,
            block_size=block_size,
            symmetric=self.symmetric,
            half_scales=self.half_scales,
        )

    def store(
        self, name: str, use: str, bits: int, arrays: dict[str, np.ndarray], nonzero: int
    ) -> list[str]:
        """Store the tensors of a quantized weight, count it, and return their names."""
        before = numpy_helper.to_array(self.weights[name])
        self.stored[bits] += before.size
        self.lost += int(np.count_nonzero(before)) - nonzero
        names = [f"{name}_{use}_{part}" for part in arrays]
        for each, (part, array) in zip(names, arrays.items(), strict=True):
            stored = each
            if self.half_scales and part == "scales" and np.array_equal(as_halves(array), array):
                stored, array = f"{each}_half", array.astype(np.float16)
                to_float = helper.make_node("Cast", [stored], [each], each, to=TensorProto.FLOAT)
                self.casts.append(to_float)
            self.tensors[stored] = numpy_helper.from_array(np.ascontiguousarray(array), stored)
        self.names[name, use] = names
        return names


def float_matrices(weights: dict[str, TensorProto]) -> set[str]:
    """Return the names of the fp32 weights that have two dimensions."""
    return {n for n, t in weights.items() if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}


def looks_up(node: NodeProto, tables: Collection[str]) -> bool:
    """Return whether a node looks up rows of one of `tables`."""
    axes = [helper.get_attribute_value(each) for each in node.attribute if each.name == "axis"]
    return node.op_type == "Gather" and node.input[0] in tables and axes in ([], [0])


def replace_nodes(
    model: onnx.ModelProto, nodes: list[NodeProto], weights: dict[str, TensorProto]
) -> None:
    """Give a model these nodes, and of these weights the ones that they read."""
    read = {name for node in nodes for name in names_read(node)}
    kept = [tensor for name, tensor in weights.items() if name in read]
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)
    if CONTRIB not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))


def names_read(node: NodeProto) -> set[str]:
    """Return the tensors that a node reads, within its bodies too."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                names |= names_read(inner)
    return names


def quantize_tables(model: onnx.ModelProto, kept: Collection[str] = ()) -> tuple[int, int]:
    """Store every fp32 table that a Gather looks up in int8, with a scale per row, in place.

    Nodes `kept` by name are left alone. Returns (weights that became zero, weights in int8).
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    writer, tables = BlockWriter(weights, symmetric=True), float_matrices(weights)
    nodes = [
        writer.table(node, bits=8) if looks_up(node, tables) and node.name not in kept else node
        for node in model.graph.node
    ]
    if writer.stored:
        replace_nodes(model, nodes, {**weights, **writer.tensors})
    return writer.lost, writer.stored[8]
