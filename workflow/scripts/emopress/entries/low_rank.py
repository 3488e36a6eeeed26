"""Linear layers factored into two thin ones."""

from typing import Literal

from pydantic import Field

from emopress.entries.training import Recovering


class LowRank(Recovering):
    """Each linear layer of the encoder becomes two thin ones (truncated SVD), where that is smaller."""

    ONE_OF = ("rank", "energy")
    kind: Literal["low-rank"]
    rank: int | None = Field(None, ge=1, le=4096)
    """Rank of every layer."""
    energy: float | None = Field(None, gt=0, lt=1)
    """Instead of rank: the smallest rank that keeps this share of the squared singular values."""
