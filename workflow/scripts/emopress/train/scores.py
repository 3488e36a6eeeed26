"""How a model that is being trained is judged: its logits for all texts, and their macro F1."""

import numpy as np
import torch
from torch import Tensor

from emopress.train.batches import Encoded, in_order_batches
from emopress.train.sizes import EVALUATION_BATCH


def macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the unweighted mean of the classes' F1 (0 for a class without any hit)."""
    scores = []
    for c in range(classes):
        hits = np.sum((labels == c) & (predicted == c))
        total = np.sum(labels == c) + np.sum(predicted == c)
        scores.append(2 * hits / total if total else 0.0)
    return float(np.mean(scores))


@torch.no_grad()
def logits_of(model: torch.nn.Module, data: Encoded, device: torch.device) -> Tensor:
    """Return the logits [N, C] of all texts, in their order, in fp32 on the CPU."""
    model.eval()
    result: list[Tensor | None] = [None] * len(data.ids)
    for indices in in_order_batches([len(ids) for ids in data.ids], EVALUATION_BATCH):
        logits = model(**data.batch(indices, device)).logits.float().cpu()
        for row, index in zip(logits, indices, strict=True):
            result[index] = row
    return torch.stack([row for row in result if row is not None])
