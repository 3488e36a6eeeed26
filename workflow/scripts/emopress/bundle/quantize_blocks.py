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

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_bnb4_quantizer import MatMulBnb4Quantizer
from tqdm import tqdm

from emopress.artifact import replaced_folder
from emopress.bundle.block_writer import (
    CONTRIB,
    BlockWriter,
    fitting_block,
    float_matrices,
    looks_up,
    replace_nodes,
)
from emopress.bundle.manifest import derived
from emopress.bundle.nodes import PRODUCTS, read_weights_themselves
from emopress.errors import UserError
from emopress.runtime.bundle_reader import read_bundle

if TYPE_CHECKING:
    from emopress.entries.quantize import Int4, Nf4
    from emopress.entries.step import Step

INT8_ACTIVATIONS = 4  # accuracy level of MatMulNBits
NF4_ZERO = 7  # the code of 0.0


class _Writer(BlockWriter):
    """Writes products in 4 bits too."""

    def __init__(
        self, weights: dict[str, TensorProto], *, scheme: str, block_size: int, symmetric: bool
    ) -> None:
        super().__init__(weights, symmetric=symmetric)
        self.scheme, self.block_size = scheme, block_size

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
            names = self.integers(name, "product", 4, facts["block_size"])
        kind = "MatMulBnb4" if self.scheme == "nf4" else "MatMulNBits"
        return helper.make_node(
            kind, [node.input[0], *names], node.output, node.name, domain=CONTRIB, **facts
        )

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
        return self.store(name, "nf4", 4, {"codes": packed, "absmax": largest}, nonzero)


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
    replace_nodes(model, nodes, weights)


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
    four_bit_weight_share and int8_weight_share of the weights in the file `target`, a weight that
    several layers share counted once; products_in_four_bits among all products, those of two
    activations included; block_size, and weights_rounded_to_zero. UserError if there is nothing to store
    in 4 bits.
    """
    model = onnx.load(source)
    read_weights_themselves(
        model
    )  # bundles made by older versions read some through Identity nodes
    without_gemm(model)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    matrices = float_matrices(weights)
    writer = _Writer(weights, scheme=scheme, block_size=block_size, symmetric=symmetric)
    nodes = []
    for node in tqdm(model.graph.node, desc=scheme, unit="node", mininterval=2.0):
        if node.op_type == "MatMul" and node.input[1] in matrices:
            nodes.append(writer.product(node))
        elif looks_up(node, matrices) and embeddings == "int4":
            nodes.append(writer.table(node, bits=4, block_size=block_size))
        elif looks_up(node, matrices) and embeddings == "int8":
            nodes.append(writer.table(node, bits=8))
        else:
            nodes.append(node)
    in_four_bits = sum(node.op_type in ("MatMulNBits", "MatMulBnb4") for node in nodes)
    if not in_four_bits:
        raise UserError(f"{source}: nothing to store in 4 bits; the graph has no MatMul or Gemm")
    replace_nodes(model, nodes, {**weights, **writer.tensors})
    onnx.save(model, target)
    # Of what the file holds: a weight that one node reads in 4 bits and another in fp32 is there twice.
    whole = [
        int(np.prod(tensor.dims))
        for tensor in model.graph.initializer
        if tensor.name in weights and tensor.data_type == TensorProto.FLOAT
    ]
    total = sum(whole) + sum(writer.stored.values())
    return {
        "four_bit_weight_share": round(writer.stored[4] / total, 4),
        "int8_weight_share": round(writer.stored[8] / total, 4),
        "products_in_four_bits": in_four_bits,
        "products": in_four_bits + sum(node.op_type in PRODUCTS for node in nodes),
        "block_size": block_size,
        "weights_rounded_to_zero": writer.lost,
    }


def quantize_blocks(*, parent: Path, step: "Step[Int4 | Nf4]", out: Path) -> None:
    """Write the fp32 bundle `parent` in 4 bits as config entry `step` says (int4 or nf4) to `out`."""
    source = read_bundle(parent)
    with replaced_folder(out) as folder:
        findings = write_blocks(
            parent / "model.onnx",
            folder / "model.onnx",
            scheme=step.entry.method,
            block_size=step.entry.block_size,
            symmetric=step.entry.symmetric if step.entry.method == "int4" else True,
            embeddings=step.entry.embeddings,
        )
        derived(
            folder,
            source,
            step.recorded,
            nonzero_params=source.facts["nonzero_params"] - findings["weights_rounded_to_zero"],
            weight_bits=4,
            findings=findings,
        )
