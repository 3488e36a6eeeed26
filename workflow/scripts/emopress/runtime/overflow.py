"""Keeps OpenVINO's int8 products exact on processors that sum them in 16 bits: halves the range of weights there.

Without 8-bit dot products (VNNI) two products of unsigned activations and signed weights are summed in 16 bits, which
overflow beyond 255 * 64 * 2. Weights are therefore stored in all of their 8 bits, and used in 7 where that is needed.
"""

from typing import Any

import numpy as np

SAFE = 64  # the largest magnitude of a code: 255 * 64 * 2 fits into 16 bits


def halved(codes: np.ndarray) -> np.ndarray | None:
    """Return int8 codes for scales that are twice as large, at most SAFE; None if these are that small already."""
    if codes.size == 0 or np.abs(codes.astype(np.int16)).max() <= SAFE:
        return None
    return np.round(codes / np.float32(2)).astype(np.int8)


def halve_weights(model: Any) -> int:
    """Halve the codes of the int8 weights that products read, and double their scales, in place; return how many.

    `model`: an ov.Model whose weights reach a MatMul as Constant (i8), Convert, Multiply by a constant. Tables are
    looked up, not multiplied, and stay as they are.
    """
    from openvino import opset13

    changed = 0
    for product in model.get_ordered_ops():
        if product.get_type_name() != "MatMul":
            continue
        for given in product.inputs():
            scaled = given.get_source_output().get_node()
            read = [each.get_source_output().get_node() for each in scaled.inputs()]
            kinds = [scaled.get_type_name(), *(node.get_type_name() for node in read)]
            if kinds != ["Multiply", "Convert", "Constant"]:
                continue
            weight = read[0].input(0).get_source_output().get_node()
            if weight.get_element_type().to_string() != "i8":
                continue
            codes = halved(weight.data)
            if codes is not None:
                scales = opset13.constant(read[1].data * np.float32(2))
                read[0].input(0).replace_source_output(opset13.constant(codes).output(0))
                scaled.input(1).replace_source_output(scales.output(0))
                changed += 1
    return changed
