"""From raw text to the report: what a run leaves behind is there, agrees with itself, and loads."""

import json
import os
import subprocess
import sys
import zipfile
from itertools import dropwhile, takewhile

import numpy as np
import pandas
import pytest
from sklearn.metrics import accuracy_score, f1_score

from command_line import STUCK_S
from emopress.measure.summary import records, summary_errors
from emopress.report.figures.names import SPEC, figure_names


@pytest.fixture(scope="module")
def summary(project):
    return pandas.read_csv(project.results / "summary.csv")


@pytest.fixture(scope="module")
def report(project):
    return (project.results / "report.md").read_text("utf-8")


def folder(project, study, variant):
    return project.results / study.dataset / variant / "seed0"


def test_summary(summary, study):
    assert summary["variant"].tolist() == study.variants
    assert summary_errors(summary) == []
    assert (summary["accuracy_low"] <= summary["accuracy"]).all()
    assert (summary["accuracy"] <= summary["accuracy_high"]).all()
    never = {"accuracy_sd", "macro_f1_sd", "micro_f1_sd", "latency_ms_p50_sd"}  # one seed
    sets = ("sample_f1", "jaccard", "hamming_loss")  # of any number of labels per text
    never |= {f"{score}{end}" for score in sets for end in ("", "_sd", "_low", "_high")}
    never |= {f"validation_{score}" for score in sets[:2]}
    never |= {
        f"{other}_{score}_{what}"
        for other in ("teacher", "linear", "reference")
        for score in ("micro_f1", *sets[:2])
        for what in ("difference", "low", "high", "p", "shown")
    }
    if len(os.sched_getaffinity(0)) == 1:
        never |= {"all_threads", "all_latency_ms_p50", "all_throughput"}
    assert set(summary.columns[summary.isna().all()]) == never


def test_the_summary_is_the_same_in_every_format(project, summary):
    parquet = pandas.read_parquet(project.results / "summary.parquet")
    assert records(parquet) == records(summary)
    assert r"\bottomrule" in (project.results / "summary.tex").read_text("utf-8")
    seeds = pandas.read_csv(project.results / "seeds.csv")
    assert seeds["accuracy"].tolist() == pytest.approx(summary["accuracy"].tolist(), rel=1e-6)


def test_scores_are_those_of_the_predictions(project, summary, study):
    for _, row in summary.iterrows():
        path = folder(project, study, row["variant"]) / "predictions.parquet"
        frame = pandas.read_parquet(path).query("split == 'test' and noise == 0")
        shown = frame[study.labels].to_numpy().argmax(axis=1)
        assert row["accuracy"] == pytest.approx(accuracy_score(frame["label"], shown), rel=1e-5)
        expected = f1_score(frame["label"], shown, average="macro", zero_division=0)
        assert row["macro_f1"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("variant", ["tiny", "tiny+mag50+int8-dynamic", "linear"])
def test_labels_mean_the_same_from_the_file_to_the_predictions(project, study, variant):
    """These models learn; were labels exchanged anywhere, they would be wrong all over."""
    raw = pandas.read_csv(project.folder / "data" / "demo" / "demo-en.csv")
    named = dict(zip(raw["text"].str.strip(), raw["label"], strict=True))
    test = pandas.read_parquet(project.results / "data" / study.dataset / "test.parquet")
    path = folder(project, study, variant) / "predictions.parquet"
    shown = pandas.read_parquet(path).query("noise == 0").set_index("id")
    names, right = [], []
    for row in test.itertuples():
        if row.text.strip() in named:
            names.append(study.labels[row.label] == named[row.text.strip()])
            predicted = shown.loc[row.id, study.labels].astype(float).idxmax()
            right.append(predicted == named[row.text.strip()])
    assert len(names) > 0.9 * len(test) and np.mean(names) > 0.99
    assert np.mean(right) > 0.5


def test_size_is_what_lies_on_the_disk(project, summary, study):
    for _, row in summary.iterrows():
        files = (folder(project, study, row["variant"]) / "bundle").iterdir()
        assert row["size_bytes"] == sum(
            path.stat().st_size for path in files if path.name != "provenance.json"
        )


def test_report_says_that_the_corpus_is_a_demo(report):
    opening, rest = report.split("##", 1)
    assert "All numbers here come from demo corpora" in opening
    assert "Demo corpus: these numbers say nothing about real texts." in rest


def test_report_has_its_parts(report, study):
    assert "```mermaid" in report
    for figure in ("accuracy-size", "accuracy-latency", "confusion"):
        assert f"figures/{study.dataset}-{figure}.svg" in report
    for heading in ("Data card: English demo corpus", "Results: English demo corpus"):
        assert heading in report


def rows_of(report, heading):
    """Return the rows of the first table below a heading, as dicts by column."""
    lines = report[report.index(heading) :].splitlines()
    table = list(
        takewhile(lambda line: line[:1] == "|", dropwhile(lambda line: line[:1] != "|", lines))
    )
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def percent(value):
    return f"{100 * value:.2f}"


def signed(value, places=2):
    return f"{100 * value:+.{places}f}".replace("-", "−")


def interval(low, high):
    return f"{100 * low:.1f} to {100 * high:.1f}"


def signed_interval(low, high):
    return f"{signed(low, 1)} to {signed(high, 1)}"


def times(value):
    return f"{value:.1f}x" if value >= 0.995 else f"{value:.2f}x"


def bracketed(value, claimed):
    return times(value) if claimed else f"({times(value)})"


def size(value):
    return f"{value / 1e3:.1f} kB" if value < 1e5 else f"{value / 1e6:.2f} MB"


def short(value):
    return f"{value / 1e6:.2f} M" if value >= 999_950 else f"{value / 1e3:.1f} k"


def p_value(value):
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


CELLS = {  # heading of a table -> column of the report -> what the summary says
    "## Results": {
        "Accuracy %": lambda row: percent(row.accuracy),
        "Accuracy, 95 %": lambda row: (
            f"{100 * row.accuracy_low:.1f} to {100 * row.accuracy_high:.1f}"
        ),
        "Macro F1 %": lambda row: percent(row.macro_f1),
        "Macro F1, 95 %": lambda row: (
            f"{100 * row.macro_f1_low:.1f} to {100 * row.macro_f1_high:.1f}"
        ),
        "Validation: accuracy %": lambda row: percent(row.validation_accuracy),
        "Validation: macro F1 %": lambda row: percent(row.validation_macro_f1),
        "Size": lambda row: size(row.size_bytes),
        "Compression": lambda row: times(row.compression),
        "p50 ms": lambda row: f"{row.latency_ms_p50:.2f}",
        "p95 ms": lambda row: f"{row.latency_ms_p95:.2f}",
        "Texts / s": lambda row: f"{row.throughput:,.0f}",
        "Speedup": lambda row: bracketed(
            row.speedup, row.speedup_shown or row.variant == row.reference
        ),
        "Over PyTorch": lambda row: bracketed(
            row.speedup_over_pytorch,
            abs(np.log(row.speedup_over_pytorch)) > np.log(1 + row.timing_spread),
        ),
        "ECE %": lambda row: percent(row.ece),
        "Parameters": lambda row: short(row.params),
        "Non-zero": lambda row: short(row.nonzero_params),
        "Bits / weight": lambda row: f"{row.bits_per_weight:.1f}",
        "Runtime": lambda row: row.runtime,
    },
    "### With typing errors": {
        "0 %": lambda row: percent(row.accuracy),
        "5 %": lambda row: percent(row.accuracy_noise_5),
        "10 %": lambda row: percent(row.accuracy_noise_10),
        "20 %": lambda row: percent(row.accuracy_noise_20),
        "Points lost": lambda row: signed(row.accuracy_noise_20 - row.accuracy),
    },
    "### What it takes to run": {
        "p50 ms, 1 thread(s)": lambda row: f"{row.latency_ms_p50:.2f}",
        "Texts / s": lambda row: f"{row.throughput:,.0f}",
        "Cold start ms": lambda row: f"{row.cold_start_ms:,.0f}",
        "Peak memory": lambda row: size(row.peak_memory_bytes),
    },
}


TESTS = {  # columns of the tables of paired tests, of a comparison's columns in the summary
    "Accuracy points": lambda row, other: signed(row[f"{other}_difference"]),
    "Accuracy, 95 %": lambda row, other: signed_interval(row[f"{other}_low"], row[f"{other}_high"]),
    "Accuracy p": lambda row, other: p_value(row[f"{other}_p"]),
    "Macro F1 points": lambda row, other: signed(row[f"{other}_macro_f1_difference"]),
    "Macro F1, 95 %": lambda row, other: signed_interval(
        row[f"{other}_macro_f1_low"], row[f"{other}_macro_f1_high"]
    ),
    "Macro F1 p": lambda row, other: p_value(row[f"{other}_macro_f1_p"]),
}


@pytest.mark.parametrize("heading", CELLS)
def test_every_number_of_the_tables_is_that_of_the_summary(report, summary, heading):
    rows = rows_of(report, f"{heading}: English demo corpus")
    assert [row["Variant"] for row in rows] == summary["variant"].tolist()
    for shown, row in zip(rows, summary.itertuples(), strict=True):
        for column, expected in CELLS[heading].items():
            assert shown[column] == expected(row), (row.variant, column)


@pytest.mark.parametrize(
    ("heading", "other"), [("its own teacher", "teacher"), ("the linear baseline", "linear")]
)
def test_every_number_of_the_paired_tests_is_that_of_the_summary(report, summary, heading, other):
    rows = rows_of(report, f"Against {heading}")
    compared = summary[summary[f"{other}_p"].notna()].set_index("variant")
    assert [row["Variant"] for row in rows] == compared.index.tolist()
    for shown in rows:
        row = compared.loc[shown["Variant"]]
        for column, expected in TESTS.items():
            assert shown[column] == expected(row, other), (shown["Variant"], column)
        if other == "teacher":
            assert shown["Against"] == row["teacher"]
            assert shown["Agreement %"] == percent(row["agreement"])
            assert shown["Agreement, 95 %"] == interval(row["agreement_low"], row["agreement_high"])


def test_figures(project, study):
    names = {path.name for path in (project.results / "figures").iterdir()}
    kinds = figure_names(study.dataset, training=True, noise=True)
    assert names == {f"{name}{end}" for name in kinds for end in (".svg", ".png", SPEC)}


def test_every_budget_has_its_recommendation(project, summary, study, report):
    chosen = json.loads((project.results / "recommendation.json").read_text("utf-8"))
    assert [entry["budget"] for entry in chosen[study.dataset]] == [
        "smallest",
        "fastest",
        "best-score",
    ]
    table = summary.set_index("variant")
    for entry in chosen[study.dataset]:
        assert entry["met"] and f"`{entry['variant']}`" in report
    small, _, best = (table.loc[entry["variant"]] for entry in chosen[study.dataset])
    assert best["validation_accuracy"] == table["validation_accuracy"].max()
    floor = table.loc["tiny", "validation_accuracy"] - 0.01 - 1e-9
    assert small["size_bytes"] == table.query(f"validation_accuracy >= {floor}")["size_bytes"].min()


def test_flips_are_texts_on_which_variant_and_teacher_differ(project, study):
    flips = pandas.read_csv(project.results / "flips" / f"{study.dataset}.csv")
    assert (flips["teacher_label"] != flips["variant_label"]).all() and len(flips)
    assert flips.groupby("variant").size().max() <= 20


def test_bundles_reload_in_a_fresh_process(project, study, python):
    code = """
import json, sys, pandas
from emopress.runtime.bundle import load
test = pandas.read_parquet(sys.argv[1])[:20]
found = {v: load(f"{sys.argv[2]}/{v}/seed0/bundle").predict_proba(test["text"].tolist()).tolist()
         for v in sys.argv[3:]}
assert "torch" not in sys.modules
print(json.dumps(found))
"""
    test = project.results / "data" / study.dataset / "test.parquet"
    done = python(code, test, project.results / study.dataset, *study.variants)
    for variant, probabilities in json.loads(done.stdout).items():
        frame = pandas.read_parquet(folder(project, study, variant) / "predictions.parquet")
        expected = frame.query("split == 'test' and noise == 0")[study.labels].to_numpy()[:20]
        assert np.abs(np.array(probabilities) - expected).max() < 1e-6, variant


def test_no_path_of_this_machine_in_what_is_kept(project):
    for path in project.results.rglob("*"):
        if path.suffix in (".json", ".md", ".csv", ".html", ".tex"):
            assert str(project.folder) not in path.read_text("utf-8"), path


def test_nothing_half_written_is_left(project):
    hidden = [p for p in project.results.rglob(".*") if not p.name.startswith(".snakemake")]
    unfinished = list(project.results.rglob("unfinished-training"))
    assert hidden == unfinished == []


def test_training_shows_its_progress_in_its_log(project, study):
    log = project.results / "logs" / "finetune" / study.dataset / "tiny.seed0.log"
    text = log.read_text("utf-8")
    assert "validation macro F1" in text and "loss" in text


def test_terminal_tells_which_variant_is_made_and_how_much_is_done(project, study):
    assert f"{study.dataset}: fine-tune tiny (seed 0)" in project.told
    assert "steps (100%) done" in project.told


def test_snakemakes_own_report(project, study):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "snakemake",
            "--configfile",
            project.config.name,
            "--report",
            "r.zip",
        ],
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=STUCK_S,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(project.folder / "r.zip") as packed:
        page = min((n for n in packed.namelist() if n.endswith("report.html")), key=len)
        text = packed.read(page).decode("utf-8")
    for category in ("Results", "Data", "Figures", "Report"):
        assert f'"{category}"' in text
    assert "demo-en-confusion.svg" in text
