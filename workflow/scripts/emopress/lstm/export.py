"""The fp32 bundle of an LSTM checkpoint: an ONNX graph that ONNX Runtime runs as any other."""

from pathlib import Path

import onnx

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import read_checkpoint
from emopress.lstm.float_graph import lstm_graph
from emopress.lstm.weights import read_weights
from emopress.train.tokenizer import copy_tokenizer, pad_id


def export_lstm(checkpoint: Path, out: Path) -> None:
    """Write the fp32 ONNX bundle of an LSTM checkpoint; UserError if its logits are not PyTorch's."""
    from tokenizers import Tokenizer

    from emopress.bundle.export_check import check_export
    from emopress.lstm.model import model_of

    source, weights = read_checkpoint(checkpoint), read_weights(checkpoint)
    padding = pad_id(Tokenizer.from_file(str(checkpoint / "tokenizer.json")))
    with replaced_folder(out) as folder:
        onnx.save(lstm_graph(weights), str(folder / "model.onnx"))
        network = model_of(weights)
        check_export(
            folder / "model.onnx",
            lambda ids, mask: network(ids, mask).logits,
            len(weights.embedding),
        )
        copy_tokenizer(checkpoint, folder)
        exported(
            folder,
            source,
            ("torch", "onnx", "onnxruntime"),
            runtime="onnxruntime",
            pad_id=padding,
            weight_bits=32,
        )
