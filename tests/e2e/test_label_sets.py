"""Any number of labels per text, from a file of 0 and 1 to the report, in one really run study."""

import csv
import hashlib
import importlib.util

import numpy as np
import pandas
import pytest
import yaml
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from conftest import STUDY, Project
from emopress.artifact import read_json
from emopress.measure import sets
from emopress.measure.summary import summary_errors
from emopress.tasks import label_array

LABELS = ["sadness", "joy", "love", "anger", "fear", "surprise"]
GROUPS = {"glad": ["joy", "love"], "upset": ["sadness", "anger", "fear"], "surprise": ["surprise"]}
HAS_OPENVINO = all(importlib.util.find_spec(name) for name in ("openvino", "nncf"))
OPENVINO = ["tiny+ov-int8"] if HAS_OPENVINO else []
CONV = {
    "family": "conv",
    "width": 8,
    "filters": 16,
    "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
    "train": {"epochs": 8, "batch_size": 16, "learning_rate": 0.02, "patience": 8},
}
PASSES = {  # that the miniature study has not
    "qlora": {
        "kind": "adapt",
        "method": "qlora",
        "rank": 4,
        "train": {"epochs": 1, "learning_rate": 0.001},
    },
    "nf4": {"kind": "quantize", "method": "nf4"},
    "ov-int8": {"kind": "openvino", "precision": "int8", "calibration": {"texts": 10}},
    "kd-dense": {
        "kind": "distill",
        "student": "dense",
        "train": {"epochs": 4, "batch_size": 16, "learning_rate": 0.02},
    },
    "kd-conv": {"kind": "distill", "student": "conv", "train": CONV["train"]},
}
VARIANTS = [
    "tiny",
    "tiny+int8-static",
    "tiny+mag50+int8-dynamic",
    "tiny+kd-layer+cut50",
    "tiny+low-rank+qat8",
    "tiny+kd-micro",
    "tiny+trim+int4",
    "tiny+lora",
    "tiny+qlora",
    "tiny+auto",
    "tiny+fp16",
    "tiny+nf4",
    "tiny+mag50+pack",
    "tiny+kd-dense",
    "tiny+kd-conv",
    *OPENVINO,
    "linear",
    "linear+int8-weights",
    "dense",
    "dense+q4",
    "conv",
    "conv+q4",
]


def write_sets(source, path):
    """Write texts of one to two of the demo corpus's, with a column of 0 and 1 per label."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["comment", *LABELS])
        for index, row in enumerate(rows[:600]):
            other = rows[(7 * index + 3) % len(rows)] if index % 2 else row
            text = row["text"] if other is row else f"{row['text']} {other['text']}"
            found = {row["label"], other["label"]}
            writer.writerow([text, *(int(label in found) for label in LABELS)])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `snakemake report` of a study of sets of labels."""
    made = Project(tmp_path_factory.mktemp("sets"))
    mirror = made.folder / "mirror" / "sets"
    mirror.mkdir(parents=True)
    write_sets(made.folder / "data" / "demo" / "demo-en.csv", mirror / "sets.csv")
    study = yaml.safe_load(STUDY.read_text("utf-8"))
    study["mirror"] = "mirror"
    study["passes"] |= PASSES
    study["models"]["conv"] = CONV
    study["study"] = [{"dataset": "sets", "judge_by": "jaccard", "variants": VARIANTS}]
    study["datasets"] = {
        "sets": {
            "title": "Sets of labels",
            "language": "en",
            "demo": True,
            "multilabel": True,
            "labels": list(GROUPS),
            "groups": GROUPS,
            "columns": {"text": "comment", "labels": {label: label for label in LABELS}},
            "source": {
                "files": [
                    {
                        "name": "sets.csv",
                        "url": "https://example.org/sets.csv",
                        "sha256": hashlib.sha256((mirror / "sets.csv").read_bytes()).hexdigest(),
                    }
                ]
            },
            "licence": "MIT",
        }
    }
    made.config.write_text(yaml.safe_dump(study), "utf-8")
    made.snakemake("report")
    return made


def test_summary(ran):
    summary = pandas.read_csv(ran.results / "summary.csv")
    assert summary["variant"].tolist() == VARIANTS and summary_errors(summary) == []
    for score in ("sample_f1", "jaccard", "hamming_loss", "micro_f1", "accuracy"):
        assert (summary[f"{score}_low"] <= summary[score]).all()
        assert (summary[score] <= summary[f"{score}_high"]).all()
    by_variant = summary.set_index("variant")
    for variant in ("tiny", "linear", "dense", "tiny+kd-dense", "conv", "conv+q4", "tiny+kd-conv"):
        assert by_variant.loc[variant, "sample_f1"] > 0.6, variant


@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_are_those_of_the_predictions(ran, variant):
    row = pandas.read_csv(ran.results / "summary.csv").set_index("variant").loc[variant]
    folder = ran.results / "sets" / variant / "seed0"
    frame = pandas.read_parquet(folder / "predictions.parquet").query(
        "split == 'test' and noise == 0"
    )
    truth, said = (
        [[c in found for c in range(3)] for found in frame[column]]
        for column in ("label", "predicted")
    )
    assert row["accuracy"] == pytest.approx(accuracy_score(truth, said), rel=1e-5)
    for name, average in (("macro_f1", "macro"), ("micro_f1", "micro"), ("sample_f1", "samples")):
        zero = 1 if average == "samples" else 0
        expected = f1_score(truth, said, average=average, zero_division=zero)
        assert row[name] == pytest.approx(expected, rel=1e-5)
    expected = jaccard_score(truth, said, average="samples", zero_division=1)
    assert row["jaccard"] == pytest.approx(expected, rel=1e-5)
    bundle = read_json(folder / "bundle" / "bundle.json")
    assert bundle["task"] == "multi" and len(bundle["thresholds"]) == 3
    assert read_json(folder / "bundle" / "provenance.json")["judge_by"] == "jaccard"


def test_which_passes_tune_thresholds(ran):
    def thresholds(variant):
        return read_json(ran.results / "sets" / variant / "seed0/bundle/bundle.json")["thresholds"]

    assert thresholds("tiny+int8-static") == thresholds("tiny")
    assert thresholds("tiny+mag50+int8-dynamic") == thresholds("tiny")
    for stored in ("fp16", "nf4", "mag50+pack", *(name[5:] for name in OPENVINO)):
        assert thresholds(f"tiny+{stored}") == thresholds("tiny"), stored
    for trained in ("kd-micro", "kd-dense", "kd-conv", "qlora"):
        assert thresholds(f"tiny+{trained}") != thresholds("tiny"), trained
    for model in ("dense", "conv"):
        assert thresholds(f"{model}+q4") == thresholds(model)


def test_thresholds_are_the_best_for_what_decides(ran):
    folder = ran.results / "sets" / "linear" / "seed0"
    frame = pandas.read_parquet(folder / "predictions.parquet").query("split == 'validation'")
    truth = label_array(frame["label"].tolist(), 3)
    found = frame[list(GROUPS)].to_numpy()
    given = read_json(folder / "bundle" / "bundle.json")["thresholds"]
    best = sets.observed(truth, found >= np.array(given)).jaccard
    for common in np.arange(0.05, 1, 0.05):
        assert best >= sets.observed(truth, found >= common).jaccard - 1e-9


def test_what_decides_is_named_wherever_a_choice_is_told(ran):
    report = (ran.results / "report.md").read_text("utf-8")
    (lead,) = [line for line in report.splitlines() if "so there is nothing to ship" in line]
    assert "% Jaccard index, " in lead and "% macro F1.**" in lead
    assert "of Jaccard index below `" in lead
    for first in read_json(ran.results / "recommendation.json")["sets"]:
        assert first["judge_by"] == "jaccard"
    summary = pandas.read_csv(ran.results / "summary.csv").set_index("variant")
    chosen = read_json(ran.results / "recommendation.json")["sets"][2]["variant"]
    assert summary.loc[chosen, "validation_jaccard"] == summary["validation_jaccard"].max()
    assert "| Jaccard index % | Jaccard index, 95 % | Macro F1 % |" in report
    trials = read_json(ran.results / "sets" / "tiny+auto" / "seed0" / "trials.json")
    assert trials["judge_by"] == "jaccard" and "jaccard_loss" in trials["rows"][0]


def test_report(ran):
    report = (ran.results / "report.md").read_text("utf-8")
    assert "A text may have any number of labels here" in report
    assert "Hamming loss %" in report and "Sample F1 %" in report
    card = read_json(ran.results / "data" / "sets" / "card.json")
    assert set(card["labels_per_text"]["train"]["texts"]) == {"1", "2"}
