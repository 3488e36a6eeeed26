"""Converts a checkpoint trained with fake quantization to an ONNX bundle that computes in integers."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization.shape_inference import quant_pre_process
from safetensors.numpy import load_file

from emopress.artifact import replaced_folder
from emopress.bundle.activation_ranges import Range
from emopress.bundle.export import export_transformer
from emopress.bundle.manifest import exported
from emopress.bundle.nodes import PRODUCTS, activation_products, layer_of
from emopress.bundle.qdq import write_qdq
from emopress.bundle.quantize import finish_int8, session_threads
from emopress.bundle.quantize_blocks import write_blocks
from emopress.checkpoint import Checkpoint, read_checkpoint
from emopress.compress.fakequant import RANGES, REFERENCE
from emopress.errors import UserError
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.onnxruntime import session_options

LARGEST_ERROR = 0.02  # mean absolute difference of logits, as a share of their standard deviation
PACKAGES = ("torch", "transformers", "onnx", "onnxruntime", "numpy")


def input_ranges(model: onnx.ModelProto, ranges: dict[str, np.ndarray]) -> dict[str, Range]:
    """Return (lower, upper) by tensor name for the input of every product with constant weights.

    `ranges` has [lower, upper] by layer name. ValueError if a product has no range, a range no
    product, or a tensor two different ones: the graph is not the model that was trained.
    """
    activations = set(activation_products(model))
    by_tensor: dict[str, Range] = {}
    waiting = set(ranges)
    for node in model.graph.node:
        if node.op_type not in PRODUCTS or node.name in activations:
            continue
        layer = layer_of(node.name)
        if layer not in ranges:
            raise ValueError(f"no trained range for the layer {layer} of node {node.name}")
        pair = (float(ranges[layer][0]), float(ranges[layer][1]))
        if by_tensor.setdefault(node.input[0], pair) != pair:
            raise ValueError(f"two trained ranges for {node.input[0]}, which {node.name} reads")
        waiting.discard(layer)
    if waiting:
        raise ValueError(f"no node for the trained ranges of {', '.join(sorted(waiting))}")
    return by_tensor


def convert_qat(*, checkpoint: Path, out: Path, threads: int) -> None:
    """Write the bundle of the checkpoint of a qat pass: its weights and trained ranges in integers.

    UserError if the checkpoint is of another pass, or if the bundle's logits on the checkpoint's
    reference texts are not the fake-quantized model's (LARGEST_ERROR).
    """
    source = read_checkpoint(checkpoint)
    step = source.manifest["recipe"][-1]
    if step.get("kind") != "qat" or not (checkpoint / REFERENCE).is_file():
        raise UserError(f"{checkpoint}: not the checkpoint of a qat pass; export it instead")
    with (
        session_threads(threads),
        tempfile.TemporaryDirectory() as scratch,
        replaced_folder(out) as folder,
    ):
        fp32 = Path(scratch) / "fp32"
        export_transformer(checkpoint, fp32)
        shutil.copyfile(fp32 / "tokenizer.json", folder / "tokenizer.json")
        convert = _to_int8 if step["weights"] == "int8" else _to_int4
        facts, findings = convert(fp32, folder, source, step)
        error = logit_error(folder / "model.onnx", checkpoint / REFERENCE, threads=threads)
        if not error < LARGEST_ERROR:
            raise UserError(
                f"{out}: the converted model's logits differ from the trained one's by {error:.1%} "
                f"of their standard deviation ({LARGEST_ERROR:.0%} is allowed)"
            )
        findings |= {"logit_error_share_of_sd": round(error, 5)}
        known = source.manifest["findings"]
        exported(
            folder,
            source,
            PACKAGES,
            runtime="onnxruntime",
            pad_id=read_bundle(fp32).manifest["pad_id"],
            findings={**known, step["name"]: {**known[step["name"]], **findings}},
            **facts,
        )


def logit_error(model: Path, reference: Path, *, threads: int) -> float:
    """Return the mean absolute difference to the reference logits over their standard deviation."""
    tensors = load_file(reference)
    options = session_options(threads)
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    expected = tensors.pop("logits")
    logits = np.asarray(session.run(["logits"], tensors)[0])
    return float(np.abs(logits - expected).mean() / expected.std())


def _to_int8(
    fp32: Path, folder: Path, source: Checkpoint, step: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write model.onnx in int8 from the bundle `fp32`; return facts for its manifest, and findings."""
    prepared, result = fp32 / "prepared.onnx", folder / "model.onnx"
    quant_pre_process(str(fp32 / "model.onnx"), str(prepared), skip_symbolic_shape=True)
    ranges = input_ranges(onnx.load(prepared), load_file(source.folder / RANGES))
    write_qdq(prepared, result, ranges, per_channel=step["per_channel"])
    lost, share = finish_int8(prepared, result, tables=step["embeddings"])
    facts = {"nonzero_params": source.manifest["nonzero_params"] - lost, "weight_bits": 8}
    return facts, {"int8_weight_share": round(share, 4)}


def _to_int4(
    fp32: Path, folder: Path, source: Checkpoint, step: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write model.onnx in int4 from the bundle `fp32`; return facts for its manifest, and findings."""
    findings = write_blocks(
        fp32 / "model.onnx",
        folder / "model.onnx",
        scheme="int4",
        block_size=step["block_size"],
        symmetric=True,
        embeddings="int4" if step["embeddings"] else "fp32",
    )
    nonzero = source.manifest["nonzero_params"] - findings["weights_rounded_to_zero"]
    return {"nonzero_params": nonzero, "weight_bits": 4, "activation_bits": 8}, findings
