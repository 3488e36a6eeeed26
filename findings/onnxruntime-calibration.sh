#!/bin/bash
# ONNX Runtime's entropy calibration of static int8 depends on the order of the feeds, or is min-max; its percentile cuts one tail.
#
# Versions: onnxruntime 1.31.1, onnx 1.23.2, numpy 2.4.6.
# Expected: ranges of activations depend on which calibration texts are seen, not on their order; entropy
#   finds another range than min-max where values have outliers; percentile, asymmetric, cuts both tails.
# Seen, with one feed a stride (CalibStridedMinMax=1, the only way to feed texts of different lengths):
#   1. Entropy: the same feeds in another order give other scales (here by more than a tenth). The first
#      feed's range sets the width of the bins for all later ones.
#   2. Entropy in one pass, on feeds of one length: exactly min-max; its histogram has as many bins as levels.
#   3. Percentile, asymmetric activations: what is cut at is +- the percentile of |x|, so of two tails of
#      unlike length only the longer is cut; the shorter keeps its extreme. (With CalibTensorRangeSymmetric
#      False both are cut; the quantizer's own ActivationSymmetric False does not bring that about.)
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
cat >"$folder/finding.py" <<'PYTHON'
import contextlib
import io
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

folder = sys.argv[1]
rng = np.random.default_rng(0)
weight = rng.normal(size=(16, 4)).astype(np.float32)
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["y"], "product")],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
    [numpy_helper.from_array(weight, "w")],
)
opsets = [helper.make_opsetid("", 17)]
onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), f"{folder}/in.onnx")


class Reader:
    def __init__(self, feeds):
        self.feeds, self.waiting = feeds, iter(feeds)

    def __len__(self):
        return len(self.feeds)

    def set_range(self, start_index, end_index):
        self.waiting = iter(self.feeds[start_index:end_index])

    def get_next(self):
        return next(self.waiting, None)


def range_of(arrays, method, *, strided=True):
    """Return (low, high) that x is quantized to."""
    options = {"CalibPercentile": 99.9, **({"CalibStridedMinMax": 1} if strided else {})}
    with contextlib.redirect_stdout(io.StringIO()):
        quantize_static(
            f"{folder}/in.onnx",
            f"{folder}/out.onnx",
            Reader([{"x": array} for array in arrays]),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=method,
            extra_options=options,
        )
    model = onnx.load(f"{folder}/out.onnx")
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    node = next(n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "x")
    scale, zero = (float(tensors[name]) for name in node.input[1:])
    return -zero * scale, (255 - zero) * scale


arrays = [(rng.normal(size=(20, 16)) * s).astype(np.float32) for s in rng.uniform(0.2, 3, 60)]
ends = [range_of(order, CalibrationMethod.Entropy) for order in (arrays, arrays[::-1])]
widths = [high - low for low, high in ends]
print("entropy, the same feeds in two orders:", ends)
ok = max(widths) / min(widths) > 1.1

once = range_of(arrays, CalibrationMethod.Entropy, strided=False)
widest = range_of(arrays, CalibrationMethod.MinMax, strided=False)
print("entropy in one pass:", once, "min-max:", widest)
# entropy's bins lie around 0: it is min-max of the magnitudes, clipped to the values there are
ok &= np.allclose(once, widest, rtol=0.02)

skewed = [np.concatenate([array, -array[:4] / 4]).astype(np.float32) for array in map(np.abs, arrays)]
low, high = range_of(skewed, CalibrationMethod.Percentile)
values = np.concatenate([a.ravel() for a in skewed])
wanted = np.percentile(values, [0.05, 99.95])
print("percentile 99.9:", (low, high), "of the values:", wanted, "extremes:", (values.min(), values.max()))
ok &= high < wanted[1] < values.max() and abs(low - values.min()) < 0.05 < abs(low - wanted[0])
sys.exit(0 if ok else 1)
PYTHON
"$folder/venv/bin/python" "$folder/finding.py" "$folder" 2>/dev/null
