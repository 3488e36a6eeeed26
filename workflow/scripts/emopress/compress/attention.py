"""An attention implementation for transformers that hands out its distributions whole, for distillation."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

UNDROPPED = "emopress-undropped"


def undropped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Return the output [B, T, H, D] of eager attention and its distributions before their dropout.

    The library's own returns them after it: no distributions any more, with zeros where a teacher's
    are not, on which KL(teacher || student) is infinite.
    """
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = F.softmax(scores, dim=-1)
    dropped = F.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(dropped, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(UNDROPPED, undropped_attention)
AttentionMaskInterface.register(UNDROPPED, eager_mask)
