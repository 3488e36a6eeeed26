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
    """Largest total size of the files to ship (model, tokenizer, bundle.json), in MB (10^6 bytes)."""
    max_latency_ms: float | None = Field(None, gt=0)
    """Largest median latency of one text in ms, on the machine that timed it, with the first number of timing.threads.
    """
    max_loss: Loss | None = None
    """Most points of the metric that decides (study.judge_by) that may be lost on validation. For a budget, they are
    measured from the data set's reference, or from its linear baseline where that one is better; for a search, from the
    parent."""
    max_accuracy_loss: Loss | None = None
    """The same in accuracy; with several labels per text, in subset accuracy."""
    max_macro_f1_loss: Loss | None = None
    """The same in macro F1."""
    max_micro_f1_loss: Loss | None = None
    """The same in micro F1; with one label per text that equals accuracy."""
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
    """What is best among the variants that meet every limit. size: the smallest; latency: the lowest median latency,
    and of those that timing cannot tell from the fastest, the one with the best score, then the smallest; score: the
    metric that decides, on validation. accuracy means score where accuracy decides."""


class Search(Entry):
    """Try orders of some passes and keep the best on validation that meets a budget."""

    kind: Literal["search"]
    passes: Distinct[Text] = Field(min_length=1)
    """Names of the passes that are tried, alone and in every legal order."""
    max_passes: int = Field(2, ge=1, le=6)
    """Largest number of passes in one trial."""
    prefer: Preference = "score"
    """What is best among the trials that meet the budget. score: the metric that decides (study.judge_by), on
    validation; size: the smallest; latency: the lowest, and of those that timing cannot tell from the fastest, the one
    with the best score, then the smallest. accuracy means score where accuracy decides."""
    budget: Limits
    """What a trial must meet: at least one limit."""

    def misfits(self) -> Iterator[Fault]:
        """Yield a budget without a limit."""
        if not self.budget.model_fields_set:
            yield "budget", "give one limit at least"
