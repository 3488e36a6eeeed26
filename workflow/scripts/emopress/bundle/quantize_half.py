"""Transformer and LSTM bundles in 16 bits: fp16, weights and arithmetic, or bf16, weights alone.

fp16 is a graph of half precision (Micikevicius et al. 2018, Mixed Precision Training), for engines that
compute in it; one that does not casts its products' inputs to fp32 each time. bf16 is storage: ONNX
Runtime's CPU has hardly a kernel for it, so each weight is cast to fp32 once, when the model is loaded.
"""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.onnxruntime import session_options

if TYPE_CHECKING:
    from emopress.entries.quantize import Bf16, Fp16
    from emopress.entries.step import Step

LARGEST_FP16 = 65504.0
HALVES = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
FLOATS = (TensorProto.FLOAT, *HALVES)
PRODUCTS = ("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "LSTM")
TYPES = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16"}


def demand_fp16(name: str, array: np.ndarray, what: str) -> None:
    """Raise UserError, naming the tensor and `what` asked for fp16, if a value is beyond its range."""
    largest = float(np.abs(array).max()) if array.size else 0.0
    if not largest <= LARGEST_FP16:
        raise UserError(
            f"{what}: a value of {name} is {largest:.3g}, and fp16 ends at {LARGEST_FP16:.0f}; "
            "bf16 has the range of fp32"
        )


def bfloat16(name: str, array: np.ndarray, what: str) -> np.ndarray:
    """Return a matrix as bfloat16; UserError, as of `demand_fp16`, if a value becomes infinite."""
    halved: np.ndarray = array.astype(helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16))
    if not np.isfinite(halved.astype(np.float32)).all():
        largest = float(np.abs(array).max())
        raise UserError(
            f"{what}: a value of {name} is {largest:.3g}, which bf16 rounds to infinity"
        )
    return halved


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the fp32 graph in fp16, its logits still fp32; UserError if a weight does not fit.

    A weight too small for fp16 becomes its smallest number, 6e-8, of the same sign.
    """
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            demand_fp16(tensor.name, numpy_helper.to_array(tensor), "method fp16")
    return convert_float_to_float16(model, keep_io_types=True)


def to_bf16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the fp32 graph with its matrices stored as bfloat16, each cast to fp32 where it is read.

    Biases and layer norms stay fp32: they are a few in a thousand of all weights.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name, array = tensor.name, numpy_helper.to_array(tensor)
        halved = bfloat16(name, array, "method bf16")
        tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}_bf16"))
        casts.append(
            helper.make_node("Cast", [tensor.name], [name], f"{name}_to_fp32", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return model


def product_types(model: Path, *, threads: int) -> dict[str, int]:
    """Return how many matrix products ONNX Runtime computes in fp32, fp16 and bf16 on this CPU.

    From its profile of one run: the types of the operators it really ran, after its own casts.
    """
    with tempfile.TemporaryDirectory() as scratch:
        options = session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(scratch) / "run")
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        ids = np.ones((1, 4), dtype=np.int64)
        session.run(None, {"input_ids": ids, "attention_mask": ids})
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    counts = dict.fromkeys(TYPES.values(), 0)
    for event in events:
        facts = event.get("args", {})
        ran = event.get("cat") == "Node" and event["name"].endswith("kernel_time")
        if ran and facts["op_name"] in PRODUCTS:
            (kind,) = {name for entry in facts["input_type_shape"] for name in entry}
            counts[TYPES[kind]] += 1
    return counts


def count_floats(model: onnx.ModelProto) -> tuple[int, int, int]:
    """Return how many weights a graph holds in floating point, how many in 16 bits, how many not zero."""
    total = halved = nonzero = 0
    for tensor in model.graph.initializer:
        if tensor.data_type in FLOATS:
            array = numpy_helper.to_array(tensor)
            total += array.size
            halved += array.size * (tensor.data_type in HALVES)
            nonzero += int(np.count_nonzero(array))
    return total, halved, nonzero


def quantize_half(*, parent: Path, step: "Step[Fp16 | Bf16]", out: Path, threads: int = 1) -> None:
    """Write the fp32 bundle `parent` in 16 bits as config entry `step` says (fp16 or bf16) to `out`.

    What the products are computed in on this machine is found by running one text, and recorded.
    """
    source = read_bundle(parent)
    model = onnx.load(parent / "model.onnx")
    before = count_floats(model)[2]
    model = {"fp16": to_fp16, "bf16": to_bf16}[step.entry.method](model)
    total, halved, after = count_floats(model)
    with replaced_folder(out) as folder:
        onnx.save(model, folder / "model.onnx")
        counts = product_types(folder / "model.onnx", threads=threads)
        used = [name for name, count in counts.items() if count]
        derived(
            folder,
            source,
            step.recorded,
            nonzero_params=source.facts["nonzero_params"] - (before - after),
            weight_bits=16,
            findings={
                "arithmetic": " and ".join(used),
                "half_weight_share": round(halved / max(total, 1), 4),
                "products_in_half_precision": counts["fp16"] + counts["bf16"],
                "products": sum(counts.values()),
            },
        )
