"""Whole studies: the shipped ones load, and mistakes between their entries are found by name."""

from pathlib import Path

import pytest
import yaml

from emopress.errors import UserError
from emopress.study import RESERVED, load_study

ROOT = Path(__file__).parents[2]
STUDIES = ["config.yaml", "real-cpu.yaml", "study.yaml"]


def study(config):
    return load_study(config, ROOT)


def refused(config):
    with pytest.raises(UserError) as caught:
        study(config)
    return str(caught.value)


@pytest.fixture
def config(default_config):
    """The default study of one data set, with two variants."""
    default_config["study"] = [{"dataset": "demo-en", "variants": ["tiny", "linear"]}]
    return default_config


@pytest.mark.parametrize("name", STUDIES)
def test_shipped_study(name):
    path = ROOT / "config" / name
    if not path.is_file():
        pytest.skip(f"{name} is not written yet")
    loaded = study(yaml.safe_load(path.read_text("utf-8")))
    bundles = list(loaded.bundles())
    assert len(bundles) == len(set(bundles))
    for dataset, variant, _ in bundles:
        assert loaded.reference(dataset, variant) in loaded.variants[dataset]


def test_default_study_has_every_kind_of_pass_in_both_languages(default_config):
    loaded = study(default_config)
    assert {loaded.datasets[name]["language"] for name in loaded.variants} == {"bn", "en"}
    for variants in loaded.variants.values():
        assert len(variants) >= 8
        used = {name for variant in variants for name in variant.split("+")[1:]}
        kinds = {(loaded.passes[n]["kind"], loaded.passes[n].get("method")) for n in used}
        assert {"distill", "prune", "quantize"} == {kind for kind, _ in kinds}
        assert {"static", "dynamic", "weight-only"} <= {method for _, method in kinds}


def test_what_rules_ask(config):
    config["seeds"] = [0, 1]
    loaded = study(config)
    assert list(loaded.bundles()) == [
        ("demo-en", "tiny", 0),
        ("demo-en", "tiny", 1),
        ("demo-en", "linear", 0),
        ("demo-en", "linear", 1),
    ]
    assert loaded.pass_names(kind="prune") == ["mag50"]
    assert loaded.pass_names(kind="quantize", method="weight-only") == ["int8-weights"]
    assert loaded.model_names("linear") == ["linear"]
    assert set(loaded.data_params("demo-en")) == {"labels", "language", "max_length", "normalise"}
    assert loaded.reference("demo-en", "linear") == "tiny"


@pytest.mark.parametrize(
    ("given", "expected"), [("some/folder", ["some/folder"]), (["a", "b"], ["a", "b"]), (None, [])]
)
def test_mirrors(config, given, expected):
    if given is not None:
        config["mirror"] = given
    assert study(config).mirrors == expected


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ("tiny+int8-static+mag50", "pass 'mag50' (prune) cannot follow 'int8-static' (quantize)"),
        ("tiny+int8-weights", "pass 'int8-weights' (quantize) cannot be applied to 'tiny'"),
        ("linear+mag50", "pass 'mag50' (prune) cannot be applied to 'linear', a linear model"),
        ("huge", "unknown model 'huge'; models are: linear, micro, tiny"),
        ("tiny+qat", "unknown pass 'qat'; passes are: int8-dynamic"),
    ],
)
def test_impossible_variant(config, variant, message):
    config["study"][0]["variants"].append(variant)
    line = refused(config)
    assert line.startswith(f"config: study.demo-en: variant {variant!r}: ")
    assert message in line and "\n" not in line


def test_several_mistakes_are_several_lines(config):
    config["study"][0]["variants"] += ["huge", "linear+mag50"]
    config["passes"]["kd-micro"]["student"] = "nobody"
    lines = refused(config).split("\n")
    assert len(lines) == 3
    assert any("passes.kd-micro.student: unknown model 'nobody'" in line for line in lines)


def test_schema_mistakes_come_first(config):
    config["seed"] = [0]
    assert "config: unknown key 'seed'; did you mean 'seeds'?" in refused(config)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names(config, name):
    config.setdefault("datasets", {})[name] = {
        "title": "T",
        "language": "en",
        "labels": ["a", "b"],
        "licence": "MIT",
        "source": {"files": [{"name": "demo-en.csv", "path": "data/demo/demo-en.csv"}]},
    }
    assert f"datasets.{name}: reserved name" in refused(config)


def test_model_and_pass_of_one_name(config):
    config["passes"]["tiny"] = config["passes"]["int8-static"]
    assert "passes.tiny: a model has this name too" in refused(config)


def test_unknown_data_set(config):
    config["study"].append({"dataset": "demo-fr", "variants": ["tiny"]})
    assert "study: unknown dataset 'demo-fr'; datasets are: " in refused(config)


def test_data_set_twice(config):
    config["study"].append({"dataset": "demo-en", "variants": ["tiny"]})
    assert "study: dataset 'demo-en' stands twice" in refused(config)


def test_reference_must_be_a_variant(config):
    config["study"][0]["reference"] = "micro"
    assert "study.demo-en.reference: 'micro' is not among the variants" in refused(config)


def test_a_variant_needs_what_it_is_compared_with(config):
    config["study"][0]["variants"] = ["linear", "tiny+mag50"]
    assert "variant 'tiny+mag50' is compared with 'tiny', which is not among" in refused(config)
    config["study"][0]["reference"] = "linear"
    assert study(config).reference("demo-en", "tiny+mag50") == "linear"


def test_missing_data_file(config):
    source = {"files": [{"name": "gone.csv", "path": "data/demo/gone.csv"}]}
    config["datasets"] = {"demo-en": {"source": source}}
    config["datasets"]["demo-en"] |= {
        "title": "T",
        "language": "en",
        "labels": ["a", "b"],
        "licence": "MIT",
    }
    assert "no file 'data/demo/gone.csv' in the repository" in refused(config)


def test_fetched_file_needs_a_hash(config):
    config["datasets"] = {
        "toy": {
            "title": "T",
            "language": "en",
            "labels": ["a", "b"],
            "licence": "MIT",
            "source": {"files": [{"name": "a.csv", "url": "https://example.org/a.csv"}]},
        }
    }
    assert "datasets.toy.source.files.a.csv: sha256 is required" in refused(config)


def test_entries_that_do_not_fit_together(config):
    config["models"]["tiny"]["init"]["heads"] = 3
    config["models"]["linear"]["ngrams"] = [5, 2]
    del config["models"]["micro"]["tokenizer"]
    config["passes"]["kd-svm"] = {"kind": "distill", "student": "linear"}
    lines = refused(config)
    assert "models.tiny.init: heads must divide width" in lines
    assert "models.linear.ngrams: shortest first, then longest" in lines
    assert "models.micro: a model from scratch needs a tokenizer" in lines
    assert "passes.kd-svm.student: 'linear' is no transformer" in lines


def test_tokenizer_of_a_model_that_has_none(config):
    config["models"]["micro"]["tokenizer"] = {"model": "tiny"}
    assert "models.micro.tokenizer.model: 'tiny' is not a pretrained model" in refused(config)
