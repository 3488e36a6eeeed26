"""Training settings, and what a pass distils from its own parent while it trains."""

from typing import ClassVar, Literal

from pydantic import Field

from emopress.entries.base import Entry


class Training(Entry):
    """Training settings."""

    epochs: int = Field(5, ge=0, le=1000)
    """Largest number of passes over the training texts; 0: the weights stay as they are (a pretrained checkpoint with a
    new head)."""
    batch_size: int = Field(32, ge=1, le=4096)
    """Texts per step."""
    accumulate: int = Field(1, ge=1, le=1024)
    """Batches whose gradients are added up before a step."""
    learning_rate: float = Field(0.0001, gt=0, le=1)
    """Peak learning rate of AdamW; linear warm-up, then linear decay to 0."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Weight decay, except on biases and layer norms."""
    warmup: float = Field(0.1, ge=0, le=1)
    """Share of the steps with a rising learning rate."""
    patience: int = Field(3, ge=1, le=1000)
    """Epochs without a better validation macro F1 (with multilabel, at the thresholds tuned on these texts) before
    training stops. The best epoch is kept."""
    class_weights: bool = False
    """Weight the hard-label loss by inverse class frequency; with multilabel, so that texts with a label weigh as much
    as those without it."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 autocast where the device has bf16 arithmetic, else fp32."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are clipped to this norm."""
    gradient_checkpointing: bool = False
    """For transformers: keep only the input of each layer for the backward pass and compute the rest again. Takes less
    memory and a third more time; the gradients are the same."""


class AdaptTraining(Training):
    """Training settings of passes that need another learning rate than fine-tuning."""

    learning_rate: float = Field(gt=0, le=1)
    """Peak learning rate of AdamW; linear warm-up, then linear decay to 0."""


class SmallTraining(AdaptTraining):
    """Training settings of a small model."""

    epochs: int = Field(ge=0, le=1000)
    """Largest number of passes over the training texts."""


class SoftTargets(Entry):
    """Distillation from the parent of a pass."""

    temperature: float = Field(2.0, gt=0, le=100)
    """Temperature that softens the logits of both models."""
    alpha: float = Field(0.7, ge=0, le=1)
    """Weight of the soft loss; the loss on the labels has 1 - alpha."""
    temperature_end: ClassVar[None] = None  # as of a distillation that leaves these out
    hard_loss: ClassVar[Literal["cross_entropy"]] = "cross_entropy"


class Recovering(Entry):
    """Keys of passes that cut weights and may train afterwards."""

    NEEDS: ClassVar = {"distill": "recover"}
    recover: Training | None = None
    """Training settings for recovery after the cut. Default: no training."""
    distill: SoftTargets | None = None
    """With recover: distil from the parent as it was before the cut. Default: train on the labels alone."""
