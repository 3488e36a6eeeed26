"""From raw text to the report: what a run leaves behind is there, agrees with itself, and loads."""

import json
import subprocess
import sys
import zipfile
from itertools import dropwhile, takewhile

import numpy as np
import pandas
import pytest
from sklearn.metrics import accuracy_score, f1_score

STABLE = """
dataset variant seed accuracy macro_f1 micro_f1 params nonzero_params size_bytes compression
latency_ms_p50 latency_ms_p95 throughput speedup runtime
"""


@pytest.fixture(scope="module")
def summary(project):
    return pandas.read_csv(project.results / "summary.csv")


@pytest.fixture(scope="module")
def report(project):
    return (project.results / "report.md").read_text("utf-8")


def folder(project, study, variant):
    return project.results / study.dataset / variant / "seed0"


def test_summary(summary, study):
    assert list(summary.columns[:15]) == STABLE.split()
    assert summary["variant"].tolist() == study.variants
    assert (summary["latency_ms_p50"] > 0).all() and summary["accuracy"].between(0, 1).all()
    assert not summary[STABLE.split()].isna().any().any()


def test_scores_are_those_of_the_predictions(project, summary, study):
    for _, row in summary.iterrows():
        path = folder(project, study, row["variant"]) / "predictions.parquet"
        frame = pandas.read_parquet(path).query("split == 'test'")
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
    shown = pandas.read_parquet(path).set_index("id")
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
            path.stat().st_size for path in files if path.name != "bundle.json"
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


def test_numbers_of_the_report_are_those_of_the_summary(report, summary):
    rows = rows_of(report, "## Results: English demo corpus")
    assert [row["Variant"] for row in rows] == summary["variant"].tolist()
    for shown, (_, row) in zip(rows, summary.iterrows(), strict=True):
        assert shown["Accuracy %"] == f"{100 * row['accuracy']:.2f}"
        assert shown["Macro F1 %"] == f"{100 * row['macro_f1']:.2f}"
        assert shown["Micro F1 %"] == f"{100 * row['micro_f1']:.2f}"
        assert shown["p50 ms"] == f"{row['latency_ms_p50']:.2f}"
        assert shown["Runtime"] == row["runtime"]
        assert float(shown["Compression"].rstrip("x")) == pytest.approx(
            row["compression"], rel=0.05
        )
        assert float(shown["Speedup"].rstrip("x")) == pytest.approx(row["speedup"], rel=0.06)


def test_figures(project, study):
    names = {path.name for path in (project.results / "figures").iterdir()}
    for figure in ("accuracy-size", "accuracy-latency", "confusion"):
        for kind in ("svg", "png"):
            assert f"{study.dataset}-{figure}.{kind}" in names


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
        expected = frame.query("split == 'test'")[study.labels].to_numpy()[:20]
        assert np.abs(np.array(probabilities) - expected).max() < 1e-6, variant


def test_no_path_of_this_machine_in_what_is_kept(project):
    for path in project.results.rglob("*"):
        if path.suffix in (".json", ".md", ".csv"):
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


def test_time(project, capsys):
    with capsys.disabled():
        print(f"\nminiature study: {project.seconds:.1f} s")
    assert project.seconds < 240  # under 60 s on a quiet machine


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
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(project.folder / "r.zip") as packed:
        (page,) = (name for name in packed.namelist() if name.endswith("report.html"))
        text = packed.read(page).decode("utf-8")
    for category in ("Results", "Data", "Report"):
        assert f'"{category}"' in text
    assert "demo-en-confusion.svg" in text
