"""The products with weights of an exported graph: in one form, and what they multiply."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from emopress.bundle.activation_ranges import Activations
from emopress.bundle.block_writer import float_matrices, replace_nodes
from emopress.bundle.calibration import Feed
from emopress.bundle.nodes import read_weights_themselves


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


def plain_products(source: Path) -> onnx.ModelProto:
    """Return the fp32 graph `source` with each product of a weight as a MatMul that reads it itself."""
    model = onnx.load(source)
    read_weights_themselves(model)  # older versions left Identity nodes in
    without_gemm(model)
    return model


def products_of_inputs(
    source: Path, feeds: Sequence[Feed], *, threads: int
) -> dict[str, np.ndarray]:
    """Return, for each weight [K, N] of a product in the fp32 graph `source`, X^T X [K, K] of its inputs X.

    X are all tokens of `feeds`, in all products that share the weight.
    """
    model = plain_products(source)
    matrices = float_matrices({tensor.name: tensor for tensor in model.graph.initializer})
    sizes = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if tensor.dims}
    readers = [
        (node.input[0], node.input[1])
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in matrices
    ]
    widths = {read: sizes[weight] for read, weight in readers}
    with tempfile.TemporaryDirectory() as scratch:
        onnx.save(model, Path(scratch) / "prepared.onnx")
        seen = Activations(Path(scratch) / "prepared.onnx", list(widths), feeds, threads=threads)
        sums = {name: np.zeros((width, width)) for name, width in widths.items()}
        for activations in seen.text_by_text("int4"):
            for name, values in activations.items():
                tokens = values.reshape(-1, widths[name])
                sums[name] += tokens.T @ tokens
    found: dict[str, np.ndarray] = {}
    for read, weight in readers:
        found[weight] = found[weight] + sums[read] if weight in found else sums[read]
    return found
