"""The columns of the page's table: their groups, how their cells are written, and which values are better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emopress.measure.deciding import Judge, Metric, judge_of
from emopress.measure.summary import claimed
from emopress.report.words import markup as t

GROUPS = {
    "overview": "Overview",
    "scores": "Scores",
    "cost": "Cost",
    "speed": "Speed",
    "tests": "Paired tests",
    "noise": "Noise",
}
Row = Any  # a pandas Series


@dataclass(frozen=True)
class Column:
    """A column: `better` is "high", "low" or empty; `form` writes the cell of a row.

    A second line in a cell is shown in smaller type.
    """

    key: str
    label: str
    groups: tuple[str, ...]
    better: str
    form: Callable[[Row], str]
    about: str = ""


def _score(key: str) -> Callable[[Row], str]:
    def form(row: Row) -> str:
        percent = t.percent(row[key], row.get(f"{key}_sd"))
        ends = t.interval(row.get(f"{key}_low"), row.get(f"{key}_high"))
        return percent if ends == t.EMPTY else f"{percent}\n{ends}"

    return form


def _difference(other: str, metric: Metric) -> Callable[[Row], str]:
    def form(row: Row) -> str:
        value, low, high, shown = (
            row.get(metric.compared(other, key)) for key in ("difference", "low", "high", "shown")
        )
        if t.missing(value):
            return t.EMPTY
        ends = t.points_interval(low, high)
        words = "shown" if str(shown).lower() in ("true", "1", "1.0") else "not shown"
        return f"{t.points(value)}\n{'' if ends == t.EMPTY else f'{ends}, '}{words}"

    return form


def _speedup(key: str) -> Callable[[Row], str]:
    def form(row: Row) -> str:
        ratio, spread = str(t.ratio(row[key])), row.get("timing_spread")
        itself = key == "speedup" and row.name == row["reference"]
        if t.missing(row[key]) or t.missing(spread) or itself or claimed(row[key], spread):
            return ratio
        return f"{ratio}\nnot shown by timing"

    return form


def _plain(key: str, form: Callable[[Any], str]) -> Callable[[Row], str]:
    return lambda row: form(row[key])


def _milliseconds(key: str) -> Callable[[Row], str]:
    return lambda row: t.decimals(row[key], 2, row.get(f"{key}_sd"))


COLUMNS = (
    Column("ece", "Calibration error %", ("scores",), "low", _plain("ece", t.percent),
           "expected calibration error: the gap between confidence and accuracy"),
    Column("agreement", "Agreement %", ("scores",), "high", _score("agreement"),
           "share of the test texts that get the teacher's label, with its 95 % interval"),
    Column("size_bytes", "Size", ("overview", "cost"), "low", _plain("size_bytes", t.size),
           "bytes of all files that a user must ship: model, tokenizer, bundle.json"),
    Column("compression", "Smaller", ("overview", "cost"), "high", _plain("compression", t.ratio),
           "size of the reference divided by that of this variant"),
    Column("params", "Parameters", ("cost",), "low", _plain("params", t.short_count)),
    Column("nonzero_params", "Non-zero", ("cost",), "low", _plain("nonzero_params", t.short_count)),
    Column("bits_per_weight", "Bits / weight", ("cost",), "low",
           _plain("bits_per_weight", lambda value: t.decimals(value, 1))),
    Column("peak_memory_bytes", "Peak memory", ("cost",), "low",
           _plain("peak_memory_bytes", t.size), "of a fresh process that predicts one text"),
    Column("cold_start_ms", "Cold start ms", ("cost",), "low",
           _plain("cold_start_ms", lambda value: t.decimals(value, 0)),
           "start, load and first prediction of a fresh process"),
    Column("latency_ms_p50", "p50 ms", ("overview", "speed"), "low",
           _milliseconds("latency_ms_p50"), "median latency of one text"),
    Column("latency_ms_p95", "p95 ms", ("speed",), "low", _milliseconds("latency_ms_p95"),
           "95 % of texts take no longer"),
    Column("throughput", "Texts / s", ("speed",), "high", _plain("throughput", t.count),
           "in batches"),
    Column("speedup", "Faster", ("overview", "speed"), "high", _speedup("speedup"),
           "median latency of the reference divided by that of this variant"),
    Column("speedup_over_pytorch", "Over PyTorch", ("speed",), "high",
           _speedup("speedup_over_pytorch"), "the same, with the reference in PyTorch"),
    Column("all_latency_ms_p50", "p50 ms, all threads", ("speed",), "low",
           _milliseconds("all_latency_ms_p50")),
    Column("all_throughput", "Texts / s, all threads", ("speed",), "high",
           _plain("all_throughput", t.count)),
    Column("runtime", "Runtime", ("speed",), "", _plain("runtime", str)),
)  # fmt: skip
ABOUT = {"macro_f1": "mean of the labels' F1", "jaccard": "mean of the texts' Jaccard indices"}
NEEDED = (
    "dataset", "variant", "task", "judge_by", "accuracy", "macro_f1", "size_bytes", "latency_ms_p50",
)  # fmt: skip


def columns_of(table: pd.DataFrame) -> list[Column]:
    """Return the columns for which the rows of a data set have values, the noise columns by rising share."""
    judge = judge_of(table)
    noise = [_noise(key, judge.metric) for key in noise_keys(table, judge.metric)]
    columns = [*_scores(judge), *COLUMNS, *_differences(judge), *noise]
    return [c for c in columns if c.key in table.columns and table[c.key].notna().any()]


def _scores(judge: Judge) -> list[Column]:
    """Return the columns of the scores, the metric that decides first, then that on validation."""
    overview = [*judge.reported, judge.accuracy]
    scores = [
        Column(
            metric.column,
            f"{metric.title} %",
            ("overview", "scores") if metric in overview else ("scores",),
            "high",
            _score(metric.column),
            f"{ABOUT.get(metric.column, 'on the test texts')}, with its 95 % interval",
        )
        for metric in judge.metrics
    ]
    key = judge.metric.validation
    label, about = f"{judge.metric.title} on validation %", "the score by which variants are chosen"
    return [*scores, Column(key, label, ("scores",), "high", _plain(key, t.percent), about)]


def _differences(judge: Judge) -> list[Column]:
    """Return the columns of the paired tests: one per opponent and reported metric."""
    against = {
        "reference": "Against the reference",
        "teacher": "Against its teacher",
        "linear": "Against linear",
    }
    return [
        Column(
            metric.compared(other, "difference"),
            words if metric is judge.metric else f"{words}, {metric.name}",
            ("overview", "tests") if other == "reference" else ("tests",),
            "high",
            _difference(other, metric),
            f"points of {metric.name}, 95 % interval, whether a difference is shown",
        )
        for other, words in against.items()
        for metric in judge.reported
    ]


def noise_keys(table: pd.DataFrame, metric: Metric) -> list[str]:
    """Return the names of a metric's noise columns in rising order of their share."""
    keys = [key for key in table.columns if key.startswith(f"{metric.column}_noise_")]
    return sorted(keys, key=lambda key: float(key.rsplit("_", 1)[1]))


def _noise(key: str, metric: Metric) -> Column:
    share = key.rsplit("_", 1)[1]
    about = f"{metric.name} where {share} % of the characters were changed"
    label = f"{metric.title} %, {share} % noise"
    return Column(key, label, ("noise",), "high", _plain(key, t.percent), about)


def described(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return columns as the page embeds them."""
    return [
        {
            "key": column.key,
            "label": column.label,
            "groups": list(column.groups),
            "better": column.better,
            "about": column.about,
        }
        for column in columns
    ]
