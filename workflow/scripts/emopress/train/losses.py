"""The losses of fine-tuning and distillation, as pure functions of logits, hidden states and attention."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def hard_loss(logits: Tensor, labels: Tensor, *, kind: str, weights: Tensor | None) -> Tensor:
    """Return the mean loss on the labels.

    logits [N, C], labels [N] with class indices, weights [C] or None. `kind` is `cross_entropy`, or
    `binary_cross_entropy`: every class on its own against the one-hot label, averaged over texts
    and classes (Rahman et al. 2025 distil with it).

    Where texts have any number of labels, labels is [N, C] of 0 and 1 and the loss is binary
    cross-entropy whatever `kind` is, the only one of the two that allows it; weights are then those
    of the labels' ones (`positive_weights`).
    """
    if labels.ndim == 2:
        target = labels.to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, target, pos_weight=weights)
    if kind == "cross_entropy":
        return F.cross_entropy(logits, labels, weight=weights)
    if kind == "binary_cross_entropy":
        target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, target, weight=weights)
    raise ValueError(f"unknown hard loss {kind!r}")


def average_log_probabilities(logits: Tensor, *, temperature: float) -> Tensor:
    """Return the log of the mean of K teachers' distributions softened by T, [N, C].

    logits [K, N, C]. What is averaged are probabilities, so a teacher with large logits has no
    more say than the others (You, Xu, Xu, Tao 2017, "Learning from multiple teacher networks").
    """
    softened = F.log_softmax(logits / temperature, dim=-1)
    return torch.logsumexp(softened, dim=0) - math.log(len(logits))


def soft_loss(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Return T^2 * KL(teacher || student) of the distributions softened by T, averaged over texts.

    student: logits [N, C]; teacher: logits [N, C], or [K, N, C] of K teachers, whose softened
    probabilities are averaged. T^2 keeps the gradient's size independent of T (Hinton, Vinyals,
    Dean 2015, section 2). `batchmean` divides by N only; torch's default mean would divide by the
    classes as well.
    """
    log_student = F.log_softmax(student / temperature, dim=-1)
    teachers = teacher if teacher.ndim == 3 else teacher[None]
    log_teacher = average_log_probabilities(teachers, temperature=temperature)
    divergence = F.kl_div(log_student, log_teacher, log_target=True, reduction="batchmean")
    return divergence * temperature**2


def binary_soft_loss(student: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Return T^2 * KL(teacher || student) of each label's yes and no, averaged over texts and labels.

    What `soft_loss` is for one label per text: every label is a distribution over yes and no of its
    own, sigmoid(logit / T) (the one-versus-all logit distillation of Yang et al. 2023, "Multi-label
    knowledge distillation", section 3.2; temperature and T^2 as in Hinton et al. 2015). student:
    logits [N, C]; teacher: logits [N, C], or [K, N, C] of K teachers, whose softened probabilities
    are averaged. The mean over labels, as in binary cross-entropy, lets alpha weigh the two alike
    for any number of labels.
    """
    teachers = teacher if teacher.ndim == 3 else teacher[None]
    divergence = torch.zeros_like(student)
    for sign in (1, -1):  # yes, and no: 1 - sigmoid(x) is sigmoid(-x)
        own = F.logsigmoid(sign * student / temperature)
        each = F.logsigmoid(sign * teachers / temperature)
        taught = torch.logsumexp(each, dim=0) - math.log(len(teachers))
        divergence = divergence + taught.exp() * (taught - own)
    return divergence.mean() * temperature**2


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    *,
    temperature: float,
    alpha: float,
    kind: str,
    weights: Tensor | None,
    labelled: list[int] | None = None,
) -> Tensor:
    """Return alpha * soft_loss + (1 - alpha) * hard_loss (Hinton et al. 2015).

    With labels [N, C], any number per text, the soft loss is `binary_soft_loss`. `labelled` are the M of the N texts
    that have labels, [M] or [M, C]; None for all. The hard loss is theirs, times their share, so that a text's hard
    loss weighs the same beside any number of texts without one.
    """
    softened = binary_soft_loss if labels.ndim == 2 else soft_loss
    soft = alpha * softened(student, teacher, temperature=temperature)
    if labelled is None:
        return soft + (1 - alpha) * hard_loss(student, labels, kind=kind, weights=weights)
    if not labelled:  # the mean over no text is not a number
        return soft
    hard = hard_loss(student[labelled], labels, kind=kind, weights=weights)
    return soft + (1 - alpha) * hard * (len(labelled) / len(student))


def scheduled_temperature(start: float, end: float | None, progress: float) -> float:
    """Return the temperature at `progress` (0 at the first step, 1 after the last): linear."""
    return start if end is None else start + (end - start) * progress


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of `values` [B, T] over the tokens whose `mask` [B, T] is 1, not padding."""
    kept = mask.to(values.dtype)
    return (values * kept).sum() / kept.sum()


def hidden_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Return the mean squared error of hidden states [B, T, D] over real tokens and the width.

    The student's states come already projected to the teacher's width (L_HT of Romero et al. 2015,
    FitNets; L_hidn of Jiao et al. 2020, TinyBERT). mask [B, T]: 1 for tokens, 0 for padding.
    """
    return masked_mean((student - teacher).pow(2).mean(-1), mask)


def cosine_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over real tokens of 1 - cos(student, teacher), hidden states [B, T, D].

    L_cos of Sanh et al. 2019, DistilBERT: directions are aligned, lengths are left free.
    """
    return masked_mean(1 - F.cosine_similarity(student, teacher, dim=-1), mask)


def attention_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Return KL(teacher || student) of attention distributions, the mean over heads and real tokens.

    student [B, H, T, T], teacher [B, H', T, T]: rows are distributions over the tokens that are
    attended to, 0 for padding. Head by head where H = H' (L_AT of Wang et al. 2020, MiniLM);
    else the heads of each are averaged first. The rows of padding tokens (mask [B, T] is 0) do not
    count.
    """
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(1, keepdim=True), teacher.mean(1, keepdim=True)
    # A probability may underflow to 0, whose logarithm would turn the loss into inf or NaN.
    log_student = student.clamp(min=torch.finfo(student.dtype).tiny).log()
    divergence = (torch.special.xlogy(teacher, teacher) - teacher * log_student).sum(-1)
    return masked_mean(divergence.mean(1), mask)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return N / (C * count) per class [C], scikit-learn's `balanced`; an absent class gets 0."""
    counts = torch.bincount(labels, minlength=classes).float()
    weights = labels.numel() / (classes * counts.clamp(min=1))
    return torch.where(counts > 0, weights, torch.zeros_like(weights))


def positive_weights(labels: Tensor) -> Tensor:
    """Return texts without the label / texts with it per label [C], for labels [N, C] of 0 and 1.

    So the ones of a label weigh as much as its zeros; a label that all or no texts have gets 1.
    """
    counts = labels.float().sum(dim=0)
    others = len(labels) - counts
    return torch.where((counts > 0) & (others > 0), others / counts.clamp(min=1), 1.0)
