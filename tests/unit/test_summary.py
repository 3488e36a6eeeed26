"""The summary of a study: means over seeds, the timing's own spread, three files with the same numbers."""

import json

import pandas as pd
import pytest

from emopress.errors import UserError
from emopress.measure.aggregate import Clock
from emopress.measure.summary import (
    latex_table,
    noise_column,
    read_table,
    records,
    summarise,
    summary_errors,
    summary_schema,
    write_summary,
)

SCORE = {"mean": 0.9, "sd": 0.01, "low": 0.88, "high": 0.92, "by_seed": [0.89, 0.91]}
TEST = {
    "variant": "big",
    "accuracy_difference": -0.02,
    "accuracy_low": -0.03,
    "accuracy_high": -0.01,
    "macro_f1_difference": -0.03,
    "macro_f1_low": -0.05,
    "macro_f1_high": -0.01,
    "macro_f1_p_holm": 0.02,
    "mcnemar_p": 0.001,
    "mcnemar_p_holm": 0.004,
    "macro_f1_shown": True,
    "shown": True,
}
NOISE = [
    {"noise": 0.0, "accuracy": 0.9, "macro_f1": 0.8},
    {"noise": 0.05, "accuracy": 0.85, "macro_f1": 0.75},
]


def statistics():
    def entry(teacher):
        return {
            "teacher": teacher,
            **{score: SCORE for score in ("accuracy", "macro_f1", "micro_f1")},
            "ece": 0.03,
            "agreement": {"mean": 0.97, "low": 0.95, "high": 0.99} if teacher else None,
            "against": {
                "teacher": TEST if teacher else None,
                "linear": None,
                "reference": TEST if teacher else None,
            },
            "noise": NOISE,
        }

    variants = {"big": entry(None), "big+q_1": entry("big")}
    return {"d": {"task": "single", "judge_by": "macro_f1", "linear": None, "variants": variants}}


def seed_rows():
    rows = []
    for variant, size, latencies in (("big", 4000, (4.0, 4.2)), ("big+q_1", 1000, (3.8, 4.1))):
        for seed, latency in enumerate(latencies):
            rows.append(
                {
                    "dataset": "d",
                    "variant": variant,
                    "seed": seed,
                    "family": "transformer",
                    "runtime": "onnxruntime",
                    "reference": "big",
                    "simulated": False,
                    "validation_accuracy": 0.9 + 0.02 * seed,
                    "validation_macro_f1": 0.8,
                    "validation_micro_f1": 0.9 + 0.02 * seed,
                    "validation_sample_f1": None,
                    "validation_jaccard": None,
                    "params": 1000,
                    "nonzero_params": 900,
                    "size_bytes": size,
                    "bits_per_weight": 8 * size / 1000,
                    "compression": 4000 / size,
                    "threads": 1,
                    "latency_ms_p50": latency,
                    "latency_ms_p95": 2 * latency,
                    "throughput": 100.0,
                    "all_threads": 2,
                    "all_latency_ms_p50": latency / 2,
                    "all_throughput": 200.0,
                    "speedup": (4.0, 4.2)[seed] / latency,
                    "speedup_over_pytorch": None,
                    "peak_memory_bytes": 1e8,
                    "cold_start_ms": 300.0,
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def summary():
    return summarise(seed_rows(), statistics(), {"d": 0.05})


def test_one_row_per_variant_with_means_over_seeds(summary):
    assert list(summary["variant"]) == ["big", "big+q_1"]
    row = summary.set_index("variant").loc["big+q_1"]
    assert row["seeds"] == 2
    assert row["validation_accuracy"] == pytest.approx(0.91)
    assert row["latency_ms_p50"] == pytest.approx(3.95)
    assert row["latency_ms_p50_sd"] == pytest.approx(0.2121320, abs=1e-6)  # 0.3 / sqrt(2)
    assert row["speedup"] == pytest.approx((4.0 / 3.8 + 4.2 / 4.1) / 2)
    assert row["accuracy_low"] == 0.88 and row["accuracy_noise_5"] == 0.85
    assert row["teacher_p"] == 0.004 and row["teacher_shown"]


def test_a_speedup_within_the_timings_own_spread_is_not_shown():
    for spread, shown in ((0.03, True), (0.05, False)):  # the mean speedup is 1.0385
        table = summarise(seed_rows(), statistics(), {"d": spread}).set_index("variant")
        assert table.loc["big+q_1", "speedup_shown"] == shown
        assert not table.loc["big", "speedup_shown"]


def test_what_does_not_apply_is_empty(summary):
    row = records(summary)[0]
    assert row["teacher"] is None and row["teacher_p"] is None and row["linear_shown"] is None
    assert row["speedup_over_pytorch"] is None
    assert isinstance(row["all_threads"], int)


def test_the_files_hold_the_same_numbers(summary, tmp_path):
    names = {
        "csv": tmp_path / "s.csv",
        "parquet": tmp_path / "s.parquet",
        "latex": tmp_path / "s.tex",
    }
    write_summary(summary, **names)
    assert records(read_table(names["csv"])) == records(pd.read_parquet(names["parquet"]))
    assert not summary_errors(read_table(names["csv"]))
    text = names["latex"].read_text()
    assert r"big+q\_1 & 90.00 & 88.0 & 92.0 & 0.00" in text and r"\bottomrule" in text


@pytest.mark.parametrize("name", ["7", "007", "1e5", "nan", "null", "true", "2024-01-01"])
def test_a_name_stays_the_text_that_it_is(name, tmp_path):
    """Lower-case letters, digits, dots and hyphens make names that pandas would read as something else."""
    rows = pd.DataFrame({"dataset": [name], "variant": [name], "teacher": [None], "speedup": [1.5]})
    rows.to_csv(tmp_path / "seeds.csv", index=False)
    (row,) = records(read_table(tmp_path / "seeds.csv"))
    assert row == {"dataset": name, "variant": name, "teacher": None, "speedup": 1.5}


def test_latex_names_the_metric_that_decides(summary):
    assert "Macro F1 \\% & 95 \\% from & to & Size MB" in latex_table(summary)
    by_accuracy = latex_table(summary.assign(judge_by="accuracy"))
    assert "Accuracy \\% & 95 \\% from & to & Macro F1 \\%" in by_accuracy
    both = latex_table(summary.assign(judge_by=["accuracy", "macro_f1"]))
    assert "Judged by & Score \\% &" in both and "& macro F1 & " in both


def test_latex_escapes_what_latex_reads(summary):
    text = latex_table(summary.assign(variant=["a&b%", r"x_{1}\y"]))
    assert r"a\&b\%" in text and r"x\_\{1\}\textbackslash{}y" in text


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("accuracy", 1.2, "column accuracy"),
        ("size_bytes", 0, "column size_bytes"),
        ("seeds", 1.5, "seeds"),
    ],
)
def test_a_cell_that_cannot_be_is_named(summary, tmp_path, column, value, told):
    bad = summary.astype(object)
    bad.loc[1, column] = value
    with pytest.raises(UserError, match=told) as raised:
        write_summary(bad, csv=tmp_path / "a", parquet=tmp_path / "b", latex=tmp_path / "c")
    assert "big+q_1" in str(raised.value) and not list(tmp_path.iterdir())


def test_every_column_is_in_the_schema_and_explained(summary):
    known = summary_schema()["properties"]
    assert set(summary.columns) - set(known) == {
        noise_column("accuracy", 0.05),
        noise_column("macro_f1", 0.05),  # what decides
    }
    definitions = summary_schema()["$defs"]
    for name, node in known.items():
        target = definitions[node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else {}
        assert node.get("description") or target.get("description"), name


def test_noise_columns_are_named_by_percent():
    assert [noise_column("accuracy", share) for share in (0.05, 0.1, 0.125)] == [
        "accuracy_noise_5",
        "accuracy_noise_10",
        "accuracy_noise_12.5",
    ]


def test_the_clock_gives_the_first_and_the_last_number_of_threads(tmp_path):
    base = {"variant": "v", "seed": 0, "runtime": "onnxruntime"}
    times = {"latency_ms_p50": 2.0, "latency_ms_p95": 3.0, "throughput": 400.0}
    content = {
        "environment": {"threads": [1, 2]},
        "spread": {"1": 0.02, "2": 0.04},
        "rows": [
            {**base, "threads": 1, **times},
            {**base, "threads": 2, **times, "latency_ms_p50": 1.2},
        ],
        "processes": [{**base, "peak_memory_bytes": 10, "cold_start_ms": 20.0}],
    }
    path = tmp_path / "d.json"
    path.write_text(json.dumps(content))
    clock = Clock(path)
    assert clock.main_spread == 0.02
    found = clock.columns("v", 0, "onnxruntime")
    assert (found["latency_ms_p50"], found["all_latency_ms_p50"]) == (2.0, 1.2)
    assert (found["threads"], found["all_threads"], found["cold_start_ms"]) == (1, 2, 20.0)
    assert clock.latency("v", 0, "pytorch") is None
    content["environment"]["threads"] = [1]
    path.write_text(json.dumps(content))
    found = Clock(path).columns("v", 0, "onnxruntime")
    assert found["all_threads"] is None and found["all_throughput"] is None
