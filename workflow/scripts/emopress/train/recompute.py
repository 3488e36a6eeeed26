"""Gradient checkpointing: activations that are computed twice, for a training that takes less memory."""

from typing import Any

import torch

from emopress.errors import UserError


def checkpoint_gradients(model: torch.nn.Module) -> None:
    """Have each layer of a transformer recompute its activations in the backward pass, in place.

    (Chen et al. 2016, Training deep nets with sublinear memory cost.) The non-reentrant form, which
    also works where the first trainable tensor stands behind frozen ones. UserError if `model` holds no
    transformer.
    """
    for module in model.modules():
        enable: Any = getattr(module, "activation_checkpointing_enable", None)
        if enable:
            enable({"use_reentrant": False})
            return
    raise UserError("gradient_checkpointing: this model has no transformer layers")
