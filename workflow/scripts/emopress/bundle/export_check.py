"""Holds an exported graph against the network that it was made from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from emopress.errors import UserError
from emopress.runtime.onnxruntime import session_options

LARGEST_GAP = 1e-3  # of a logit; those of a generative model are sums over all tokens of a text


def check_export(
    path: Path, network: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], vocabulary: int
) -> None:
    """Raise UserError unless an ONNX graph gives the network's logits on a batch with padding.

    The batch is shorter than the example from which a graph may have been traced.
    `network` takes ids and mask; `vocabulary` is the number of ids that it knows.
    """
    ids = torch.randint(0, vocabulary, (3, 5), generator=torch.manual_seed(1))
    mask = torch.tensor([[1] * 5, [1] * 3 + [0] * 2, [1] + [0] * 4])
    with torch.inference_mode():
        expected = network(ids, mask).numpy()
    session = onnxruntime.InferenceSession(
        str(path), session_options(torch.get_num_threads()), providers=["CPUExecutionProvider"]
    )
    logits = session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]
    gap = float(np.abs(np.asarray(logits) - expected).max())
    if not gap < LARGEST_GAP:
        raise UserError(f"{path}: exported logits differ from PyTorch's by {gap:.2g}")
