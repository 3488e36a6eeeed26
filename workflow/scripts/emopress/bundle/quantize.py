"""Post-training int8 quantization of transformer bundles, with ONNX Runtime's quantizer."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
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
# Only products with a constant: attention's product of two activations stays fp32.
CONSTANT_WEIGHTS_ONLY = {"MatMulConstBOnly": True}


class CalibrationTexts(CalibrationDataReader):
    """Feeds training texts one by one: padding would widen the activation ranges."""

    def __init__(self, bundle: Bundle, train: Path, texts: int, seed: int) -> None:
        split = read_split(train)
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(split.texts), size=min(texts, len(split.texts)), replace=False)
        encoder = Encoder(
            bundle.folder / "tokenizer.json",
            max_length=bundle.manifest["max_length"],
            pad_id=bundle.manifest["pad_id"],
        )
        self.feeds: Iterator[dict[str, np.ndarray]] = iter(
            [encoder([split.texts[i]]) for i in sorted(chosen)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next feed, None at the end."""
        return next(self.feeds, None)


def quantize_bundle(
    *, parent: Path, step: dict[str, Any], seed: int, train: Path, out: Path
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
    with tempfile.TemporaryDirectory() as scratch, replaced_folder(out) as folder:
        prepared, result = Path(scratch) / "prepared.onnx", folder / "model.onnx"
        # Symbolic shape inference does not get past BERT's position slice; ONNX's own suffices.
        quant_pre_process(str(parent / "model.onnx"), str(prepared), skip_symbolic_shape=True)
        if step["method"] == "dynamic":
            quantize_dynamic(
                str(prepared), str(result), extra_options=CONSTANT_WEIGHTS_ONLY, **shared
            )
        else:
            calibration = step["calibration"]
            quantize_static(
                str(prepared),
                str(result),
                CalibrationTexts(source, train, calibration["texts"], seed),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                calibrate_method=METHODS[calibration["method"]],
                extra_options={
                    **CONSTANT_WEIGHTS_ONLY,
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
            int8_weight_share=round(share, 4),
        )


def compare_weights(before: Path, after: Path) -> tuple[int, float]:
    """Return (weights that became zero, share of all weights that are stored in int8)."""
    fp32 = {t.name: t for t in onnx.load(before).graph.initializer}
    lost = quantized = 0
    tensors = onnx.load(after).graph.initializer
    for tensor in tensors:
        name = tensor.name.removesuffix("_quantized")
        if tensor.data_type == onnx.TensorProto.INT8 and name != tensor.name and name in fp32:
            quantized += int(np.prod(tensor.dims))
            original = np.count_nonzero(numpy_helper.to_array(fp32[name]))
            lost += int(original) - int(np.count_nonzero(numpy_helper.to_array(tensor)))
    total = sum(
        int(np.prod(t.dims)) for t in fp32.values() if t.data_type == onnx.TensorProto.FLOAT
    )
    return lost, quantized / total
