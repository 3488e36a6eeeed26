"""The fp32 bundle of an LSTM checkpoint: an ONNX graph that ONNX Runtime runs as any other."""

from pathlib import Path

import numpy as np
import onnx

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import read_checkpoint
from emopress.errors import UserError
from emopress.lstm.float_graph import lstm_graph
from emopress.lstm.weights import LstmWeights, read_weights
from emopress.runtime.onnxruntime import session_options
from emopress.train.tokenizer import copy_tokenizer, pad_id

LARGEST_GAP = 1e-3  # of a logit; those of a generative model are sums over all tokens of a text


def export_lstm(checkpoint: Path, out: Path) -> None:
    """Write the fp32 ONNX bundle of an LSTM checkpoint; UserError if its logits are not PyTorch's."""
    from tokenizers import Tokenizer

    source, weights = read_checkpoint(checkpoint), read_weights(checkpoint)
    padding = pad_id(Tokenizer.from_file(str(checkpoint / "tokenizer.json")))
    with replaced_folder(out) as folder:
        onnx.save(lstm_graph(weights), str(folder / "model.onnx"))
        check_export(weights, folder / "model.onnx")
        copy_tokenizer(checkpoint, folder)
        exported(
            folder,
            source,
            ("torch", "onnx", "onnxruntime"),
            runtime="onnxruntime",
            pad_id=padding,
            weight_bits=32,
        )


def check_export(weights: LstmWeights, path: Path) -> None:
    """Raise UserError unless the graph gives PyTorch's logits on a batch with padding."""
    import onnxruntime
    import torch

    from emopress.lstm.model import model_of

    ids = torch.randint(0, len(weights.embedding), (3, 7), generator=torch.manual_seed(1))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] * 2 + [0] * 5])
    with torch.inference_mode():
        expected = model_of(weights)(ids, mask).logits.numpy()
    session = onnxruntime.InferenceSession(
        str(path), session_options(torch.get_num_threads()), providers=["CPUExecutionProvider"]
    )
    logits = session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
    gap = float(np.abs(np.asarray(logits) - expected).max())
    if not gap < LARGEST_GAP:
        raise UserError(f"{path}: exported logits differ from PyTorch's by {gap:.2g}")
