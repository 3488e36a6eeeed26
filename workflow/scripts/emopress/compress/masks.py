"""Which weights magnitude pruning removes, as a pure function of the weights."""

import torch
from torch import Tensor


def magnitude_masks(weights: dict[str, Tensor], amount: float, scope: str) -> dict[str, Tensor]:
    """Return a boolean mask per weight, True where it stays.

    Exactly round(amount * size) weights of the smallest absolute value go: of all weights together
    (`global`) or of each by itself (`layer`). Ties go in the order of the dict and of the memory.
    Magnitude pruning: Han, Pool, Tran, Dally 2015.
    """
    if scope == "layer":
        return {
            name: _keep(weight.abs().flatten(), amount).view_as(weight)
            for name, weight in weights.items()
        }
    if scope != "global":
        raise ValueError(f"unknown scope {scope!r}")
    keep = _keep(torch.cat([weight.abs().flatten() for weight in weights.values()]), amount)
    parts = keep.split([weight.numel() for weight in weights.values()])
    return {
        name: part.view_as(weight)
        for (name, weight), part in zip(weights.items(), parts, strict=True)
    }


def _keep(scores: Tensor, amount: float) -> Tensor:
    order = torch.argsort(scores, stable=True)
    keep = torch.ones_like(scores, dtype=torch.bool)
    keep[order[: round(amount * scores.numel())]] = False
    return keep
