"""Weights of transformer bundles in 4 bits: blocks of integers (int4) or of normal floats (nf4).

A block is a run of weights of one row that share a scale. Rows are a product's output channels and an
embedding table's entries. ONNX Runtime's contributed operators read the blocks as they are on disk:
  MatMulNBits           int4 products; at accuracy level 4 its activations are int8, in blocks too
  MatMulBnb4            nf4 products (Dettmers et al. 2023, QLoRA, section 3); activations are fp32
  GatherBlockQuantized  embedding tables in int4 or int8
Codes are packed two a byte, the first in the low half (nf4: in the high half). Rounding is to nearest
with no calibration. ONNX Runtime's own int4 quantizer rounds the same way, but copies a weight that two
layers share for each of them, needs another package and raises the opset without converting the graph.
"""

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from tqdm import tqdm

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import derived
from emopress.bundle.rounding import fitting_block, pack_nibbles, round_blocks
from emopress.errors import UserError
from emopress.runtime.bundle import read_bundle

CONTRIB = "com.microsoft"
INT8_ACTIVATIONS = 4  # accuracy level of MatMulNBits
NF4_ZERO = 7  # the code of 0.0


class _Writer:
    """Makes the nodes that read 4-bit weights; each weight is stored once, however many read it."""

    def __init__(
        self, weights: dict[str, TensorProto], *, scheme: str, block_size: int, symmetric: bool
    ) -> None:
        self.weights, self.scheme = weights, scheme
        self.block_size, self.symmetric = block_size, symmetric
        self.tensors: dict[str, TensorProto] = {}
        self.names: dict[tuple[str, str], list[str]] = {}  # of what a weight became, by its use
        self.stored: Counter[int] = Counter()  # weights by their bits
        self.lost = 0  # weights that became zero

    def product(self, node: NodeProto) -> NodeProto:
        """Return the node that multiplies by the 4-bit matrix [K, N] instead of `node`."""
        name = node.input[1]
        rows, columns = self.weights[name].dims
        facts: dict[str, Any] = {"K": rows, "N": columns, "block_size": self.block_size}
        if self.scheme == "nf4":
            facts["quant_type"] = MatMulBnb4Quantizer.NF4
            names = self._nf4(name)
        else:
            facts["block_size"] = fitting_block(self.block_size, rows)
            facts |= {"bits": 4, "accuracy_level": INT8_ACTIVATIONS}
            names = self._integers(name, "product", 4, facts["block_size"])
        kind = "MatMulBnb4" if self.scheme == "nf4" else "MatMulNBits"
        return helper.make_node(
            kind, [node.input[0], *names], node.output, node.name, domain=CONTRIB, **facts
        )

    def table(self, node: NodeProto, bits: int) -> NodeProto:
        """Return the node that looks up rows of the 4 or 8-bit table [V, D] instead of `node`."""
        name = node.input[0]
        columns = self.weights[name].dims[1]
        if columns % 2:
            raise UserError(f"embeddings: {name} has {columns} columns; blocks take an even number")
        size = self.block_size if bits == 4 else fitting_block(columns * 2, columns)
        codes, *rest = self._integers(name, "table", bits, size)
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

    def _integers(self, name: str, use: str, bits: int, block_size: int) -> list[str]:
        """Store a weight in blocks; return the names of codes, scales and, asymmetric, zero points."""
        if (name, use) in self.names:
            return self.names[name, use]
        array = numpy_helper.to_array(self.weights[name])
        rows = array.T if use == "product" else array
        found = round_blocks(rows, bits=bits, block_size=block_size, symmetric=self.symmetric)
        codes, zeros = found.codes, found.zero_points
        if use == "table":  # without the filling, which only products read
            codes = codes.reshape(len(rows), -1)[:, : rows.shape[1]]
        if bits == 4:
            codes, zeros = pack_nibbles(codes), pack_nibbles(zeros)
        arrays = {"codes": codes, "scales": found.scales}
        if not self.symmetric:
            arrays["zero_points"] = zeros
        return self._store(name, use, bits, arrays, found.nonzero)

    def _nf4(self, name: str) -> list[str]:
        """Store a matrix in nf4, whose blocks run on from one output channel to the next."""
        if (name, "nf4") in self.names:
            return self.names[name, "nf4"]
        matrix = numpy_helper.to_array(self.weights[name])
        quantizer = MatMulBnb4Quantizer(onnx.ModelProto(), MatMulBnb4Quantizer.NF4, self.block_size)
        packed, largest = quantizer.bnb4_block_quant(matrix)
        codes = np.stack([packed >> 4, packed & 15], axis=1).reshape(-1)[: matrix.size]
        scales = np.repeat(largest, self.block_size)[: matrix.size]
        nonzero = int(np.count_nonzero((codes != NF4_ZERO) & (scales != 0)))
        return self._store(name, "nf4", 4, {"codes": packed, "absmax": largest}, nonzero)

    def _store(
        self, name: str, use: str, bits: int, arrays: dict[str, np.ndarray], nonzero: int
    ) -> list[str]:
        """Keep what a weight became and count it; return the names of its tensors."""
        before = numpy_helper.to_array(self.weights[name])
        self.stored[bits] += before.size
        self.lost += int(np.count_nonzero(before)) - nonzero
        names = [f"{name}_{use}_{part}" for part in arrays]
        for each, array in zip(names, arrays.values(), strict=True):
            self.tensors[each] = numpy_helper.from_array(np.ascontiguousarray(array), each)
        self.names[name, use] = names
        return names


def without_gemm(model: onnx.ModelProto) -> None:
    """Turn every Gemm with a constant matrix into MatMul and Add, in place.

    ValueError for a Gemm that is not `x @ matrix + bias` (the exporter writes no other).
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "Gemm" or node.input[1] not in weights:
            nodes.append(node)
            continue
        facts = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if facts.get("alpha", 1) != 1 or facts.get("beta", 1) != 1 or facts.get("transA", 0):
            raise ValueError(f"{node.name}: a Gemm with {facts}")
        matrix = node.input[1]
        if facts.get("transB", 0):
            turned = f"{matrix}_transposed"
            if turned not in weights:
                array = numpy_helper.to_array(weights[matrix]).T
                weights[turned] = numpy_helper.from_array(np.ascontiguousarray(array), turned)
            matrix = turned
        product = f"{node.output[0]}_product" if len(node.input) == 3 else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], matrix], [product], node.name))
        if len(node.input) == 3:
            inputs = [product, node.input[2]]
            nodes.append(helper.make_node("Add", inputs, node.output, f"{node.name}_bias"))
    _replace(model, nodes, weights)


def _replace(
    model: onnx.ModelProto, nodes: list[NodeProto], weights: dict[str, TensorProto]
) -> None:
    """Give a model these nodes, and of these weights the ones that they read."""
    read = {name for node in nodes for name in node.input}
    kept = [tensor for name, tensor in weights.items() if name in read]
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)  # type: ignore[arg-type]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(kept)


def write_blocks(
    source: Path,
    target: Path,
    *,
    scheme: str,
    block_size: int,
    symmetric: bool,
    embeddings: str,
) -> dict[str, Any]:
    """Write the fp32 graph `source` to `target` with its weights in 4 bits; return findings.

    Products get the scheme int4 or nf4, embedding tables int4, int8 (a scale per row) or fp32;
    `symmetric` is for all integers. Biases and layer norms stay fp32. The findings hold
    four_bit_weight_share and int8_weight_share of all weights, block_size, and
    weights_rounded_to_zero. UserError if there is nothing to store in 4 bits.
    """
    model = onnx.load(source)
    without_gemm(model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    matrices = {
        n for n, t in weights.items() if t.data_type == TensorProto.FLOAT and len(t.dims) == 2
    }
    total = sum(int(np.prod(t.dims)) for t in weights.values() if t.data_type == TensorProto.FLOAT)
    writer = _Writer(weights, scheme=scheme, block_size=block_size, symmetric=symmetric)
    nodes = []
    for node in tqdm(model.graph.node, desc=scheme, unit="node", file=sys.stderr, mininterval=2.0):
        if node.op_type == "MatMul" and node.input[1] in matrices:
            nodes.append(writer.product(node))
        elif node.op_type == "Gather" and node.input[0] in matrices and embeddings != "fp32":
            nodes.append(writer.table(node, bits={"int4": 4, "int8": 8}[embeddings]))
        else:
            nodes.append(node)
    if not any(node.op_type in ("MatMulNBits", "MatMulBnb4") for node in nodes):
        raise UserError(f"{source}: nothing to store in 4 bits; the graph has no MatMul or Gemm")
    _replace(model, nodes, {**weights, **writer.tensors})
    if CONTRIB not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    onnx.save(model, target)
    return {
        "four_bit_weight_share": round(writer.stored[4] / total, 4),
        "int8_weight_share": round(writer.stored[8] / total, 4),
        "block_size": block_size,
        "weights_rounded_to_zero": writer.lost,
    }


def quantize_blocks(*, parent: Path, step: dict[str, Any], out: Path) -> None:
    """Write the fp32 bundle `parent` in 4 bits as config entry `step` says (int4 or nf4) to `out`."""
    source = read_bundle(parent)
    with replaced_folder(out) as folder:
        findings = write_blocks(
            parent / "model.onnx",
            folder / "model.onnx",
            scheme=step["method"],
            block_size=step["block_size"],
            symmetric=step["symmetric"] if step["method"] == "int4" else True,
            embeddings=step["embeddings"],
        )
        shutil.copyfile(parent / "tokenizer.json", folder / "tokenizer.json")
        derived(
            folder,
            source,
            step,
            ("onnx", "onnxruntime", "numpy"),
            nonzero_params=source.manifest["nonzero_params"] - findings["weights_rounded_to_zero"],
            weight_bits=4,
            findings=findings,
        )
