"""What a training run minimises: the loss on the labels, or that of distilling from a teacher's logits."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emopress.train.loop import Objective
from emopress.train.losses import (
    class_weights,
    distillation_loss,
    hard_loss,
    positive_weights,
    scheduled_temperature,
)

if TYPE_CHECKING:
    from emopress.entries.distill import Distill
    from emopress.entries.training import SoftTargets, Training


def label_weights(labels: Tensor, classes: int) -> Tensor:
    """Return what balances the labels [C]: by class, or where texts have sets of them by label."""
    return positive_weights(labels) if labels.ndim == 2 else class_weights(labels, classes)


def label_objective(
    labels: Tensor, settings: "Training", classes: int, device: torch.device
) -> Objective:
    """Return the objective of fine-tuning: cross-entropy on the labels, binary for sets of them.

    labels: [N] class indices, or [N, C] of 0 and 1.
    """
    weights = label_weights(labels, classes).to(device) if settings.class_weights else None

    def objective(output: Any, inputs: Any, indices: list[int], progress: float) -> Tensor:
        logits = output.logits.float()
        return hard_loss(logits, labels[indices].to(device), kind="cross_entropy", weights=weights)

    return objective


def distillation_objective(
    labels: Tensor,
    teacher: Tensor,
    distill: "Distill | SoftTargets",
    settings: "Training",
    device: torch.device,
) -> Objective:
    """Return the objective of response-based distillation from `teacher` logits.

    They are [N, C], or [K, N, C] of K teachers that are averaged; `labels` as in
    `label_objective`, sets of which are distilled through a sigmoid per label. Where the labels are fewer, they
    are those of the first texts, and the others have no hard loss. With `temperature_end` in `distill` the
    temperature moves there while training.
    """
    weights = None
    if settings.class_weights:
        weights = label_weights(labels, teacher.shape[-1]).to(device)
    all_labelled = len(labels) == teacher.shape[-2]

    def objective(output: Any, inputs: Any, indices: list[int], progress: float) -> Tensor:
        labelled = [place for place, index in enumerate(indices) if index < len(labels)]
        return distillation_loss(
            output.logits.float(),
            teacher[..., indices, :].to(device),
            labels[[indices[place] for place in labelled]].to(device),
            temperature=scheduled_temperature(
                distill.temperature, distill.temperature_end, progress
            ),
            alpha=distill.alpha,
            kind=distill.hard_loss,
            weights=weights,
            labelled=None if all_labelled else labelled,
        )

    return objective
