"""Weights of transformer bundles in 4 bits: blocks of integers (int4) or of normal floats (nf4).

A block is a run of weights of one row that share a scale. Rows are a product's output channels and an
embedding table's entries. ONNX Runtime's contributed operators read the blocks as they are on disk:
  MatMulNBits           int4 products; at accuracy level 4 its activations are int8, in blocks too
  MatMulBnb4            nf4 products (Dettmers et al. 2023, QLoRA, section 3); activations are fp32
  GatherBlockQuantized  embedding tables in int4 or int8
Codes are packed two a byte, the first in the low half (nf4: in the high half). Products in int4 are rounded by
GPTQ (bundle/gptq.py) or to nearest, all else to nearest. ONNX Runtime's own int4 quantizer rounds to nearest the same
way, but copies a weight that two layers share for each of them, needs another package and raises the opset without
converting the graph.

Accuracy level 4 is chosen and said in the bundle (activation_bits: 8). MiniLM-L6 fine-tuned on emotion, 2-core AMD
EPYC with AVX512-VNNI, one thread, 60 test texts: 0.61 of fp32's median latency, 0.92 at level 0; the logits are
0.063 of their standard deviation off at either level. Without a level ONNX Runtime takes level 4 for
DequantizeLinear + MatMul, and fp32 for MatMulNBits.
"""

from collections.abc import Mapping
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
    Blocks,
    BlockWriter,
    fitting_block,
    float_matrices,
    looks_up,
    replace_nodes,
)
from emopress.bundle.calibration import calibration_feeds
from emopress.bundle.gptq import gptq
from emopress.bundle.manifest import derived
from emopress.bundle.nodes import PRODUCTS
from emopress.bundle.products import plain_products, products_of_inputs
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
        self,
        weights: dict[str, TensorProto],
        *,
        scheme: str,
        block_size: int,
        symmetric: bool,
        half_scales: bool,
        products: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(weights, symmetric=symmetric, half_scales=half_scales)
        self.scheme, self.block_size, self.products = scheme, block_size, products

    def rounded(self, name: str, use: str, rows: np.ndarray, bits: int, block_size: int) -> Blocks:
        """Return the rows of a weight in blocks: by GPTQ if it is known what multiplies them."""
        if use == "product" and name in self.products:
            products, symmetric = self.products[name], self.symmetric
            return gptq(rows, products, block_size=block_size, symmetric=symmetric)
        return super().rounded(name, use, rows, bits, block_size)

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


def write_blocks(
    source: Path,
    target: Path,
    *,
    scheme: str,
    block_size: int,
    symmetric: bool,
    embeddings: str,
    half_scales: bool = False,
    products: Mapping[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Write the fp32 graph `source` to `target` with its weights in 4 bits; return findings.

    Products get the scheme int4 or nf4, embedding tables int4, int8 (a scale per row) or fp32;
    `symmetric` is for all integers, `half_scales` stores their scales in float16. Weights named in
    `products` (`products_of_inputs`) are rounded by GPTQ. Biases and layer norms stay fp32. The findings hold
    four_bit_weight_share and int8_weight_share of the weights in the file `target`, a weight that
    several layers share counted once; products_in_four_bits among all products, those of two
    activations included; block_size, and weights_rounded_to_zero. UserError if there is nothing to store
    in 4 bits.
    """
    model = plain_products(source)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    matrices = float_matrices(weights)
    writer = _Writer(
        weights,
        scheme=scheme,
        block_size=block_size,
        symmetric=symmetric,
        half_scales=half_scales,
        products=products or {},
    )
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
    replace_nodes(model, [*writer.casts, *nodes], {**weights, **writer.tensors})
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


def quantize_blocks(
    *, parent: Path, step: "Step[Int4 | Nf4]", seed: int, train: Path, out: Path, threads: int = 1
) -> None:
    """Write the fp32 bundle `parent` in 4 bits as config entry `step` says (int4 or nf4) to `out`.

    Rounding by GPTQ reads a seeded sample of the texts of `train`.
    """
    source, entry = read_bundle(parent), step.entry
    settings: dict[str, Any] = {"symmetric": True}
    texts = {}
    if entry.method == "int4":
        settings = {"symmetric": entry.symmetric, "half_scales": True}
        if entry.rounding == "gptq":
            feeds = calibration_feeds(source, train, entry.calibration, seed)
            settings["products"] = products_of_inputs(parent / "model.onnx", feeds, threads=threads)
            texts = {"calibration_texts": len(feeds)}
    with replaced_folder(out) as folder:
        findings = write_blocks(
            parent / "model.onnx",
            folder / "model.onnx",
            scheme=entry.method,
            block_size=entry.block_size,
            embeddings=entry.embeddings,
            **settings,
        )
        derived(
            folder,
            source,
            step.recorded,
            nonzero_params=source.facts["nonzero_params"] - findings["weights_rounded_to_zero"],
            weight_bits=4,
            activation_bits=8 if entry.method == "int4" else 32,
            findings={**findings, **texts},
        )
