"""What a user can afford, and what is best within it; and the search for it."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from emopress.entries.base import Distinct, Entry, Fault, Text

Loss = Annotated[float, Field(ge=0, le=100)]
Preference = Literal["score", "size", "latency", "accuracy"]


class Limits(Entry):
    """Limits of size, latency and loss."""

    max_size_mb: float | None = Field(None, gt=0)
    """Largest size of all that must be shipped (model, tokenizer, bundle.json), MB (10^6 bytes)."""
    max_latency_ms: float | None = Field(None, gt=0)
    """Largest median latency of one text in ms, on the machine that timed, with the first of timing.threads."""
    max_loss: Loss | None = None
    """Most points of the metric that decides (study.judge_by) that may be lost on validation: a budget's below the data
    set's reference, or below its linear baseline where that one is better there; a search's below the parent."""
    max_accuracy_loss: Loss | None = None
    """The same in accuracy, with several labels per text that of whole sets."""
    max_macro_f1_loss: Loss | None = None
    """The same in macro F1."""
    max_micro_f1_loss: Loss | None = None
    """The same in micro F1, with one label per text in accuracy, which is then the same."""
    max_sample_f1_loss: Loss | None = None
    """The same in sample F1, the mean of the texts' own; with one label per text in accuracy."""
    max_jaccard_loss: Loss | None = None
    """The same in the Jaccard index, the mean over the texts of labels right among labels true or given; with one label
    per text in accuracy."""
    max_subset_accuracy_loss: Loss | None = None
    """The same in the share of texts whose whole set of labels is right; with one label per text in accuracy."""


class Budget(Limits):
    """What a user can afford."""

    prefer: Preference = "size"
    """What is best among the variants that meet every limit: size, the smallest file; latency, the lowest median
    latency, where those that timing cannot tell from the fastest go by score, then size; score, the metric that
    decides, on validation. accuracy is score where accuracy decides."""


class Search(Entry):
    """Try orders of some passes and keep the best on validation that meets a budget."""

    kind: Literal["search"]
    passes: Distinct[Text] = Field(min_length=1)
    """Names of the passes that are tried, alone and in every legal order."""
    max_passes: int = Field(2, ge=1, le=6)
    """Passes in one trial at most."""
    prefer: Preference = "score"
    """What is best among the trials that meet the budget: score, the metric that decides (study.judge_by), on
    validation; size; latency, where those that timing cannot tell from the fastest go by score, then size. accuracy is
    score where accuracy decides."""
    budget: Limits
    """What a trial must meet: one limit at least."""

    def misfits(self) -> Iterator[Fault]:
        """Yield a budget without a limit."""
        if not self.budget.model_fields_set:
            yield "budget", "give one limit at least"
