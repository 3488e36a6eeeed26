"""Post-training int8 quantization of transformer and LSTM bundles, with ONNX Runtime's quantizer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from emopress.artifact import replaced_folder
from emopress.bundle.calibration import CalibrationTexts, calibration_feeds
from emopress.bundle.graph import (
    PRODUCTS,
    activation_products,
    layer_of,
    only_products_read_integers,
)
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.runtime.bundle import Bundle, read_bundle

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
INT8, UINT8 = onnx.TensorProto.INT8, onnx.TensorProto.UINT8
DYNAMIC = {  # heeded by the dynamic quantizer alone
    "MatMulConstBOnly": True,
    "EnableSubgraph": True,  # a generative LSTM's softmax matrix is read within a Scan
}


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
    recurrent = ["LSTM"] if step["method"] == "dynamic" else []
    kinds = [*PRODUCTS, *recurrent, *(["Gather"] if step["embeddings"] else [])]
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
            quantize_dynamic(str(prepared), str(result), extra_options=DYNAMIC, **shared)
            findings = {}
        else:
            findings = _static(prepared, result, source, step, seed, train, shared)
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
            findings={"int8_weight_share": round(share, 4), **findings},
        )


def _static(
    prepared: Path,
    result: Path,
    source: Bundle,
    step: dict[str, Any],
    seed: int,
    train: Path,
    shared: dict[str, Any],
) -> dict[str, Any]:
    """Write the graph `prepared` with calibrated QDQ nodes to `result`; return findings.

    Activations and embedding tables are unsigned, weights of products signed. Symmetric: the zero
    point is 128, which is the signed grid around zero. Signed activations would be the same numbers,
    but ONNX Runtime on x86 has no kernel for them and turns weights back to fp32 in every run
    (measured: 15 times slower).
    """
    calibration, model = step["calibration"], onnx.load(prepared)
    kept = kept_layers(model, step["keep_fp32"])
    feeds = calibration_feeds(source, train, calibration, seed)
    quantize_static(
        str(prepared),
        str(result),
        CalibrationTexts(feeds),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        calibrate_method=METHODS[calibration["method"]],
        nodes_to_exclude=[*activation_products(model), *kept],
        extra_options={
            # Products give fp32: quantizing them again costs time and accuracy, and what
            # follows (bias, softmax, GELU, layer norm) is computed in fp32 anyway.
            "OpTypesToExcludeOutputQuantization": shared["op_types_to_quantize"],
            "ActivationSymmetric": step["symmetric"],
            "CalibStridedMinMax": 1,
            "CalibPercentile": calibration["percentile"],
        },
        **shared,
    )
    quantized = onnx.load(result)
    left = {*activation_products(model), *kept}
    products = (n for n in model.graph.node if n.op_type in PRODUCTS and n.name not in left)
    only_products_read_integers(quantized, {node.input[0] for node in products})
    onnx.save(quantized, result)
    return {"calibration_texts": len(feeds), "layers_kept_fp32": len(kept)}


def named_by(pattern: str, layer: str) -> bool:
    """Return whether a pattern of keep_fp32 names a layer, or a module that the layer is in.

    Shell-style (`*`, `?`, `[...]`; `*` goes across dots). The layer bert.encoder.layer.0.output.dense
    is known without `bert.` too, and with the `model.` that the exporter puts before it.
    """
    for name in (layer, layer.partition(".")[2], f"model.{layer}"):
        parts = name.split(".") if name else []
        for end in range(1, len(parts) + 1):
            if fnmatchcase(".".join(parts[:end]), pattern):
                return True
    return False


def kept_layers(model: onnx.ModelProto, patterns: list[str]) -> list[str]:
    """Return the names of the nodes with weights (products, tables) that keep_fp32 names.

    UserError for a pattern that names none, and if nothing is left to quantize.
    """
    constants = {t.name for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT}
    layers = {
        node.name: layer_of(node.name)
        for node in model.graph.node
        if node.op_type in (*PRODUCTS, "Gather") and constants & set(node.input[:2])
    }
    for pattern in patterns:
        if not any(named_by(pattern, layer) for layer in layers.values()):
            some = list(layers.values())
            raise UserError(
                f"keep_fp32: no layer is named {pattern!r}; layers are, for example, "
                f"{', '.join(dict.fromkeys([*some[:4], *some[-2:]]))}"
            )
    kept = [node for node, layer in layers.items() if any(named_by(p, layer) for p in patterns)]
    if kept and len(kept) == len(layers):
        raise UserError(f"keep_fp32: {', '.join(patterns)} keeps every layer fp32")
    return kept


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
