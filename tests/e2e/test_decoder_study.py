"""Decoders on sets of labels, from a file of 0 and 1 to the report: merged LoRA, a 4-bit base, and a graph."""

import hashlib

import pandas
import pytest
import yaml
from test_label_sets import GROUPS, LABELS, write_sets

from conftest import Project
from emopress.artifact import read_json

SMALL = {"architecture": "mistral", "layers": 1, "width": 32, "heads": 4, "kv_heads": 2, "ffn": 64}
TOKENIZER = {"train": "wordpiece", "vocab_size": 400, "lowercase": True}
ADAPT = {
    "kind": "adapt",
    "rank": 4,
    "alpha": 8,
    "targets": ["q_proj", "v_proj", "down_proj"],
    "train": {
        "epochs": 1,
        "batch_size": 32,
        "accumulate": 2,
        "learning_rate": 0.005,
        "gradient_checkpointing": True,
    },
}
VARIANTS = ["distilbert", "gemma+lora", "mistral+qlora", "graph+qlora+nf4"]


def model(**keys):
    return {"family": "transformer", "tokenizer": TOKENIZER, **keys}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The project after `snakemake report`; `told` is what a dry run of it said before."""
    made = Project(tmp_path_factory.mktemp("decoders"))
    mirror = made.folder / "mirror" / "sets"
    mirror.mkdir(parents=True)
    write_sets(made.folder / "data" / "demo" / "demo-en.csv", mirror / "sets.csv")
    encoder = {"architecture": "distilbert", "layers": 1, "width": 32, "heads": 2, "ffn": 64}
    large = {"runtime": "transformers", "train": {"epochs": 0}}
    study = {
        "name": "decoders",
        "mirror": "mirror",
        "seeds": [0],
        "study": [{"dataset": "sets", "reference": "distilbert", "variants": VARIANTS}],
        "models": {
            "distilbert": model(init=encoder, train={"epochs": 1, "learning_rate": 0.001}),
            "gemma": model(init={**SMALL, "architecture": "gemma", "head_size": 16}, **large),
            "mistral": model(init=SMALL, **large),
            "graph": model(init=SMALL, train={"epochs": 1, "learning_rate": 0.001}),
        },
        "passes": {
            "lora": {**ADAPT, "method": "lora"},
            "qlora": {**ADAPT, "method": "qlora"},
            "nf4": {"kind": "quantize", "method": "nf4"},
        },
        "datasets": {
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
                            "sha256": hashlib.sha256(
                                (mirror / "sets.csv").read_bytes()
                            ).hexdigest(),
                        }
                    ]
                },
                "max_length": 32,
                "licence": "MIT",
            }
        },
        "evaluate": {"noise": [0.1], "batch_size": 16},
        "statistics": {"resamples": 1000},
        "timing": {
            "threads": [1],
            "rounds": 1,
            "texts": 4,
            "warmup": 1,
            "pytorch": False,
            "openvino": False,
            "cold_starts": 0,
        },
    }
    made.config.write_text(yaml.safe_dump(study), "utf-8")
    told = made.snakemake("report", dry=True)
    made.dry = told.stdout + told.stderr
    made.snakemake("report")
    return made


def test_a_dry_run_prints_the_memory(ran):
    lines = [line for line in ran.dry.splitlines() if line.startswith("sets/")]
    assert [line.split()[0] for line in lines] == [
        "sets/distilbert",
        "sets/gemma+lora",
        "sets/mistral+qlora",
        "sets/graph",
        "sets/graph+qlora",
    ]


def test_summary(ran):
    summary = pandas.read_csv(ran.results / "summary.csv").set_index("variant")
    assert summary.index.tolist() == VARIANTS
    runtimes = ["onnxruntime", "transformers", "transformers", "onnxruntime"]
    assert summary["runtime"].tolist() == runtimes
    for variant in VARIANTS:
        folder = ran.results / "sets" / variant / "seed0" / "bundle"
        shipped = [f for f in folder.rglob("*") if f.is_file() and f.name != "provenance.json"]
        assert summary.loc[variant, "size_bytes"] == sum(f.stat().st_size for f in shipped)
        assert len(read_json(folder / "bundle.json")["thresholds"]) == 3


def test_a_4_bit_bundle_has_its_adapters_beside_it(ran):
    bundles = {v: ran.results / "sets" / v / "seed0" / "bundle" for v in VARIANTS}
    assert (bundles["mistral+qlora"] / "adapter" / "adapter_model.safetensors").is_file()
    assert not (bundles["gemma+lora"] / "adapter").exists()
    facts = {v: read_json(bundle / "provenance.json") for v, bundle in bundles.items()}
    assert facts["mistral+qlora"]["weight_bits"] == 4 and facts["gemma+lora"]["weight_bits"] == 16


def test_report(ran):
    report = (ran.results / "report.md").read_text("utf-8")
    for variant in VARIANTS:
        assert f"`{variant}`" in report
    rows = [
        line for line in report.splitlines() if line.startswith("|") and "mistral+qlora" in line
    ]
    assert any("transformers" in [cell.strip(" `") for cell in row.split("|")] for row in rows)
