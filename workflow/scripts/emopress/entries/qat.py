"""Quantization-aware training."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from emopress.entries.base import Entry, Fault
from emopress.entries.quantize import BlockSize, Calibration
from emopress.entries.training import AdaptTraining, SoftTargets


class Qat(Entry):
    """Train with fake-quantized weights and activations, then convert to a real int8 or int4 file with the trained
    ranges.
    """

    kind: Literal["qat"]
    weights: Literal["int8", "int4"] = "int8"
    """int8: as static, activations int8 too; int4: weights in 4-bit blocks, stored and computed as by quantize method
    int4."""
    per_channel: bool = True
    """One scale per output channel of a product instead of one per matrix. Embedding tables have one per row in either
    case."""
    embeddings: bool = True
    """Store the embedding tables in int8 too, always with one scale per row."""
    block_size: BlockSize = 32
    """For int4: number of weights that share a scale."""
    ranges: Literal["learned", "observed"] = "learned"
    """Activation ranges: trained with the weights, or moving averages of the observed ranges."""
    calibration: Calibration = Field(default_factory=Calibration)
    """Sample of training texts that gives the initial ranges."""
    distill: SoftTargets | None = None
    """Distil from the pass's parent while training. Default: train on the labels alone."""
    train: AdaptTraining
    """Training settings. learning_rate is required: well below that of fine-tuning."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the keys that are for the other width of weights."""
        if given.get("weights") == "int4":
            idle = [key for key in ("per_channel", "ranges", "calibration") if key in given]
            yield from ((key, "with weights: int4") for key in idle)
        elif "block_size" in given:
            yield "block_size", "without weights: int4"
