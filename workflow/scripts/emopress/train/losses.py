"""The losses of fine-tuning and distillation, as pure functions of logits."""

import torch
import torch.nn.functional as F
from torch import Tensor


def hard_loss(logits: Tensor, labels: Tensor, *, kind: str, weights: Tensor | None) -> Tensor:
    """Return the mean loss on the labels.

    logits [N, C], labels [N] with class indices, weights [C] or None. `kind` is `cross_entropy`, or
    `binary_cross_entropy`: every class on its own against the one-hot label, averaged over texts
    and classes (Rahman et al. 2025 distil with it).
    """
    if kind == "cross_entropy":
        return F.cross_entropy(logits, labels, weight=weights)
    if kind == "binary_cross_entropy":
        target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, target, weight=weights)
    raise ValueError(f"unknown hard loss {kind!r}")


def soft_loss(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Return T^2 * KL(teacher || student) of the distributions softened by T, averaged over texts.

    student, teacher: logits [N, C]. T^2 keeps the gradient's size independent of T (Hinton,
    Vinyals, Dean 2015, section 2). `batchmean` divides by N only; torch's default mean would divide
    by the classes as well.
    """
    log_student = F.log_softmax(student / temperature, dim=-1)
    log_teacher = F.log_softmax(teacher / temperature, dim=-1)
    divergence = F.kl_div(log_student, log_teacher, log_target=True, reduction="batchmean")
    return divergence * temperature**2


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    kind: str,
    weights: Tensor | None,
) -> Tensor:
    """Return alpha * soft_loss + (1 - alpha) * hard_loss (Hinton et al. 2015)."""
    soft = soft_loss(student, teacher, temperature=temperature)
    hard = hard_loss(student, labels, kind=kind, weights=weights)
    return alpha * soft + (1 - alpha) * hard


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return N / (C * count) per class [C], scikit-learn's `balanced`; an absent class gets 0."""
    counts = torch.bincount(labels, minlength=classes).float()
    weights = labels.numel() / (classes * counts.clamp(min=1))
    return torch.where(counts > 0, weights, torch.zeros_like(weights))
