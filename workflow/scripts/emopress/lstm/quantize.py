"""Bundles of quantized LSTM classifiers: a checkpoint to packed codes and a graph that computes in integers."""

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
from emopress.lstm.integer_graph import integer_graph
from emopress.lstm.post_training import QuantizedLstm, Settings, quantized_network
from emopress.lstm.weights import LstmWeights, read_weights
from emopress.runtime.codes import FILE, read_codes, write_codes
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
FP32 = ("bias", "output_bias", "log_prior")  # what is not quantized


def settings_of(entry: "Rtn | Gpfq") -> Settings:
    """Return how a pass quantizes; activations take as many bits as weights unless it says otherwise."""
    return Settings(
        method=entry.method,
        bits=entry.bits,
        activation_bits=entry.activation_bits or entry.bits,
        percentile=entry.percentile,
        activation_percentile=entry.activation_percentile,
    )


def quantize_lstm(
    *, parent: Path, step: "Step[Rtn | Gpfq]", seed: int, train: Path, out: Path
) -> None:
    """Quantize the LSTM checkpoint `parent` as the pass `step` says and write it as a bundle to `out`.

    The calibration texts are drawn from the file `train` with `seed`. UserError if the logits of what was
    written are not those of the quantized network.
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
    graph, matrices = integer_graph(model)
    with replaced_folder(out) as folder:
        onnx.save(graph, folder / MODEL)
        write_codes(folder / FILE, {n: (m.codes, m.bits) for n, m in matrices.items()})
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
        )


def check_graph(folder: Path, model: QuantizedLstm, ids: np.ndarray, mask: np.ndarray) -> None:
    """Raise UserError unless the files of `folder` give the network's logits on the start of some texts.

    Of texts the median of their largest gaps counts: an activation that lies half way between two codes
    to the last bit may be rounded to either, which moves that one text, and a wrong graph moves all. The
    longer a text, the likelier that is, hence its start.
    """
    import onnxruntime

    options = session_options(1)
    codes = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(array)
        for name, array in read_codes(folder / FILE).items()
    }
    options.add_external_initializers(list(codes), list(codes.values()))
    session = onnxruntime.InferenceSession(
        str(folder / MODEL), options, providers=["CPUExecutionProvider"]
    )
    ids, mask = ids[:CHECKED, :CHECKED], mask[:CHECKED, :CHECKED]
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
