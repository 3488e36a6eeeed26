"""LSTM classifiers, discriminative and generative, from training to the report, in one really run study."""

import numpy as np
import onnx
import pandas
import pytest
import yaml

from conftest import Project
from emopress.artifact import read_json
from emopress.measure.summary import summary_errors

TOKENIZER = {"train": "words", "vocab_size": 500, "lowercase": True}
SHAPE = {"family": "lstm", "width": 16, "state": 32, "dropout": 0.1, "tokenizer": TOKENIZER}
TRAIN = {"epochs": 5, "batch_size": 16, "learning_rate": 0.02}
CONDITIONAL = {"texts": 30, "balanced": True}
STUDY = {
    "name": "lstm",
    "seeds": [0],
    "study": [
        {
            "dataset": "demo-en",
            "variants": [
                *("lstm-disc", "lstm-gen", "lstm-disc+int8", "lstm-gen+kd-disc"),
                *("lstm-disc+gpfq4", "lstm-gen+gpfq4", "lstm-disc+gpfq4-un", "lstm-gen+gpfq4-un"),
                "lstm-gen+rtn8",
            ],
        }
    ],
    "models": {
        "lstm-disc": {**SHAPE, "kind": "discriminative", "train": TRAIN},
        "lstm-gen": {**SHAPE, "kind": "generative", "label_width": 16, "train": TRAIN},
    },
    "passes": {
        "int8": {"kind": "quantize", "method": "dynamic"},
        "gpfq4": {"kind": "quantize", "method": "gpfq", "bits": 4, "calibration": CONDITIONAL},
        "gpfq4-un": {"kind": "quantize", "method": "gpfq", "bits": 4, "calibration": {"texts": 30}},
        "rtn8": {"kind": "quantize", "method": "rtn", "bits": 8},
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
    scores = summary.set_index("variant")["macro_f1"]
    # Measured: 0.64 and 0.59 in fp32, 0.005 and 0.008 less after gpfq4, 0.018 and 0.019 after gpfq4-un.
    for parent in ("lstm-disc", "lstm-gen"):
        assert scores[parent] > 0.5, parent
        for step in ("gpfq4", "gpfq4-un"):
            assert scores[f"{parent}+{step}"] >= scores[parent] - 0.08, (parent, step)
    assert scores["lstm-disc+int8"] == pytest.approx(scores["lstm-disc"], abs=0.01)
    assert scores["lstm-gen+rtn8"] == pytest.approx(scores["lstm-gen"], abs=0.01)
    assert scores["lstm-gen+kd-disc"] > 0.4 * scores["lstm-disc"]  # 0.32, in as few epochs


def test_a_student_of_a_generative_teacher_is_discriminative(ran):
    bundle = read_json(
        ran.results / "demo-en" / "lstm-gen+kd-disc" / "seed0/bundle/provenance.json"
    )
    assert bundle["kind"] == "discriminative"
    assert [step["name"] for step in bundle["recipe"]] == ["lstm-gen", "kd-disc"]


def test_what_tokens_cost_is_kept_for_generative_models_alone(ran):
    details = read_json(ran.results / "details.json")["demo-en"]
    found = {name: seeds["0"].get("cross_entropy") for name, seeds in details.items()}
    generative = ["lstm-gen", "lstm-gen+gpfq4", "lstm-gen+gpfq4-un", "lstm-gen+rtn8"]
    assert [name for name, value in found.items() if value] == generative
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


def test_few_bits_are_stored_in_few_bits(ran):
    folder = ran.results / "demo-en"

    def shipped(name):
        bundle = folder / name / "seed0" / "bundle"
        files = read_json(bundle / "bundle.json")["files"]
        return sum((bundle / file).stat().st_size for file in files if file != "tokenizer.json")

    weights = shipped("lstm-gen")
    # 4 and 8 of 32 bits, and a graph of some 11 kB, a tenth of so small a model
    assert shipped("lstm-gen+gpfq4") < (0.125 + 0.14) * weights
    assert shipped("lstm-gen+rtn8") < (0.25 + 0.14) * weights


@pytest.mark.parametrize("name", ["lstm-gen+gpfq4", "lstm-gen+rtn8", "lstm-disc+gpfq4-un"])
def test_no_matrix_of_floats_is_shipped(ran, name):
    path = ran.results / "demo-en" / name / "seed0" / "bundle" / "model.onnx"
    held = onnx.load(path, load_external_data=False).graph.initializer
    floats = [t for t in held if t.data_type == onnx.TensorProto.FLOAT]
    (shifts,) = [t for t in floats if t.name == "codes.shifted"]  # of the unpacking, no weights
    assert shifts.dims[0] <= shifts.dims[1] == 8  # bits, codes in so many bytes
    floats.remove(shifts)
    # Biases and scales, which some operators want with further axes of one.
    assert floats and all(sum(n > 1 for n in t.dims) < 2 for t in floats)
    assert max(int(np.prod(t.dims)) for t in floats) <= 500  # one number a word of the vocabulary


def test_the_report_answers_the_questions_of_the_two_kinds(ran):
    found = read_json(ran.results / "statistics" / "demo-en.json")["questions"]
    assert found["fp32"] == {"generative": "lstm-gen", "discriminative": "lstm-disc"}
    assert [entry["step"] and entry["step"]["name"] for entry in found["noise"]] == [
        *(None, "gpfq4", "gpfq4-un")
    ]
    (calibration,) = found["calibration"]
    assert calibration["unconditional"]["step"]["name"] == "gpfq4-un"
    report = (ran.results / "report.md").read_text("utf-8")
    section = report.split("### Generative or discriminative?")[1].split("### ")[0]
    assert section.count("the publication: ") == 4  # noise, in 4 bits, 4 bits, calibration
    assert (
        "If you must choose one: " in section and "| `lstm-gen+gpfq4` | generative | 4 |" in section
    )
    assert "figures/demo-en-bits.svg" in section
    assert (ran.results / "figures" / "demo-en-bits.svg").is_file()
    assert "figures/demo-en-cross-entropy.svg" in section
    assert (ran.results / "figures" / "demo-en-cross-entropy.svg").is_file()
    page = (ran.results / "report.html").read_text("utf-8")
    assert "Generative or discriminative?" in page
