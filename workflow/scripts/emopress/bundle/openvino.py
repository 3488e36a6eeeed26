"""Converts fp32 ONNX bundles for OpenVINO, with NNCF's post-training quantization for int8.

NNCF's algorithm (nncf.quantize, model type transformer): per-channel symmetric int8 weights of linear
layers and embeddings, asymmetric activations with ranges from the calibration texts, SmoothQuant (Xiao
et al. 2023, arXiv:2211.10438) before them and fast bias correction after.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emopress.artifact import replaced_folder
from emopress.bundle.calibration import calibration_feeds
from emopress.bundle.manifest import derived
from emopress.bundle.quantize_half import bfloat16, demand_fp16
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle, read_bundle
from emopress.runtime.openvino import EXTRA, compile_model, import_openvino

if TYPE_CHECKING:
    from emopress.entries.convert import OpenVino
    from emopress.entries.quantize import Calibration
    from emopress.entries.step import Step

COMPUTED_IN = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # the rest of int8
WEIGHT_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8}
WeightsByUse = dict[tuple[str, int], np.ndarray]


def import_nncf() -> Any:
    """Return the module nncf, which logs warnings only; UserError if it is not installed."""
    import_openvino()  # switches the telemetry of both off
    try:
        import nncf
    except ModuleNotFoundError as error:
        if error.name != "nncf":
            raise
        raise UserError(EXTRA) from None
    nncf.set_log_level(logging.WARNING)
    return nncf


@contextlib.contextmanager
def core_threads(threads: int) -> Iterator[None]:
    """Keep the models that NNCF compiles by itself to `threads` threads.

    It offers no option for them, and by default each takes every core.
    """
    ov = import_openvino()
    original = ov.Core

    def limited() -> Any:
        core = original()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
        return core

    ov.Core = limited
    try:
        yield
    finally:
        ov.Core = original


def openvino(
    *, parent: Path, step: "Step[OpenVino]", seed: int, train: Path, out: Path, threads: int = 1
) -> None:
    """Convert the fp32 bundle `parent` as config entry `step` says, and write it to `out`.

    bf16 and fp16 store weights so, and name the precision that the runtime computes in; int8 computes
    what is not int8 in fp32. The graph keeps its free shapes [B, T]. UserError if nothing was
    quantized, if a weight is beyond fp16, if this CPU lacks the precision, or if openvino or nncf is
    not installed.
    """
    ov = import_openvino()
    source, precision = read_bundle(parent), step.entry.precision
    model = ov.Core().read_model(str(parent / "model.onnx"))
    facts: dict[str, Any] = {}
    findings: dict[str, Any] = {"inference_precision": COMPUTED_IN[precision]}
    packages = ["openvino"]
    if precision == "int8":
        before = weights_by_use(model)
        size = sum(node.data.size for node in _floats(model))
        model = _quantized(
            model, source, step.entry.calibration, seed=seed, train=train, threads=threads
        )
        after = weights_by_use(model, stored="i8")
        share = sum(array.size for array in after.values()) / max(size, 1)
        if share == 0:
            raise UserError(f"{out}: nothing was quantized; the graph has no MatMul with weights")
        lost = sum(
            int(np.count_nonzero(before[use])) - int(np.count_nonzero(array))
            for use, array in after.items()
        )
        facts["nonzero_params"] = source.facts["nonzero_params"] - lost
        findings["int8_weight_share"] = round(share, 4)
        packages.append("nncf")
    if precision == "fp16":  # OpenVINO would cut what does not fit to 65504, in silence
        for node in _floats(model):
            if node.data.size > 1:
                demand_fp16(node.get_friendly_name(), node.data, f"{out}: fp16")
    elif precision == "bf16":
        _store_in_bf16(model, what=f"{out}: bf16")
    _name_by_place(model)
    with replaced_folder(out) as folder:
        path = folder / "model.xml"
        ov.save_model(model, str(path), compress_to_fp16=precision == "fp16")
        compile_model(
            str(path), precision=COMPUTED_IN[precision], threads=threads, what=f"{out}: {precision}"
        )
        derived(
            folder,
            source,
            step.recorded,
            tuple(packages),
            runtime="openvino",
            inference_precision=COMPUTED_IN[precision],
            weight_bits=WEIGHT_BITS[precision],
            findings=findings,
            **facts,
        )


def _quantized(
    model: Any,
    source: Bundle,
    calibration: "Calibration",
    *,
    seed: int,
    train: Path,
    threads: int,
) -> Any:
    """Return the int8 model; NNCF's progress bars go to sys.stderr."""
    nncf = import_nncf()
    feeds = calibration_feeds(source, train, calibration, seed)
    with core_threads(threads), contextlib.redirect_stdout(sys.stderr):
        return nncf.quantize(
            model,
            nncf.Dataset(feeds),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(feeds),
            # All of the 8 bits; where products overflow the runtime halves the range (`runtime.overflow`).
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.DISABLE
            ),
        )


def weights_by_use(model: Any, stored: str = "f32") -> WeightsByUse:
    """Return the constants of type `stored` by (name of the node that uses them, its input).

    int8 weights reach that node through Convert and Multiply. NNCF keeps the names of nodes, so the
    same key finds a weight before and after quantization.
    """
    weights: WeightsByUse = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Constant" or node.get_element_type().to_string() != stored:
            continue
        for use in node.output(0).get_target_inputs():
            while stored == "i8" and use.get_node().get_type_name() in ("Convert", "Multiply"):
                (use,) = use.get_node().output(0).get_target_inputs()
            weights[use.get_node().get_friendly_name(), use.get_index()] = node.data
    return weights


def _floats(model: Any) -> list[Any]:
    """Return the nodes of a model that hold fp32 values."""
    return [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type().to_string() == "f32"
    ]


def _store_in_bf16(model: Any, *, what: str) -> None:
    """Store the matrices of a model as bfloat16, each converted to fp32 where it is read, in place.

    `save_model` compresses to fp16 alone, and cuts what is beyond its range. Biases, layer norms and the
    attention mask's lowest number stay fp32, as in `bundle.quantize_half`.
    """
    from openvino import Tensor, Type, opset13

    for node in _floats(model):
        if sum(size > 1 for size in node.data.shape) < 2:
            continue
        name, readers = node.get_friendly_name(), node.output(0).get_target_inputs()
        tensor = Tensor(Type.bf16, node.data.shape)  # of an array it would share the memory
        tensor.data.view(np.uint16)[...] = bfloat16(name, node.data, what).view(np.uint16)
        constant = opset13.constant(tensor)
        constant.set_friendly_name(name)
        wide = opset13.convert(constant, "f32")
        wide.set_friendly_name(f"{name}_to_fp32")
        for reader in readers:
            reader.replace_source_output(wide.output(0))


def _name_by_place(model: Any) -> None:
    """Rename nodes that OpenVINO numbered by a counter of the process, so that equal models give equal files."""
    for place, node in enumerate(model.get_ordered_ops()):
        kind = node.get_type_name()
        prefix, _, number = node.get_friendly_name().rpartition("_")
        if prefix == kind and number.isdigit():
            node.set_friendly_name(f"{kind}_{place}")
