"""Post-training int8 quantization of transformer and LSTM bundles, with ONNX Runtime's quantizer."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

from emopress.artifact import replaced_folder
from emopress.bundle.activation_ranges import Activations, activation_ranges
from emopress.bundle.block_writer import quantize_tables
from emopress.bundle.calibration import calibration_feeds
from emopress.bundle.lstm_weights import quantize_lstm_weights
from emopress.bundle.manifest import derived
from emopress.bundle.nodes import PRODUCTS, give_readers_copies, layer_of
from emopress.bundle.qdq import quantized_inputs, write_qdq
from emopress.checkpoint import GENERATIVE
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle, read_bundle

if TYPE_CHECKING:
    from emopress.entries.quantize import Dynamic, Static
    from emopress.entries.step import Step

DYNAMIC = {  # which only the dynamic quantizer reads
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


def quantize(
    *,
    parent: Path,
    step: "Step[Static | Dynamic]",
    seed: int,
    train: Path,
    out: Path,
    threads: int = 1,
) -> None:
    """Quantize the fp32 bundle `parent` to int8 as config entry `step` says, and write it to `out`.

    static: activations and weights as QDQ nodes, ranges calibrated on a seeded sample of `train`;
    dynamic: int8 weights, activation ranges at run time. Weights are signed int8, which x86 engines
    multiply fastest. UserError if nothing was quantized.
    """
    source, entry = read_bundle(parent), step.entry
    with (
        session_threads(threads),
        tempfile.TemporaryDirectory() as scratch,
        replaced_folder(out) as folder,
    ):
        prepared, result = Path(scratch) / "prepared.onnx", folder / "model.onnx"
        # Symbolic shape inference does not get past BERT's position slice; ONNX's own suffices.
        quant_pre_process(str(parent / "model.onnx"), str(prepared), skip_symbolic_shape=True)
        kept: list[str] = []
        findings: dict[str, Any] = {}
        generative = source.facts.get("kind") == GENERATIVE
        if entry.method == "dynamic":
            quantize_dynamic(
                str(prepared),
                str(result),
                op_types_to_quantize=[*PRODUCTS, *([] if generative else ["LSTM"])],
                per_channel=entry.per_channel,
                reduce_range=entry.reduce_range,
                weight_type=QuantType.QInt8,
                extra_options=DYNAMIC,
            )
            if generative:
                _quantize_lstm_weights(result)
        else:
            kept = kept_layers(onnx.load(prepared), entry.keep_fp32)
            findings = _static(
                prepared, result, source, entry, kept=kept, seed=seed, train=train, threads=threads
            )
        lost, share = finish_int8(prepared, result, tables=entry.embeddings, kept=kept)
        if share == 0:
            kinds = [*PRODUCTS, *(["Gather"] if entry.embeddings else [])]
            raise UserError(f"{out}: nothing was quantized; the graph has no {', '.join(kinds)}")
        derived(
            folder,
            source,
            step.recorded,
            nonzero_params=source.facts["nonzero_params"] - lost,
            weight_bits=8,
            **one_range_a_call(result),
            findings={"int8_weight_share": round(share, 4), **findings},
        )


def _quantize_lstm_weights(path: Path) -> None:
    model = onnx.load(path)
    quantize_lstm_weights(model)
    onnx.save(model, path)


def one_range_a_call(path: Path) -> dict[str, Any]:
    """Return the fact that a graph takes one text a call: an int8 LSTM has one range for all texts of a call.

    It would tell each text of the others, and of the padding. (So have other products, but these are one
    of many in a transformer.)
    """
    nodes = onnx.load(path, load_external_data=False).graph.node
    return {"texts_per_call": 1} if any(n.op_type == "DynamicQuantizeLSTM" for n in nodes) else {}


def _static(
    prepared: Path,
    result: Path,
    source: Bundle,
    entry: "Static",
    *,
    kept: list[str],
    seed: int,
    train: Path,
    threads: int,
) -> dict[str, Any]:
    """Write the graph `prepared` with calibrated QDQ nodes to `result`; return findings."""
    feeds = calibration_feeds(source, train, entry.calibration, seed)
    read = quantized_inputs(onnx.load(prepared), kept)
    seen = Activations(prepared, read, feeds, threads=threads)
    ranges = activation_ranges(seen, entry.calibration, symmetric=entry.symmetric)
    write_qdq(
        prepared,
        result,
        ranges,
        per_channel=entry.per_channel,
        reduce_range=entry.reduce_range,
        symmetric=entry.symmetric,
        kept=kept,
    )
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


def finish_int8(
    prepared: Path, result: Path, *, tables: bool, kept: Collection[str] = ()
) -> tuple[int, float]:
    """Store the embedding tables of `result`, whose products are in int8, in int8 too if `tables`.

    Returns (weights that became zero, share of all weights of `prepared` that are stored in 8 bits).
    """
    model = onnx.load(result)
    give_readers_copies(model)
    lost, stored = quantize_tables(model, kept) if tables else (0, 0)
    onnx.save(model, result)
    fp32 = {t.name: t for t in onnx.load(prepared).graph.initializer}
    for tensor in model.graph.initializer:
        name, _, added = tensor.name.rpartition("_")
        if added != "quantized" or tensor.data_type != onnx.TensorProto.INT8:
            continue
        values = numpy_helper.to_array(tensor)  # signed and symmetric: zero is 0
        stored += values.size
        lost += int(np.count_nonzero(numpy_helper.to_array(fp32[name])))
        lost -= int(np.count_nonzero(values))
    total = sum(
        int(np.prod(t.dims)) for t in fp32.values() if t.data_type == onnx.TensorProto.FLOAT
    )
    return lost, stored / max(total, 1)
