"""Bundles of quantized LSTM classifiers: a checkpoint to a graph that holds its weights packed at their bits."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from emopress.artifact import replaced_folder
from emopress.bundle.calibration import in_own_order
from emopress.bundle.manifest import exported
from emopress.checkpoint import read_checkpoint, with_findings
from emopress.errors import UserError
from emopress.lstm import forward
from emopress.lstm.fused_graph import fused_graph
from emopress.lstm.integer_graph import integer_graph
from emopress.lstm.post_training import QuantizedLstm, Settings, quantized_network
from emopress.lstm.weights import LstmWeights, read_weights
from emopress.runtime.onnxruntime import session_options
from emopress.runtime.tokens import Encoder
from emopress.tasks import label_array
from emopress.train.sample import calibration_rows
from emopress.train.splits import read_split
from emopress.train.tokenizer import copy_tokenizer, pad_id

if TYPE_CHECKING:
    from emopress.entries.quantize import Gpfq, Rtn
    from emopress.entries.step import Step

MODEL = "model.onnx"
PACKAGES = ("onnx", "onnxruntime", "numpy", "scipy")
LARGEST_GAP = 1e-3  # of a logit, in the median of texts
CHECKED = 16  # calibration texts, and first tokens of each, that the graph is compared on
RUN_TIME_BITS = 8  # of the activations of `fused_graph`
FP32 = ("bias", "output_bias", "log_prior")  # what is not quantized


def settings_of(entry: "Rtn | Gpfq") -> Settings:
    """Return how a pass quantizes."""
    return Settings(
        method=entry.method,
        bits=entry.bits,
        activation_bits=entry.activation_bits,
        percentile=entry.percentile,
        activation_percentile=entry.activation_percentile,
    )


def quantize_lstm(
    *, parent: Path, step: "Step[Rtn | Gpfq]", seed: int, train: Path, out: Path
) -> None:
    """Quantize the LSTM checkpoint `parent` as the pass `step` says and write it as a bundle to `out`.

    With activation_bits the graph is `integer_graph`, else `fused_graph`. The calibration texts are drawn from the
    file `train` with `seed`. UserError if the logits of what was written are not those of the quantized network.
    """
    source, weights = read_checkpoint(parent), read_weights(parent)
    encoder = checkpoint_encoder(parent, source.manifest["max_length"])
    split = read_split(train)
    labels = label_array(split.labels, len(source.labels))
    sample = step.entry.calibration
    rows = calibration_rows(labels, texts=sample.texts, balanced=sample.balanced, seed=seed)
    rows = in_own_order(rows, split)
    feed = encoder([split.texts[row] for row in rows])
    model, layers = quantized_network(
        weights,
        feed["input_ids"],
        feed["attention_mask"],
        labels[rows],
        settings_of(step.entry),
        seed=seed,
    )
    exact = step.entry.activation_bits
    graph = integer_graph(model) if exact else fused_graph(model)
    alone = "attention_mask" not in {each.name for each in graph.graph.input}
    with replaced_folder(out) as folder:
        onnx.save(graph, folder / MODEL)
        check_graph(folder, model, feed["input_ids"], feed["attention_mask"])
        copy_tokenizer(parent, folder)
        findings = {
            "calibration_texts": len(rows),
            "calibration_tokens": int(feed["attention_mask"].sum()),
            "quantized_layers": layers,
        }
        known = source.manifest["findings"]
        exported(
            folder,
            source,
            PACKAGES,
            recipe=[*source.manifest["recipe"], step.recorded],
            findings=with_findings(known, step.name, findings),
            kind=weights.kind,
            runtime="onnxruntime",
            pad_id=encoder.pad_id,
            nonzero_params=nonzero_params(weights, model),
            weight_bits=step.entry.bits,
            activation_bits=exact or RUN_TIME_BITS,
            **({"texts_per_call": 1} if alone else {}),
        )


def check_graph(folder: Path, model: QuantizedLstm, ids: np.ndarray, mask: np.ndarray) -> None:
    """Raise UserError unless the graph of `folder` gives the network's logits on the start of some texts.

    Of texts the median of their largest gaps counts: an activation that lies half way between two codes
    to the last bit may be rounded to either, which moves that one text, and a wrong graph moves all. The
    longer a text, the likelier that is, hence its start.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(folder / MODEL), session_options(1), providers=["CPUExecutionProvider"]
    )
    ids, mask = ids[:CHECKED, :CHECKED], mask[:CHECKED, :CHECKED]
    if len(session.get_inputs()) == 1:
        alone = [row[kept > 0][None] for row, kept in zip(ids, mask, strict=True)]
        logits = np.concatenate([session.run(["logits"], {"input_ids": row})[0] for row in alone])
    else:
        logits = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]
    gap = float(
        np.median(np.abs(np.asarray(logits) - forward.logits(model.network, ids, mask)).max(axis=1))
    )
    if not gap < LARGEST_GAP:
        raise UserError(
            f"{folder / MODEL}: its logits differ from the quantized network's by {gap:.2g}"
        )


def checkpoint_encoder(checkpoint: Path, max_length: int) -> Encoder:
    """Return what turns texts into the token ids of a checkpoint."""
    from tokenizers import Tokenizer

    path = checkpoint / "tokenizer.json"
    return Encoder(path, max_length=max_length, pad_id=pad_id(Tokenizer.from_file(str(path))))


def nonzero_params(weights: LstmWeights, model: QuantizedLstm) -> int:
    """Return how many numbers of a quantized model are not zero, those in fp32 among them."""
    kept = [getattr(weights, name) for name in FP32]
    return sum(int(np.count_nonzero(m.centred)) for m in model.matrices.values()) + sum(
        int(np.count_nonzero(array)) for array in kept if array is not None
    )
