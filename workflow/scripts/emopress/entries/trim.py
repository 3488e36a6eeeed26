"""A vocabulary cut to what the training texts use."""

from typing import Literal

from pydantic import Field

from emopress.entries.base import Entry


class Trim(Entry):
    """Keep only the vocabulary that the training texts use: fewer embedding rows, same logits on these texts."""

    kind: Literal["trim"]
    characters: Literal["used-scripts", "all"] = "used-scripts"
    """Which single-character entries stay although no training text has them, so that unseen words can still be spelt:
    those of the scripts that the training texts are written in, or all."""
    min_entries: int = Field(0, ge=0, le=1000000)
    """Keep at least this number of entries, adding those with the lowest ids (the most frequent ones)."""
