#!/bin/bash
# OpenVINO adds a vector to the wrong entries of a sum over the last axis, silently, for two or more rows.
#
# Versions: openvino 2026.4.1 (CPU plugin), onnx 1.23.2, numpy 2.4.6, on an AMD EPYC with AVX512.
# Expected: ReduceSum over the last axis of x [B, C, T], without that axis in the result, and then + p [C], is
#   x.sum(axis=2) + p, as in ONNX's reference evaluator and in ONNX Runtime.
# Seen: of x [4, 3, 5] it differs by whole entries of p; row 0 is right. So do ReduceMean and ReduceMax, Mul instead of
#   Add, and a kept axis with p as [C, 1], whether the shape is fixed or free, at INFERENCE_PRECISION_HINT f32. Right
#   are B = 1, and a Squeeze of the kept axis between sum and Add.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6
cat >"$folder/finding.py" <<'PYTHON'
import sys

import numpy as np
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

CONSTANTS = {
    "axis": np.array([2]),
    "p": np.array([1, 2, 3], dtype=np.float32),
    "column": np.array([[1], [2], [3]], dtype=np.float32),
}
SUM = helper.make_node("ReduceSum", ["x", "axis"], ["sum"], keepdims=0)
KEPT = helper.make_node("ReduceSum", ["x", "axis"], ["kept"], keepdims=1)
CASES = {
    "sum, add": [SUM, helper.make_node("Add", ["sum", "p"], ["y"])],
    "sum, multiply": [SUM, helper.make_node("Mul", ["sum", "p"], ["y"])],
    "mean, add": [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Add", ["mean", "p"], ["y"]),
    ],
    "sum with its axis, add": [KEPT, helper.make_node("Add", ["kept", "column"], ["y"])],
    "sum with its axis, squeeze, add": [
        KEPT,
        helper.make_node("Squeeze", ["kept", "axis"], ["squeezed"]),
        helper.make_node("Add", ["squeezed", "p"], ["y"]),
    ],
}
x = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(np.float32)


def gap(nodes, shape, x):
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) for k, v in CONSTANTS.items() if k in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    core = openvino.Core()
    read = core.read_model(model.SerializeToString())
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (expected,) = ReferenceEvaluator(model).run(None, {"x": x})
    return float(np.abs(compiled({"x": x})[0] - expected).max())


found = {}
for name, nodes in CASES.items():
    found[name] = gap(nodes, [4, 3, 5], x), gap(nodes, ["b", 3, "t"], x), gap(nodes, [1, 3, 5], x[:1])
    print(f"{name:32} fixed {found[name][0]:.2g}, free {found[name][1]:.2g}, one row {found[name][2]:.2g}")
right = found.pop("sum with its axis, squeeze, add")
wrong = all(fixed > 0.5 and free > 0.5 and one < 1e-5 for fixed, free, one in found.values())
sys.exit(0 if wrong and max(right) < 1e-5 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
