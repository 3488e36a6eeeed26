"""AdamW, a learning rate that rises and falls, and gradient checkpointing."""

from typing import TYPE_CHECKING, Any

import torch
from torch.optim.lr_scheduler import LambdaLR

from emopress.errors import UserError

if TYPE_CHECKING:
    from emopress.entries.training import Training


def adamw(model: torch.nn.Module, settings: "Training") -> torch.optim.AdamW:
    """Return AdamW for the trainable tensors of `model`; weight decay is for matrices, not for biases and norms."""
    trained = [p for p in model.parameters() if p.requires_grad]
    decay = [p for p in trained if p.ndim > 1]
    plain = [p for p in trained if p.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": decay, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        fused=True,
    )


def rise_and_fall(optimizer: torch.optim.Optimizer, warmup: float, total: int) -> LambdaLR:
    """Return the schedule of `total` steps: linear up over the share `warmup` of them, then linear to zero."""
    rising = max(1, round(warmup * total))

    def factor(step: int) -> float:
        return (step + 1) / rising if step < rising else (total - step) / max(1, total - rising)

    return LambdaLR(optimizer, factor)


def checkpoint_gradients(model: torch.nn.Module) -> None:
    """Have each layer of a transformer recompute its activations in the backward pass, in place.

    (Chen et al. 2016, Training deep nets with sublinear memory cost.) The non-reentrant form, which
    also works where the first trainable tensor comes after frozen ones. UserError if `model` holds no
    transformer.
    """
    for module in model.modules():
        enable: Any = getattr(module, "activation_checkpointing_enable", None)
        if enable:
            enable({"use_reentrant": False})
            return
    raise UserError("gradient_checkpointing: this model has no transformer layers")
