"""Low-rank adapters, trained and merged."""

from typing import Literal

from pydantic import Field

from emopress.entries.base import Distinct, Entry, Share, Text
from emopress.entries.training import AdaptTraining


class Adapt(Entry):
    """Train low-rank adapters and the head alone, then merge them into a plain checkpoint. On a model with train.epochs
    0 this is LoRA or QLoRA fine-tuning of a pretrained checkpoint.
    """

    kind: Literal["adapt"]
    method: Literal["lora", "qlora"]
    """lora: on the weights as they are; qlora: on the weights in 4-bit NF4 with double quantization (bitsandbytes); the
    merged checkpoint keeps the rounded values. With runtime: transformers, qlora does not merge: the 4-bit weights are
    shipped with the adapters beside them."""
    rank: int = Field(16, ge=1, le=1024)
    """Rank of the adapters."""
    alpha: float = Field(32, gt=0, le=4096)
    """The adapters' output is multiplied by alpha / rank."""
    dropout: Share = 0.05
    """Dropout before the adapters."""
    targets: Distinct[Text] = Field([])
    """Linear layers that get adapters, by the last part of their names (query, value; in decoders q_proj, v_proj);
    empty: every linear layer of the transformer layers."""
    train: AdaptTraining
    """Training settings. learning_rate is required: adapters need about ten times that of full fine-tuning."""
