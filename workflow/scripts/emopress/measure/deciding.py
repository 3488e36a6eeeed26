"""The metric that decides between the variants of a data set: which metrics there are, and their names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emopress.tasks import MULTI, SINGLE

if TYPE_CHECKING:  # the workflow's plan asks which metrics there are, and needs no tables
    import pandas as pd

FEW_TEXTS = 100  # of a test split: with fewer, intervals and tests are exact


@dataclass(frozen=True)
class Metric:
    """A score, more being better.

    key: in the config; column: in summary, statistics and `metrics.Scores`; name: in a sentence.
    """

    key: str
    column: str
    name: str

    @property
    def title(self) -> str:
        """The name as it heads a column."""
        return self.name[:1].upper() + self.name[1:]

    @property
    def validation(self) -> str:
        """The summary's column of this score on validation."""
        return f"validation_{self.column}"

    def test(self, texts: int) -> str:
        """Return the name of the test for a difference in this score on this number of texts (`measure.paired`)."""
        if self.column == "accuracy":
            return "McNemar's test"
        return "paired bootstrap" if texts >= FEW_TEXTS else "paired permutation test"

    def compared(self, other: str, what: str) -> str:
        """Return the summary's column of the comparison with `other` (teacher, linear, reference): difference, say."""
        return f"{other}_{what}" if self.column == "accuracy" else f"{other}_{self.column}_{what}"


METRICS = {
    key: Metric(key, column, name)
    for key, column, name in (
        ("accuracy", "accuracy", "accuracy"),
        ("macro_f1", "macro_f1", "macro F1"),
        ("micro_f1", "micro_f1", "micro F1"),
        ("sample_f1", "sample_f1", "sample F1"),
        ("jaccard", "jaccard", "Jaccard index"),
        ("subset_accuracy", "accuracy", "subset accuracy"),
    )
}
ACCURACY, MACRO_F1 = METRICS["accuracy"], METRICS["macro_f1"]
COLUMNS = tuple(dict.fromkeys(metric.column for metric in METRICS.values()))
# By task, the default first.
DECIDING = {
    SINGLE: ("accuracy", "macro_f1"),
    MULTI: ("macro_f1", "micro_f1", "sample_f1", "jaccard", "subset_accuracy"),
}
LOSSES = {"max_loss": None} | {f"max_{key}_loss": key for key in METRICS}  # None: what decides
LIMITED = {"max_size_mb": ("size", "MB"), "max_latency_ms": ("latency", "ms")}  # name, unit


@dataclass(frozen=True)
class Judge:
    """What decides between the variants of a data set: `key` of METRICS, for the labels of `task`."""

    task: str
    key: str

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return self.metric_of(self.key)

    @property
    def accuracy(self) -> Metric:
        """What the columns called accuracy hold: accuracy, or subset accuracy."""
        return self.metric_of(ACCURACY.key)

    @property
    def reported(self) -> list[Metric]:
        """What an answer states: what decides, then macro F1."""
        return list(dict.fromkeys([self.metric, MACRO_F1]))

    @property
    def metrics(self) -> list[Metric]:
        """All metrics of the task: the one that decides first, then macro F1 and accuracy."""
        others = [self.metric_of(key) for key in METRICS]
        return list(dict.fromkeys([*self.reported, self.accuracy, *others]))

    def metric_of(self, key: str) -> Metric:
        """Return the metric that `key` means for this task.

        With one label per text every metric but macro F1 equals accuracy; with several, accuracy means subset accuracy.
        """
        if key == MACRO_F1.key:
            return MACRO_F1
        if self.task == SINGLE:
            return ACCURACY
        return METRICS["subset_accuracy" if key == ACCURACY.key else key]

    def limited(self, limit: str) -> Metric | None:
        """Return the metric whose loss a budget limits; None if the limit is not about a loss."""
        return self.metric_of(LOSSES[limit] or self.key) if limit in LOSSES else None

    def limit_name(self, limit: str) -> str:
        """Return what a budget limits: loss of accuracy, size."""
        metric = self.limited(limit)
        return f"loss of {metric.name}" if metric else LIMITED[limit][0]

    def unit(self, limit: str) -> str:
        """Return the unit of a limit of a budget: points of accuracy, MB."""
        metric = self.limited(limit)
        return f"points of {metric.name}" if metric else LIMITED[limit][1]


def names_of(task: str) -> dict[str, str]:
    """Return column -> name of the metrics that labels of `task` have, accuracy first."""
    judge = Judge(task, DECIDING[task][0])
    return {metric.column: metric.name for metric in map(judge.metric_of, METRICS)}


def judge_of(rows: "pd.DataFrame") -> Judge:
    """Return what decides among a data set's rows of the summary."""
    return Judge(str(rows["task"].iloc[0]), str(rows["judge_by"].iloc[0]))


def misfit(key: str, task: str) -> str | None:
    """Say why a metric cannot decide for a task; None if it can."""
    allowed = f"allowed: {', '.join(DECIDING[task])}"
    if key in DECIDING[task]:
        return None
    if task == MULTI:
        return f"{key!r} is for one label per text, for whole sets of them write subset_accuracy; {allowed}"
    return f"{key!r} is for several labels per text (with one it equals accuracy); {allowed}"
