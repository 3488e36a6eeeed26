"""The tables of scores: all variants of a data set, sets of labels, labels of a variant, noisy texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import Metric, judge_of
from emopress.measure.details import label_decisions, predicted_counts
from emopress.measure.exact import FEW_IN_CELL, proportion
from emopress.measure.pareto import pareto_front
from emopress.report.tables.speed import speedup
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown


def main_table(table: pd.DataFrame) -> Markdown:
    """Write the table of a data set's variants; `table` is that of `results.rows_of`."""
    judge = judge_of(table)
    scores = list(dict.fromkeys([*judge.reported, judge.accuracy]))
    gain = table[judge.metric.column].tolist()
    by_size = pareto_front(table["size_bytes"].tolist(), gain)
    by_latency = pareto_front(table["latency_ms_p50"].tolist(), gain)
    rows: list[dict[str, object]] = []
    for place, (variant, row) in enumerate(table.iterrows()):
        fronts = ["size"] * by_size[place] + ["latency"] * by_latency[place]
        line: dict[str, object] = {
            "Variant": Markdown(t.code(variant) + (" (simulated)" if row["simulated"] else "")),
            **_scores(row, scores),
            "ECE %": t.percent(row["ece"]),
            **{f"Validation: {m.name} %": t.percent(row[m.validation]) for m in scores},
            "Size": t.size(row["size_bytes"]),
            "Compression": t.ratio(row["compression"]),
            "p50 ms": t.decimals(row["latency_ms_p50"], 2, row["latency_ms_p50_sd"]),
            "p95 ms": t.decimals(row["latency_ms_p95"]),
            "Texts / s": t.count(row["throughput"]),
            "Speedup": speedup(row),
        }
        if not table["speedup_over_pytorch"].isna().all():
            line["Over PyTorch"] = speedup(row, "speedup_over_pytorch")
        line |= {
            "Parameters": t.short_count(row["params"]),
            "Non-zero": t.short_count(row["nonzero_params"]),
            "Bits / weight": t.decimals(row["bits_per_weight"], 1),
            "Runtime": row["runtime"],
        }
        if table["other_engine"].any():
            line["Engine"] = "other engine" if row["other_engine"] else "same"
        line["Pareto front"] = " and ".join(fronts) or t.EMPTY
        if table["reference"].nunique() > 1:
            line["Reference"] = t.code(row["reference"])
        if table["seeds"].nunique() > 1:
            line["Seeds"] = t.count(row["seeds"])
        rows.append(line)
    return t.table(rows, left=("Variant", "Runtime", "Engine", "Pareto front", "Reference"))


def _scores(row: pd.Series, metrics: Sequence[Metric]) -> dict[str, Markdown]:
    """Write scores of a row of the summary with their intervals, by heading."""
    cells = {}
    for metric in metrics:
        name = metric.column
        cells[f"{metric.title} %"] = t.percent(row[name], row[f"{name}_sd"])
        cells[f"{metric.title}, 95 %"] = t.interval(row[f"{name}_low"], row[f"{name}_high"])
    return cells


def set_table(table: pd.DataFrame) -> Markdown:
    """Write all scores of sets of labels; `table` is that of `results.rows_of`."""
    rows = [
        {
            "Variant": t.code(variant),
            **_scores(row, judge_of(table).metrics),
            "Hamming loss %": t.percent(row["hamming_loss"], row["hamming_loss_sd"]),
            "Hamming loss, 95 %": t.interval(row["hamming_loss_low"], row["hamming_loss_high"]),
        }
        for variant, row in table.iterrows()
    ]
    return t.table(rows, left=("Variant",))


def noise_table(rows: pd.DataFrame) -> Markdown:
    """Write the metric that decides against the share of noisy characters; empty if noise was not evaluated."""
    name = judge_of(rows).metric.column
    columns = sorted(
        (column for column in rows.columns if column.startswith(f"{name}_noise_")),
        key=lambda column: float(column.rsplit("_", 1)[1]),
    )
    lines = [
        {"Variant": t.code(variant), "0 %": t.percent(row[name])}
        | {f"{column.rsplit('_', 1)[1]} %": t.percent(row[column]) for column in columns}
        | {"Points lost": t.points(row[columns[-1]] - row[name])}
        for variant, row in rows.iterrows()
        if columns
    ]
    return t.table(lines, left=("Variant",))


def class_table(
    seeds: Mapping[str, Any],
    tested: Mapping[str, Any],
    entry: Mapping[str, Any],
    dataset: str,
    variant: str,
) -> Markdown:
    """Write precision, recall, F1 and support of each label for one variant, means over seeds.

    Shares of few texts get their interval. Where a text may have any number of labels, the true and
    false positives and negatives follow. `seeds`: the variant's entry in the details; `tested`: its
    entry in the statistics.
    """
    rows = []
    decisions = label_decisions(seeds)
    predicted = predicted_counts(seeds, entry["labels"])
    for place, label in enumerate(entry["labels"]):
        try:
            scores = pd.DataFrame([seed["per_class"][label] for seed in seeds.values()])
            means = scores[["precision", "recall", "f1", "support"]].mean()
        except KeyError as error:
            raise UserError(
                f"results/details.json: {dataset}, {variant}, label {label!r}: no key {error}"
            ) from None
        rows.append(
            {
                "Label": label,
                "Precision %": _share(means["precision"], predicted[place]),
                "Recall %": _share(means["recall"], means["support"]),
                "F1 %": t.percent(means["f1"]),
                "F1, 95 %": t.interval(*(tested["class_f1"][label][e] for e in ("low", "high"))),
                "Test texts": t.count(means["support"]),
                **{name: t.count(counts[place]) for name, counts in decisions.items()},
            }
        )
    return t.table(rows, left=("Label",))


def _share(value: float, texts: float) -> Markdown:
    """Write a share of texts in percent, of few texts with its exact 95 % interval: 100.00 (29.2 to 100.0)."""
    percent = t.percent(value)
    if t.missing(value) or texts >= FEW_IN_CELL:
        return percent
    return Markdown(f"{percent} ({t.interval(*proportion(value * texts, texts))})")
