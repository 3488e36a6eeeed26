"""Pruning: weights set to zero, or cut out."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from emopress.entries.base import Fault, Share
from emopress.entries.training import Recovering


class Magnitude(Recovering):
    """Sets the smallest absolute weights of the linear layers to zero. Smaller on disk only with a pack pass, and not
    faster."""

    kind: Literal["prune"]
    """Remove weights."""
    method: Literal["magnitude"]
    amount: float = Field(gt=0, lt=1)
    """Share of these weights that become zero."""
    scope: Literal["global", "layer"] = "global"
    """Rank weights over all layers, or within each."""


class Structured(Recovering):
    """Whole attention heads, feed-forward neurons and layers are cut out: smaller and faster."""

    kind: Literal["prune"]
    """Remove weights."""
    method: Literal["structured"]
    heads: Share = 0
    """Share of each layer's attention heads that is cut out; at least one stays."""
    ffn: Share = 0
    """Share of each layer's feed-forward neurons that is cut out."""
    layers: int = Field(0, ge=0, le=47)
    """Number of layers that are cut out."""
    importance: Literal["magnitude", "taylor", "index"] = "taylor"
    """What is cut out: what has the smallest weights, the smallest first-order effect on the loss (taylor), or, by
    position, the last heads and neurons (evenly spaced layers stay)."""
    texts: int = Field(256, ge=1, le=100000)
    """Number of training texts that taylor uses."""

    def misfits(self) -> Iterator[Fault]:
        """Yield a pass that cuts nothing."""
        if not (self.heads or self.ffn or self.layers):
            yield "", "nothing to cut; give heads, ffn or layers"

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the number of texts where none is looked at."""
        if "texts" in given and given.get("importance", "taylor") != "taylor":
            yield "texts", "without importance: taylor"


Prune = Annotated[Magnitude | Structured, Field(discriminator="method")]
