"""LSTM classifiers, discriminative and generative, from training to the report, in one really run study."""

import numpy as np
import pandas
import pytest
import yaml

from conftest import Project
from emopress.artifact import read_json
from emopress.measure.summary import summary_errors

TOKENIZER = {"train": "words", "vocab_size": 500, "lowercase": True}
SHAPE = {"family": "lstm", "width": 16, "state": 32, "dropout": 0.1, "tokenizer": TOKENIZER}
TRAIN = {"epochs": 5, "batch_size": 16, "learning_rate": 0.02}
STUDY = {
    "name": "lstm",
    "seeds": [0],
    "study": [
        {
            "dataset": "demo-en",
            "variants": ["lstm-disc", "lstm-gen", "lstm-disc+int8", "lstm-gen+kd-disc"],
        }
    ],
    "models": {
        "lstm-disc": {**SHAPE, "kind": "discriminative", "train": TRAIN},
        "lstm-gen": {**SHAPE, "kind": "generative", "label_width": 16, "train": TRAIN},
    },
    "passes": {
        "int8": {"kind": "quantize", "method": "dynamic"},
        "kd-disc": {"kind": "distill", "student": "lstm-disc", "train": TRAIN},
    },
    "evaluate": {"noise": [0.1], "batch_size": 32},
    "statistics": {"resamples": 1000},
    "timing": {"rounds": 1, "texts": 5, "cold_starts": 1},
}
VARIANTS = STUDY["study"][0]["variants"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `snakemake report` of a study of LSTM classifiers."""
    made = Project(tmp_path_factory.mktemp("lstm"))
    made.config.write_text(yaml.safe_dump(STUDY), "utf-8")
    made.snakemake("report")
    return made


def test_summary(ran):
    summary = pandas.read_csv(ran.results / "summary.csv")
    assert summary["variant"].tolist() == VARIANTS and summary_errors(summary) == []
    assert set(summary["family"]) == {"lstm"} and set(summary["runtime"]) == {"onnxruntime"}
    by_variant = summary.set_index("variant")
    for variant in VARIANTS[:3]:
        assert by_variant.loc[variant, "macro_f1"] > 0.4, variant
    assert by_variant.loc["lstm-gen+kd-disc", "macro_f1"] > 0.25


def test_a_student_of_a_generative_teacher_is_discriminative(ran):
    bundle = read_json(ran.results / "demo-en" / "lstm-gen+kd-disc" / "seed0/bundle/bundle.json")
    assert bundle["kind"] == "discriminative"
    assert [step["name"] for step in bundle["recipe"]] == ["lstm-gen", "kd-disc"]


def test_what_tokens_cost_is_kept_for_generative_models_alone(ran):
    details = read_json(ran.results / "details.json")["demo-en"]
    found = {name: seeds["0"].get("cross_entropy") for name, seeds in details.items()}
    assert [name for name, value in found.items() if value] == ["lstm-gen"]
    parts = found["lstm-gen"]["parts"]
    assert [(p["split"], p["noise"]) for p in parts] == [
        ("validation", 0.0),
        ("test", 0.0),
        ("test", 0.1),
    ]
    for part in parts:
        assert (np.diff(list(part["quantiles"].values())) >= 0).all()
    clean, noisy = parts[1:]
    assert noisy["mean"] > clean["mean"] > 0


def test_report(ran):
    report = (ran.results / "report.md").read_text("utf-8")
    for variant in VARIANTS:
        assert f"`{variant}`" in report
