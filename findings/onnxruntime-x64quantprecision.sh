#!/bin/bash
# ONNX Runtime does not open a graph whose int8 weight two products read where session.x64quantprecision is 1.
#
# Versions: onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6, on an x86 processor with AVX2 (VNNI or not).
# Expected: the option, which makes signed int8 weights unsigned for exact products on processors without VNNI,
#   changes how a valid graph is computed and not whether it opens.
# Seen: one DequantizeLinear of an int8 weight, read by two MatMul between QDQ activations, opens and runs without the
#   option. With it: "AddInitializedOrtValue Attempt to replace the existing tensor": the unsigned copy is made once per
#   product, under one name. A copy of the weight for each product opens with both.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cat >"$folder/finding.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

weight = np.random.default_rng(0).integers(-127, 128, (8, 8)).astype(np.int8)


def graph(shared):
    nodes, constants = [], {"s": np.float32(0.02), "z": np.uint8(128), "ws": np.float32(0.01)}
    for i in (1, 2):
        name = "" if shared else str(i)
        if not shared or i == 1:
            constants |= {f"w{name}": weight, f"wz{name}": np.int8(0)}
            inputs = [f"w{name}", "ws", f"wz{name}"]
            nodes.append(helper.make_node("DequantizeLinear", inputs, [f"wf{name}"]))
        nodes.append(helper.make_node("QuantizeLinear", [f"x{i}", "s", "z"], [f"q{i}"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"q{i}", "s", "z"], [f"d{i}"]))
        nodes.append(helper.make_node("MatMul", [f"d{i}", f"wf{name}"], [f"y{i}"]))
    values = [
        [helper.make_tensor_value_info(f"{n}{i}", TensorProto.FLOAT, [1, 8]) for i in (1, 2)]
        for n in "xy"
    ]
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    made = helper.make_graph(nodes, "g", *values, tensors)
    opset = helper.make_opsetid("", 21)
    return helper.make_model(made, opset_imports=[opset], ir_version=10).SerializeToString()


def opens(shared, option):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.x64quantprecision", option)
    try:
        onnxruntime.InferenceSession(
            graph(shared), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        print(f"shared {shared}, option {option}: {str(error).strip()[-60:]}")
        return False
    print(f"shared {shared}, option {option}: opens")
    return True


found = {(s, o): opens(s, o) for s in (True, False) for o in "01"}
sys.exit(found != {(True, "0"): True, (True, "1"): False, (False, "0"): True, (False, "1"): True})
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"
