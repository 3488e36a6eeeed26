"""Unstructured magnitude pruning of a checkpoint, with optional recovery training."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emopress.compress.derive import Child
from emopress.train.run import TrainingRun

if TYPE_CHECKING:
    from emopress.entries.prune import Magnitude
    from emopress.entries.step import Step


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


def linear_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the encoder's linear layers by name; the output layer is left alone.

    The last linear layer has a few thousand weights that all classes depend on.
    """
    weights = {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }
    return dict(list(weights.items())[:-1])


def apply_masks(model: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set the weights whose mask is False to zero, in place.

    To +0, which is what a packed file stores as one bit: a product with the mask would make -0 of
    every negative weight.
    """
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].masked_fill_(~mask.to(parameters[name].device), 0.0)


def prune_magnitude(
    *,
    parent: Path,
    step: "Step[Magnitude]",
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
    device: str,
    run: TrainingRun,
    teacher_logits: Path | None = None,
) -> None:
    """Prune the checkpoint `parent` as the pass `step` says, and write it to `out`.

    Recovery training holds the zeros, those of an earlier pruning too: masks are applied again
    after every step.
    """
    child = Child(parent, step, seed=seed)
    model = child.model
    weights = linear_weights(model)
    masks = {
        name: mask & (weights[name] != 0)
        for name, mask in magnitude_masks(weights, step.entry.amount, step.entry.scope).items()
    }
    apply_masks(model, masks)
    trainer = child.recover(
        step.entry,
        train,
        validation,
        run,
        device=device,
        teacher_logits=teacher_logits,
        after_step=lambda: apply_masks(model, masks),
    )
    apply_masks(model, masks)
    removed = sum(int((~mask).sum()) for mask in masks.values())
    total = sum(mask.numel() for mask in masks.values())
    findings = {"zero_share_of_linear_weights": round(removed / total, 4)}
    child.write(out, findings, trainer)
