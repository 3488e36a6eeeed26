"""Which metric decides, what it is called with one and with several labels, and what budgets limit."""

from typing import get_args

import pandas as pd
import pytest

from emopress.entries.budget import Budget, Limits
from emopress.entries.study import Metric
from emopress.measure.deciding import DECIDING, METRICS, Judge, judge_of, misfit
from emopress.tasks import MULTI, SINGLE


def names(metrics):
    return [metric.name for metric in metrics]


def test_entries_know_the_same_metrics():
    assert list(get_args(Metric)) == list(METRICS)
    losses = {f"max_{key}_loss" for key in METRICS} | {"max_loss", "max_size_mb", "max_latency_ms"}
    assert set(Budget.model_fields) == losses | {"prefer"}
    assert set(Limits.model_fields) == losses


def test_what_is_told_and_how_it_is_called():
    assert names(Judge(SINGLE, "accuracy").reported) == ["accuracy", "macro F1"]
    assert names(Judge(SINGLE, "macro_f1").reported) == ["macro F1"]
    assert names(Judge(MULTI, "macro_f1").reported) == ["macro F1"]
    assert names(Judge(MULTI, "subset_accuracy").reported) == ["subset accuracy", "macro F1"]
    assert names(Judge(MULTI, "jaccard").metrics) == [
        "Jaccard index", "macro F1", "subset accuracy", "micro F1", "sample F1",
    ]  # fmt: skip
    assert names(Judge(SINGLE, "macro_f1").metrics) == ["macro F1", "accuracy"]
    assert Judge(MULTI, "subset_accuracy").metric.column == "accuracy"
    assert METRICS["jaccard"].title == "Jaccard index" and METRICS["macro_f1"].title == "Macro F1"


@pytest.mark.parametrize(
    ("task", "key", "limit", "name"),
    [
        (SINGLE, "accuracy", "max_loss", "accuracy"),
        (SINGLE, "macro_f1", "max_loss", "macro F1"),
        (SINGLE, "macro_f1", "max_accuracy_loss", "accuracy"),
        (SINGLE, "accuracy", "max_jaccard_loss", "accuracy"),  # the same with one label
        (MULTI, "macro_f1", "max_loss", "macro F1"),
        (MULTI, "macro_f1", "max_accuracy_loss", "subset accuracy"),
        (MULTI, "jaccard", "max_loss", "Jaccard index"),
        (MULTI, "jaccard", "max_sample_f1_loss", "sample F1"),
    ],
)
def test_what_a_limit_is_about(task, key, limit, name):
    judge = Judge(task, key)
    assert judge.limited(limit).name == name
    assert (judge.unit(limit), judge.limit_name(limit)) == (f"points of {name}", f"loss of {name}")
    assert judge.limited("max_size_mb") is None
    assert (judge.unit("max_latency_ms"), judge.limit_name("max_size_mb")) == ("ms", "size")


def test_what_cannot_decide():
    assert all(misfit(key, task) is None for task, keys in DECIDING.items() for key in keys)
    assert "write subset_accuracy" in misfit("accuracy", MULTI)
    assert misfit("micro_f1", SINGLE).endswith("equals accuracy); allowed: accuracy, macro_f1")


def test_columns():
    assert METRICS["subset_accuracy"].compared("teacher", "p") == "teacher_p"
    assert METRICS["jaccard"].compared("teacher", "p") == "teacher_jaccard_p"
    assert METRICS["micro_f1"].validation == "validation_micro_f1"
    rows = pd.DataFrame({"task": ["multi"], "judge_by": ["jaccard"]})
    assert judge_of(rows) == Judge(MULTI, "jaccard")
