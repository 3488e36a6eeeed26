#!/bin/bash
# OpenVINO rounds where ONNX's BitShift to the right drops the bits that fall off: 3 >> 1 is 2.
#
# Versions: openvino 2026.4.1, onnx 1.23.2, numpy 2.4.6, on an x86 CPU, inference precision f32.
# Expected: BitShift(11) of uint8 to the right, "x >> y" by the standard's reference, so 3 >> 1 = 1 (ONNX's own
#   reference evaluator gives that). Codes packed in bytes, which are taken apart so, come out right.
# Seen: no error; of the 2,048 pairs of a byte and a shift of 0 to 7, 769 are one too large, as if x / 2**y were rounded
#   to nearest: 3 >> 1 = 2, 7 >> 1 = 4. Div and Mod of the bytes as int32 are exact.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cat >"$folder/finding.py" <<'PYTHON'
import sys

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

path = sys.argv[1] + "/graph.onnx"
x = np.arange(256, dtype=np.uint8)[:, None]


def results(nodes, constants, kind):
    values = [
        helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 1]),
        helper.make_tensor_value_info("y", kind, ["n", "k"]),
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    return compiled({"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]


shifts = np.arange(8, dtype=np.uint8)
shift = helper.make_node("BitShift", ["x", "by"], ["y"], direction="RIGHT")
found, expected = results([shift], {"by": shifts}, TensorProto.UINT8)
assert np.array_equal(expected, x >> shifts)
wrong = found != expected
print(f"BitShift: {wrong.sum()} of {wrong.size} wrong; 3 >> 1 = {found[3, 1]}, 7 >> 1 = {found[7, 1]}")
as_rounded = np.array_equal(found[wrong].astype(int), expected[wrong].astype(int) + 1)
nodes = [
    helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.INT32),
    helper.make_node("Div", ["wide", "powers"], ["y"]),
]
powers = (2**shifts.astype(np.int32)).astype(np.int32)
divided, _ = results(nodes, {"powers": powers}, TensorProto.INT32)
exact = np.array_equal(divided, x >> shifts)
print(f"Div of int32: {'exact' if exact else 'wrong'}")
sys.exit(not (wrong.sum() == 769 and as_rounded and exact))
PYTHON
"$folder/venv/bin/python" "$folder/finding.py" "$folder"
