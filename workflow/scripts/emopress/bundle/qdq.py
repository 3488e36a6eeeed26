"""Writes an fp32 graph in static int8, as QDQ nodes, given the ranges of activations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

from emopress.bundle.activation_ranges import Range
from emopress.bundle.nodes import PRODUCTS, activation_products, only_products_read_integers


def quantized_inputs(model: onnx.ModelProto, kept: Sequence[str] = ()) -> list[str]:
    """Return the tensors that products with constant weights read, but for the nodes `kept` in fp32."""
    left = {*activation_products(model), *kept}
    read = [n.input[0] for n in model.graph.node if n.op_type in PRODUCTS and n.name not in left]
    return list(dict.fromkeys(read))


def write_qdq(
    prepared: Path,
    result: Path,
    ranges: Mapping[str, Range],
    *,
    per_channel: bool,
    reduce_range: bool = False,
    symmetric: bool = False,
    kept: Sequence[str] = (),
) -> None:
    """Write the pre-processed graph `prepared` with its products in int8 to `result`.

    `ranges`: of each of `quantized_inputs`. Activations are unsigned, weights signed. Symmetric: the zero
    point is 128, which is the signed grid around zero. Signed activations would be the same numbers,
    but ONNX Runtime on x86 has no kernel for them and turns weights back to fp32 in every run
    (measured: 15 times slower). Products of two activations and the nodes `kept` stay fp32.
    """
    model = onnx.load(prepared)
    cache = result.with_suffix(
        ".ranges.json"
    )  # as of a calibration that the quantizer need not run
    pairs: dict[str, Any] = {
        name: tuple(np.array(bound, dtype=np.float32) for bound in bounds)
        for name, bounds in ranges.items()
    }
    save_tensors_data(TensorsData(CalibrationMethod.MinMax, pairs), cache)
    quantize_static(
        str(prepared),
        str(result),
        None,
        calibration_cache_path=str(cache),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=list(PRODUCTS),
        per_channel=per_channel,
        reduce_range=reduce_range,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=[*activation_products(model), *kept],
        extra_options={
            # Products give fp32: quantizing them again costs time and accuracy, and what
            # follows (bias, softmax, GELU, layer norm) is computed in fp32 anyway.
            "OpTypesToExcludeOutputQuantization": list(PRODUCTS),
            "ActivationSymmetric": symmetric,
        },
    )
    cache.unlink()
    quantized = onnx.load(result)
    only_products_read_integers(quantized, set(ranges))
    onnx.save(quantized, result)
