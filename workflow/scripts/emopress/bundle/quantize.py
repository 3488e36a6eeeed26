"""Post-training int8 quantization of transformer bundles, with ONNX Runtime's quantizer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle import Bundle, read_bundle
from emopress.runtime.encoder import Encoder
from emopress.train.data import read_split

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
INT8, UINT8 = onnx.TensorProto.INT8, onnx.TensorProto.UINT8
CONSTANT_WEIGHTS_ONLY = {"MatMulConstBOnly": True}  # heeded by the dynamic quantizer alone


class CalibrationTexts(CalibrationDataReader):
    """Feeds training texts one by one: padding would widen the activation ranges.

    With a stride of one, ranges and histograms are updated text by text, so texts may differ in
    length and memory does not grow with the sample.
    """

    def __init__(self, bundle: Bundle, train: Path, texts: int, seed: int) -> None:
        split = read_split(train)
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(split.texts), size=min(texts, len(split.texts)), replace=False)
        encoder = Encoder(
            bundle.folder / "tokenizer.json",
            max_length=bundle.manifest["max_length"],
            pad_id=bundle.manifest["pad_id"],
        )
        self.feeds = [encoder([split.texts[i]]) for i in sorted(chosen)]
        self.waiting = iter(self.feeds)

    def __len__(self) -> int:
        return len(self.feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Go on with these feeds; ONNX Runtime asks so for each stride."""
        self.waiting = iter(self.feeds[start_index:end_index])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next feed, None at the end."""
        return next(self.waiting, None)


@contextmanager
def session_threads(threads: int) -> Iterator[None]:
    """Keep the sessions that ONNX Runtime's quantizer opens by itself to `threads` threads.

    It offers no option for them, and by default each takes every core.
    """
    original = onnxruntime.SessionOptions

    def limited() -> onnxruntime.SessionOptions:
        options = original()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        return options

    onnxruntime.SessionOptions = limited
    try:
        yield
    finally:
        onnxruntime.SessionOptions = original


def quantize_bundle(
    *, parent: Path, step: dict[str, Any], seed: int, train: Path, out: Path, threads: int = 1
) -> None:
    """Quantize the fp32 bundle `parent` to int8 as config entry `step` says, and write it to `out`.

    static: activations and weights as QDQ nodes, ranges calibrated on a seeded sample of `train`;
    dynamic: int8 weights, activation ranges at run time. Weights are signed int8, which x86 engines
    multiply fastest. UserError if nothing was quantized.
    """
    source = read_bundle(parent)
    kinds = ["MatMul", "Gemm", *(["Gather"] if step["embeddings"] else [])]
    shared = {
        "op_types_to_quantize": kinds,
        "per_channel": step["per_channel"],
        "reduce_range": step["reduce_range"],
        "weight_type": QuantType.QInt8,
    }
    with (
        session_threads(threads),
        tempfile.TemporaryDirectory() as scratch,
        replaced_folder(out) as folder,
    ):
        prepared, result = Path(scratch) / "prepared.onnx", folder / "model.onnx"
        # Symbolic shape inference does not get past BERT's position slice; ONNX's own suffices.
        quant_pre_process(str(parent / "model.onnx"), str(prepared), skip_symbolic_shape=True)
        if step["method"] == "dynamic":
            quantize_dynamic(
                str(prepared), str(result), extra_options=CONSTANT_WEIGHTS_ONLY, **shared
            )
        else:
            calibration = step["calibration"]
            kept = activation_products(onnx.load(prepared))
            quantize_static(
                str(prepared),
                str(result),
                CalibrationTexts(source, train, calibration["texts"], seed),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                calibrate_method=METHODS[calibration["method"]],
                nodes_to_exclude=kept,
                extra_options={
                    # Products give fp32: quantizing them again costs time and accuracy, and what
                    # follows (bias, softmax, GELU, layer norm) is computed in fp32 anyway.
                    "OpTypesToExcludeOutputQuantization": kinds,
                    "CalibStridedMinMax": 1,
                    "CalibPercentile": calibration["percentile"],
                },
                **shared,
            )
        lost, share = compare_weights(prepared, result)
        if share == 0:
            raise UserError(f"{out}: nothing was quantized; the graph has no {', '.join(kinds)}")
        (folder / "tokenizer.json").write_bytes((parent / "tokenizer.json").read_bytes())
        derived(
            folder,
            source,
            step,
            ("onnx", "onnxruntime", "numpy"),
            nonzero_params=source.manifest["nonzero_params"] - lost,
            weight_bits=8,
            findings={"int8_weight_share": round(share, 4)},
        )


def activation_products(model: onnx.ModelProto) -> list[str]:
    """Return the names of the MatMul nodes of two activations (attention), which stay fp32."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and not constants & set(node.input)
    ]


def compare_weights(before: Path, after: Path) -> tuple[int, float]:
    """Return (weights that became zero, share of all weights that are stored in 8 bits).

    The quantizer makes products signed (zero is 0) and embedding tables unsigned (zero is their
    zero point).
    """
    fp32 = {t.name: t for t in onnx.load(before).graph.initializer}
    stored = {t.name: t for t in onnx.load(after).graph.initializer}
    lost = quantized = 0
    for name, original in fp32.items():
        tensor = stored.get(f"{name}_quantized")
        if tensor is None or tensor.data_type not in (INT8, UINT8):
            continue
        values = numpy_helper.to_array(tensor)
        zero = numpy_helper.to_array(stored[f"{name}_zero_point"])
        if zero.size > 1 and zero.any():
            raise ValueError(f"{after}: zero points of {name} differ by channel")
        quantized += values.size
        lost += int(np.count_nonzero(numpy_helper.to_array(original)))
        lost -= int(np.count_nonzero(values != zero.flat[0]))
    total = sum(
        int(np.prod(t.dims)) for t in fp32.values() if t.data_type == onnx.TensorProto.FLOAT
    )
    return lost, quantized / max(total, 1)
