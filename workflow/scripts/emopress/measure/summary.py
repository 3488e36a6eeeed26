"""The summary, one row per variant: means over seeds, intervals and tests, as CSV, Parquet and LaTeX."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.artifact import read_yaml, replaced_file
from emopress.errors import UserError
from emopress.measure.deciding import COLUMNS, METRICS, Judge
from emopress.measure.sets import SET_SCORES

SCHEMA_PATH = Path(__file__).parents[3] / "schemas" / "summary.schema.yaml"
SCORES = ("accuracy", "macro_f1", "micro_f1")
COMPARED = ("teacher", "linear", "reference")
SAME = ("family", "runtime", "reference", "threads", "all_threads")  # for all seeds of a variant
MEANS = (
    *(f"validation_{column}" for column in COLUMNS), "params", "nonzero_params", "size_bytes",
    "bits_per_weight", "compression", "latency_ms_p50", "latency_ms_p95", "throughput", "speedup",
    "speedup_over_pytorch", "all_latency_ms_p50", "all_throughput", "peak_memory_bytes",
    "cold_start_ms",
)  # fmt: skip
_SCORES = [f"{s}{end}" for s in (*SCORES, *SET_SCORES) for end in ("", "_sd", "_low", "_high")]
_TESTED = ("difference", "low", "high", "p")
_TESTS = [
    metric.compared(other, what)
    for other in COMPARED
    for metric in METRICS.values()
    for what in _TESTED
]
_AGREED = ("agreement", "agreement_low", "agreement_high")
_OTHERS = ("ece", *_AGREED, "latency_ms_p50_sd", "all_threads", "timing_spread")
# Read as they are: a variant may be called 7, true or nan, which pandas would take for something else.
NAMES = ("dataset", "variant", "family", "runtime", "reference", "teacher", "linear")
NUMBERS = {*MEANS, *_SCORES, *_TESTS, *_OTHERS}
DIGITS = 8  # significant ones, the same in every file
LATEX_SCORE = {  # of what decides: end of the column's name -> heading and decimals
    "": ("{} \\%", 2),
    "_low": ("95 \\% from", 1),
    "_high": ("to", 1),
}
LATEX = {  # column -> heading, what multiplies it, and its decimals
    "macro_f1": ("Macro F1 \\%", 100, 2),
    "size_bytes": ("Size MB", 1e-6, 2),
    "compression": ("Smaller", 1, 1),
    "latency_ms_p50": ("Latency ms", 1, 2),
    "speedup": ("Faster", 1, 1),
}


@cache
def summary_schema() -> dict[str, Any]:
    """Return the JSON schema of one row."""
    return read_yaml(SCHEMA_PATH)


def read_table(path: Path | str) -> pd.DataFrame:
    """Read summary.csv or seeds.csv; names stay texts whatever they are, an empty cell is a missing one."""
    return pd.read_csv(
        path, dtype=dict.fromkeys(NAMES, "str"), keep_default_na=False, na_values=[""]
    )


def noise_column(column: str, share: float) -> str:
    """Return the column of a score for one share of noisy characters: accuracy_noise_5 for 0.05."""
    return f"{column}_noise_{100 * share:g}"


def summarise(
    seeds: pd.DataFrame, statistics: Mapping[str, Any], spread: Mapping[str, float]
) -> pd.DataFrame:
    """Return the summary of rows by seed, one row per variant in the order of first mention.

    `statistics`: data set -> content of results/statistics/<data set>.json; `spread`: data set ->
    the share by which one bundle, timed twice under two names, differed from itself.
    """
    rows = []
    for (dataset, variant), of_seeds in seeds.groupby(["dataset", "variant"], sort=False):
        entry = statistics[dataset]["variants"][variant]
        judge = Judge(statistics[dataset]["task"], statistics[dataset]["judge_by"])
        row: dict[str, Any] = {"dataset": dataset, "variant": variant}
        row |= {"task": judge.task, "judge_by": judge.key}
        row |= {column: of_seeds[column].iloc[0] for column in SAME}
        row |= {"teacher": entry["teacher"], "linear": statistics[dataset]["linear"]}
        row |= {"simulated": bool(of_seeds["simulated"].any()), "seeds": len(of_seeds)}
        for score in SCORES:
            values = entry[score]
            row |= {score: values["mean"], f"{score}_sd": values["sd"]}
            row |= {f"{score}_low": values["low"], f"{score}_high": values["high"]}
        for score in SET_SCORES:
            values = entry.get(score, {})
            row |= {score: values.get("mean"), f"{score}_sd": values.get("sd")}
            row |= {f"{score}_{end}": values.get(end) for end in ("low", "high")}
        agreed = entry["agreement"] or {}
        row |= {"ece": entry["ece"], "agreement": agreed.get("mean")}
        row |= {f"agreement_{end}": agreed.get(end) for end in ("low", "high")}
        for other in COMPARED:
            row |= _comparison(other, entry["against"][other])
        row |= {column: of_seeds[column].mean() for column in MEANS}
        row["latency_ms_p50_sd"] = of_seeds["latency_ms_p50"].std(ddof=1)
        row["timing_spread"] = spread[dataset]
        row["speedup_shown"] = claimed(row["speedup"], spread[dataset])
        for point in entry["noise"]:
            for column in ("accuracy", judge.metric.column) if point["noise"] else ():
                row[noise_column(column, point["noise"])] = point[column]
        rows.append({key: _rounded(value) for key, value in row.items()})
    frame = pd.DataFrame(rows)
    order = [column for column in summary_schema()["properties"] if column in frame.columns]
    noisy = [column for column in frame.columns if column not in order]
    return frame[order + noisy].astype({"all_threads": "Int64"})


def claimed(ratio: float, spread: float) -> bool:
    """Say whether a ratio of two latencies exceeds the difference of one bundle from itself, timed twice."""
    return bool(max(ratio, 1 / ratio) > 1 + spread)


def _comparison(other: str, test: Mapping[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for metric in METRICS.values():
        name = metric.column
        keys = {end: f"{name}_{end}" for end in ("difference", "low", "high", "shown")}
        keys["p"] = f"{name}_p_holm"
        if name == "accuracy":
            keys |= {"p": "mcnemar_p_holm", "shown": "shown"}
        row |= {metric.compared(other, key): (test or {}).get(k) for key, k in keys.items()}
    return row


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def summary_errors(frame: pd.DataFrame) -> list[str]:
    """Return one line per cell that the schema does not allow: data set, variant, column, why."""
    from jsonschema import Draft202012Validator  # a second, and who reads a summary needs none

    validator = Draft202012Validator(summary_schema())
    lines = []
    for record in records(frame):
        where = f"data set {record.get('dataset')}, variant {record.get('variant')}"
        for error in validator.iter_errors(record):
            column = f", column {error.path[0]}" if error.path else ""
            lines.append(f"{where}{column}: {error.message}")
    return lines


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain dicts, None for empty cells, whole numbers as int."""
    return [
        {
            key: None if pd.isna(value) else value.item() if hasattr(value, "item") else value
            for key, value in row.items()
        }
        for row in frame.astype(object).to_dict("records")
    ]


def write_summary(frame: pd.DataFrame, *, csv: Path, parquet: Path, latex: Path) -> None:
    """Write the summary as three files that hold the same numbers; UserError if one is not allowed."""
    errors = summary_errors(frame)
    if errors:
        raise UserError(f"summary: {errors[0]}")
    with replaced_file(csv) as temporary:
        frame.to_csv(temporary, index=False)
    with replaced_file(parquet) as temporary:
        frame.to_parquet(temporary, index=False)
    with replaced_file(latex) as temporary:
        temporary.write_text(latex_table(frame), encoding="utf-8")


def latex_table(frame: pd.DataFrame) -> str:
    """Return the main columns as a LaTeX longtable (packages booktabs and longtable).

    Of the scores it has what decides and macro F1; data sets that are judged by different metrics name theirs.
    """
    table = pd.DataFrame({"Data set": frame["dataset"], "Variant": frame["variant"]})
    metrics = [Judge(*pair).metric for pair in zip(frame["task"], frame["judge_by"], strict=True)]
    one = metrics[0] if len(set(metrics)) == 1 else None
    if one is None:
        table["Judged by"] = [metric.name for metric in metrics]
    words = len(table.columns)
    for end, (heading, places) in LATEX_SCORE.items():
        values = [
            row[f"{metric.column}{end}"]
            for metric, (_, row) in zip(metrics, frame.iterrows(), strict=True)
        ]
        table[heading.format(one.title if one else "Score")] = [
            f"{100 * value:.{places}f}" for value in values
        ]
    for column, (heading, scale, places) in LATEX.items():
        table[heading] = [f"{scale * value:.{places}f}" for value in frame[column]]
    for column in ("Data set", "Variant"):
        table[column] = [_latex(text) for text in table[column]]
    return table.to_latex(
        index=False,
        escape=False,
        longtable=True,
        column_format="l" * words + "r" * (len(table.columns) - words),
        caption="Test scores, size and speed per variant (emopress).",
        label="tab:emopress",
    )


def _latex(text: str) -> str:
    """Return `text` with LaTeX's special characters escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
