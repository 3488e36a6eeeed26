"""Runs a transformer in OpenVINO on the CPU: `model.xml` and `model.bin`, or an fp32 `model.onnx`."""

import importlib.util
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime import processor
from emopress.runtime.bundle_reader import Bundle, read_bundle
from emopress.runtime.classifier import Normaliser, labels_and_normaliser
from emopress.runtime.overflow import halve_weights
from emopress.runtime.stored import stored_apart
from emopress.runtime.tokens import Encoder, TokenClassifier, encoder_of

EXTRA = "runtime openvino is an extra: pip install -r requirements-openvino.lock"
STEP = 8  # tokens
SMALL_BYTES = 64 * 2**20


def installed() -> bool:
    """Return whether openvino is installed, without importing it."""
    try:
        return importlib.util.find_spec("openvino") is not None
    except ValueError:  # a module without a spec is in its place
        return False


def reads_onnx(bundle: Bundle) -> bool:
    """Return whether OpenVINO can run a bundle's graph as it is: fp32, weights and all in one file."""
    facts = bundle.facts
    whole = facts["runtime"] == "onnxruntime" and not stored_apart(facts["files"])
    return bool(whole and facts["weight_bits"] == 32)


def import_openvino() -> Any:
    """Return the module openvino, its telemetry switched off; UserError if it is not installed.

    Importing openvino (and nncf) otherwise writes a client id into the home folder and may send
    events. Both go without where the package openvino_telemetry is missing, so it is made to be.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ModuleNotFoundError as error:
        if error.name != "openvino":
            raise
        raise UserError(EXTRA) from None
    return openvino


def compile_model(model: Any, *, precision: str, threads: int, what: str) -> Any:
    """Compile an ov.Model, or the path of one, for low latency on the CPU.

    `precision` (f32, bf16, f16) is what everything but int8 layers is computed in. Left alone,
    OpenVINO computes fp32 models in bf16 where it can, and an f16 hint in bf16 where it must:
    UserError, naming `what`, if the compiled model has another precision than asked for.
    """
    core = import_openvino().Core()
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # else all jobs of a machine pin to the same core
            # Fused attention reads memory it never wrote in DistilBERT's int8 graph with a fixed
            # shape (2026.4.1: random logits); without fusion a text takes 3 to 10 % longer.
            "SNIPPETS_MODE": "DISABLE",
        },
    )
    used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if used != precision:
        able = {"FP32": "f32", "BF16": "bf16", "FP16": "f16"}
        offered = [
            able[c] for c in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") if c in able
        ]
        raise UserError(
            f"{what}: this CPU does not compute in {precision}, OpenVINO would use {used}; "
            f"it supports {', '.join(sorted(offered))}"
        )
    return compiled


class OpenvinoClassifier(TokenClassifier):
    """A transformer in OpenVINO on the CPU, in one stream.

    Whenever the shape of its input changes, OpenVINO prepares every node of a graph with free shapes
    anew: about half a millisecond, which is a third of what a small int8 model takes for a text.
    Single texts are therefore padded to a multiple of `STEP` tokens, and each of these few lengths has
    a graph of its own, compiled when it first occurs. Each holds its own copy of the weights, so models
    of more than `SMALL_BYTES`, to which half a millisecond is little, make do with the free shapes.
    Padding is masked: it changes logits by rounding only.
    """

    def __init__(
        self,
        model: Path,
        encoder: Encoder,
        *,
        labels: list[str],
        normalise: Normaliser,
        threads: int,
        precision: str,
    ) -> None:
        super().__init__(labels, normalise, encoder)
        self.model = import_openvino().Core().read_model(str(model))
        if processor.products_overflow():
            halve_weights(self.model)
        self.compile = partial(compile_model, precision=precision, threads=threads, what=str(model))
        weights = model.with_suffix(".bin") if model.suffix == ".xml" else model
        self.small = weights.stat().st_size <= SMALL_BYTES
        self.any_shape = self.compile(self.model).create_infer_request()
        self.single: dict[int, Any] = {}  # tokens -> infer request for one text

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "OpenvinoClassifier":
        """Open a bundle; it predicts on the CPU, whatever `device` is."""
        return cls(
            bundle.folder / "model.xml",
            encoder_of(bundle),
            **labels_and_normaliser(bundle.manifest),
            threads=threads,
            precision=bundle.manifest["inference_precision"],
        )

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch."""
        inputs, request = self.encoder(texts), self.any_shape
        if len(texts) == 1 and self.small:
            inputs = self._padded(inputs)
            request = self._request(inputs["input_ids"].shape[1])
        result = request.infer(inputs, share_inputs=True)
        return np.array(result["logits"])  # a copy: the next text writes into the same memory

    def _padded(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the inputs [1, T] of one text with T rounded up."""
        tokens = inputs["input_ids"].shape[1]
        shape = (1, max(tokens, min(-(-tokens // STEP) * STEP, self.encoder.max_length)))
        padded = {
            "input_ids": np.full(shape, self.encoder.pad_id, dtype=np.int64),
            "attention_mask": np.zeros(shape, dtype=np.int64),
        }
        for name, array in inputs.items():
            padded[name][:, :tokens] = array
        return padded

    def _request(self, tokens: int) -> Any:
        """Return the infer request for one text of exactly `tokens` tokens."""
        if tokens not in self.single:
            fixed = self.model.clone()
            fixed.reshape({name: [1, tokens] for name in ("input_ids", "attention_mask")})
            self.single[tokens] = self.compile(fixed).create_infer_request()
        return self.single[tokens]


def load_onnx(folder: Path, *, threads: int, verify: bool = True) -> OpenvinoClassifier:
    """Load a bundle of ONNX Runtime in OpenVINO, computing in fp32; UserError unless it `reads_onnx`.

    What a study's reference takes in this engine shows what the engine alone gives.
    """
    bundle = read_bundle(folder, verify=verify)
    if not reads_onnx(bundle):
        raise UserError(
            f"{folder}: OpenVINO reads a whole fp32 ONNX graph, which this bundle does not have"
        )
    return OpenvinoClassifier(
        folder / "model.onnx",
        encoder_of(bundle),
        **labels_and_normaliser(bundle.manifest),
        threads=threads,
        precision="f32",
    )
