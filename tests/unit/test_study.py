"""Whole studies: the shipped ones load, and mistakes between their entries are found by name."""

from pathlib import Path

import pytest
import yaml

from emopress import recipe
from emopress.errors import UserError
from emopress.measure.deciding import Judge
from emopress.study.layers import merged, without_nulls
from emopress.study.load_study import load_study
from emopress.study.reserved import DATASETS, LABELS

ROOT = Path(__file__).parents[2]
STUDIES = sorted(
    path.name
    for path in (ROOT / "config").glob("*.yaml")
    if path.name not in ("datasets.yaml", "llm-miniature.yaml", "miniature.yaml", "published.yaml")
)


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
    loaded = study(yaml.safe_load(path.read_text("utf-8")))
    bundles = list(loaded.bundles())
    assert len(bundles) == len(set(bundles))
    for dataset, variant, _ in bundles:
        assert loaded.reference(dataset, variant) in loaded.variants[dataset]


def test_default_study_has_every_sort_of_pass_and_the_main_ones_in_both_languages(default_config):
    loaded = study(default_config)
    assert {loaded.datasets[name]["language"] for name in loaded.variants} == {"bn", "en"}
    everywhere = set()
    for variants in loaded.variants.values():
        assert len(variants) >= 8
        used = {name for variant in variants for name in variant.split("+")[1:]}
        sorts = {recipe.sort_of(loaded.passes[name]) for name in used}
        assert {"distill", "prune magnitude"} <= sorts
        assert {"quantize static", "quantize dynamic", "quantize weight-only"} <= sorts
        everywhere |= sorts
    # openvino is an extra, dense models have config/glove.yaml and LSTMs config/lstm-calibration.yaml;
    # the hidden states' losses are in the demo's distill layers
    elsewhere = {"openvino", "quantize affine", "quantize rtn", "quantize gpfq", "distill hidden"}
    assert everywhere == set(recipe.PASSES) - elsewhere


def test_what_rules_ask(config):
    config["seeds"] = [0, 1]
    loaded = study(config)
    assert list(loaded.bundles()) == [
        ("demo-en", "tiny", 0),
        ("demo-en", "tiny", 1),
        ("demo-en", "linear", 0),
        ("demo-en", "linear", 1),
    ]
    assert loaded.pass_names("prune magnitude") == ["mag50"]
    assert loaded.pass_names("quantize weight-only", "trim") == ["int8-weights", "trim"]
    assert [loaded.trains(v) for v in ("tiny", "tiny+trim", "tiny+qat8", "linear")] == [
        *(True, False, True, False)
    ]
    assert loaded.search_candidates("tiny+int4+auto") == []
    assert loaded.search_candidates("tiny+auto")[:2] == ["tiny+trim", "tiny+int8-dynamic"]
    assert loaded.model_names("linear") == ["linear"]
    assert set(loaded.data_params("demo-en")) == {"labels", "language", "max_length", "normalise"}
    assert loaded.reference("demo-en", "linear") == "tiny"


def test_what_decides_is_by_default_what_suits_the_labels(config):
    assert study(config).judges == {"demo-en": Judge("single", "accuracy")}
    config["study"][0]["judge_by"] = "macro_f1"
    one = study(config)
    assert one.judges == {"demo-en": Judge("single", "macro_f1")}
    assert "judge_by" not in one.data_params("demo-en")  # nothing trains anew
    assert one.as_config()["study"][0]["judge_by"] == "macro_f1"
    assert list(one.budgets.values()) == [
        {"max_loss": 1.0, "prefer": "size"},
        {"max_loss": 1.0, "prefer": "latency"},
        {"prefer": "score"},
    ]


def test_thresholds_are_a_parameter_of_trainings_where_another_metric_than_macro_f1_decides(config):
    config["datasets"] = {"demo-en": {"multilabel": True, "columns": {"separator": ","}}}
    usual = study(config)
    assert usual.judges == {"demo-en": Judge("multi", "macro_f1")}
    config["study"][0]["judge_by"] = "macro_f1"
    assert study(config).data_params("demo-en") == usual.data_params("demo-en")
    assert "judge_by" not in usual.data_params("demo-en")
    config["study"][0]["judge_by"] = "jaccard"
    found = study(config).data_params("demo-en")
    assert found == {**usual.data_params("demo-en"), "judge_by": "jaccard"}


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
        (
            "tiny+int8-static+mag50",
            "pass 'mag50' (prune magnitude) cannot follow 'int8-static' (quantize static)",
        ),
        (
            "tiny+int8-weights",
            "pass 'int8-weights' (quantize weight-only) cannot be applied to 'tiny'",
        ),
        (
            "linear+mag50",
            "pass 'mag50' (prune magnitude) cannot be applied to 'linear', a linear model",
        ),
        ("huge", "unknown model 'huge'; allowed: linear, micro, tiny"),
        ("tiny+qat", "unknown pass 'qat'; did you mean 'qat8'? Allowed: auto, bf16, cut50"),
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


@pytest.mark.parametrize("name", DATASETS)
def test_reserved_names(config, name):
    config.setdefault("datasets", {})[name] = {
        "title": "T",
        "language": "en",
        "labels": ["a", "b"],
        "licence": "MIT",
        "source": {"files": [{"name": "demo-en.csv", "path": "data/demo/demo-en.csv"}]},
    }
    assert f"datasets.{name}: results/{name} is where the workflow writes" in refused(config)


@pytest.mark.parametrize("name", LABELS)
def test_reserved_labels(config, name):
    """As a label of the files, in a group of another name, it is a label like any other."""
    entry = config.setdefault("datasets", {})["mine"] = {
        "title": "T",
        "language": "en",
        "labels": [name, "text"],
        "licence": "MIT",
        "source": {"files": [{"name": "demo-en.csv", "path": "data/demo/demo-en.csv"}]},
    }
    assert f"datasets.mine.labels: {name!r} is a column of predictions.parquet" in refused(config)
    entry |= {"labels": ["mine", "text"], "groups": {"mine": [name], "text": ["text"]}}
    assert load_study(config, ROOT).datasets["mine"]["groups"]["mine"] == [name]


MULTILABEL = {
    "title": "T",
    "language": "en",
    "multilabel": True,
    "labels": ["good", "bad"],
    "groups": {"good": ["joy", "love"], "bad": ["fear"]},
    "columns": {"text": 1, "label": 2, "separator": ",", "numbered": ["fear", "joy", "love"]},
    "licence": "MIT",
    "source": {"files": [{"name": "demo-en.csv", "path": "data/demo/demo-en.csv"}]},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": {"good": ["joy"]}}, "groups: give one for each of labels: good, bad"),
        (
            {"groups": {"good": ["joy", "fear"], "bad": ["love", "fear"]}},
            "groups: 'fear' is in two of them",
        ),
        (
            {"groups": {"good": ["joy"], "bad": ["fear", "envy"]}},
            "columns.numbered: must have the labels of the files; differing: envy, love",
        ),
        (
            {"columns": {"labels": {"joy": "a", "love": "b"}}},
            "columns.labels: must have the labels of the files; differing: fear",
        ),
        ({"columns": {"text": 1, "separator": ","}}, "columns: all by name, or all by number"),
        ({"columns": {}}, "columns: with multilabel give a separator, or columns of 0 and 1"),
        (
            {"columns": {"label": "x", "labels": {"joy": "a", "love": "b", "fear": "c"}}},
            "'columns.label' changes nothing beside columns.labels",
        ),
        ({"multilabel": False}, "'columns.separator' changes nothing without multilabel: true"),
        (
            {"multilabel": False, "unlabelled": True, "columns": {}},
            "'unlabelled' changes nothing without multilabel: true",
        ),
        (
            {"source": {"files": [{"name": "a.parquet", "sha256": "0" * 64, "url": "https://x"}]}},
            "columns: the columns of a .parquet file have names",
        ),
    ],
)
def test_labels_that_do_not_fit_together(config, change, message):
    config["datasets"] = {"mine": MULTILABEL}
    assert study(config).datasets["mine"]["unlabelled"] is False
    config["datasets"] = {"mine": {**MULTILABEL, **change}}
    assert message in refused(config)


def test_model_and_pass_of_one_name(config):
    config["passes"]["tiny"] = config["passes"]["int8-static"]
    assert "passes.tiny: a model has this name too" in refused(config)


def test_unknown_data_set(config):
    config["study"].append({"dataset": "demo-fr", "variants": ["tiny"]})
    assert "study: unknown dataset 'demo-fr'; did you mean 'demo-en'? Allowed: " in refused(config)


def test_data_set_twice(config):
    config["study"].append({"dataset": "demo-en", "variants": ["tiny"]})
    assert "study: dataset 'demo-en' is listed twice" in refused(config)


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


@pytest.mark.parametrize(
    ("language", "normalise"),
    [
        ("bn", "bengali"),
        ("bn-BD", "bengali"),
        ("pt-BR", "none"),
        ("zh-Hant", "none"),
        ("hi", "none"),
    ],
)
def test_the_usual_normalisation_of_a_language(config, language, normalise):
    entry = {
        "title": "T",
        "language": language,
        "labels": ["a", "b"],
        "licence": "MIT",
        "source": {"files": [{"name": "a.csv", "path": "data/demo/demo-en.csv"}]},
    }
    config["datasets"] = {"left-out": entry, "said": {**entry, "normalise": "none"}}
    study = load_study(config, ROOT)
    assert study.datasets["left-out"]["normalise"] == normalise
    assert list(study.datasets["left-out"]) == list(study.datasets["said"])  # an order reruns
    assert study.datasets["said"]["normalise"] == "none"


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
    config["models"]["words"] = {
        "family": "dense",
        "vectors": {"source": "random", "dimension": 4},
        "train": {"epochs": 1, "learning_rate": 0.01},
    }
    config["passes"]["kd-hidden"] = {"kind": "distill", "student": "words", "hidden_weight": 1}
    config["passes"]["none"] = {"kind": "prune", "method": "structured"}
    config["passes"]["two"] = {"kind": "distill", "student": "micro", "teachers": ["tiny+kd-y"]}
    config["passes"]["seek"] = {
        "kind": "search",
        "passes": ["auto", "x"],
        "budget": {"max_size_mb": 1},
    }
    lines = refused(config)
    assert "passes.none: nothing to cut; give heads, ffn or layers" in lines
    assert "passes.two.teachers: variant 'tiny+kd-y': unknown pass 'kd-y'" in lines
    assert "passes.seek.passes: 'auto' is a search" in lines
    assert "passes.seek.passes: unknown pass 'x'" in lines
    assert "models.tiny.init: heads must divide width" in lines
    assert "models.linear.ngrams: shortest first, then longest" in lines
    assert "models.micro: a model from scratch needs a tokenizer" in lines
    assert (
        "passes.kd-hidden.student: 'words' is a dense model, which has no layers to compare (hidden_weight)"
        in lines
    )
    assert "passes.kd-svm.student: 'linear' is a linear model; allowed: transformer, dense" in lines


def test_tokenizer_of_a_model_that_has_none(config):
    config["models"]["micro"]["tokenizer"] = {"model": "tiny"}
    assert "models.micro.tokenizer.model: 'tiny' is not a pretrained model" in refused(config)


def test_a_teacher_with_several_teachers_is_refused(config):
    kd = {"kind": "distill", "student": "micro", "teachers": ["tiny"]}
    config["passes"] |= {"kd-a": kd, "kd-b": {**kd, "teachers": ["linear+kd-a"]}}
    assert (
        "passes.kd-b.teachers: 'linear+kd-a' has several teachers or a search itself (kd-a)"
        in refused(config)
    )


def test_joined_spans_take_a_linear_teacher_as_it_was_trained(config):
    kd = {"kind": "distill", "student": "micro", "joined_spans": {}}
    config["passes"]["kd-a"] = {**kd, "teachers": ["linear", "tiny+int8-static"]}
    config["passes"]["kd-b"] = {**kd, "teachers": ["linear+int8-weights"]}
    lines = refused(config)
    assert (
        "passes.kd-b.teachers: 'linear+int8-weights': joined_spans are labelled by linear models that are trained "
        "for it, without any pass; name 'linear'" in lines
    )
    assert "kd-a" not in lines


def test_joined_spans_without_their_loss_change_nothing(config):
    kd = {"kind": "distill", "student": "micro", "alpha": 0, "joined_spans": {"texts": 9}}
    config["passes"]["kd-a"] = kd
    config["passes"]["kd-b"] = {"kind": "distill", "layers": [0], **kd, "hidden_weight": 1}
    del config["passes"]["kd-b"]["student"]
    lines = refused(config)
    why = "'joined_spans' changes nothing with alpha: 0, since teachers alone label them"
    assert f"passes.kd-a: {why}" in lines and "kd-b" not in lines


def test_without_joined_spans_and_chosen_ngrams_steps_are_recorded_as_before_there_were_any(config):
    study = load_study(config, ROOT)
    assert "joined_spans" not in study.step("kd-micro") and "features" not in study.step("linear")


def test_a_search_that_can_try_nothing_is_refused(config):
    budget = {"max_size_mb": 1}
    config["passes"]["seek"] = {"kind": "search", "passes": ["int8-weights"], "budget": budget}
    config["study"][0]["variants"].append("tiny+seek")
    assert "variant 'tiny+seek': none of int8-weights can be applied to 'tiny'" in refused(config)


@pytest.mark.parametrize("name", ["paper-grid", "emotion-quantization"])
def test_a_published_study_and_its_miniature_have_the_same_variants(name):
    whole = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text("utf-8"))
    small = yaml.safe_load((ROOT / "config" / "miniature.yaml").read_text("utf-8"))
    loaded = study(whole)
    miniature = load_study(merged(whole, small), ROOT, several_files=True)
    assert miniature.variants == loaded.variants
    used = {recipe.parse(v).model for vs in loaded.variants.values() for v in vs}
    for model in used:
        assert "hub" in loaded.models[model] and "init" in miniature.models[model]
    assert all(entry["demo"] for n, entry in miniature.datasets.items() if n in loaded.variants)


def test_the_paper_grid_is_the_published_one():
    loaded = study(yaml.safe_load((ROOT / "config" / "paper-grid.yaml").read_text("utf-8")))
    variants = loaded.variants["ubmec"]
    assert len(variants) == 22, "two teachers, twenty combinations"
    for teacher in ("banglabert", "mbert"):
        assert sum(v.split("+")[0] == teacher for v in variants) == 11
    trained = [loaded.models[name] for name in ("banglabert", "mbert")]
    for entry in [*trained, *(p for p in loaded.passes.values() if p["kind"] == "distill")]:
        settings = entry["train"]
        assert (settings["batch_size"], settings["epochs"], settings["patience"]) == (8, 20, 3)
    assert {p["hard_loss"] for p in loaded.passes.values() if p["kind"] == "distill"} == {
        "binary_cross_entropy"
    }
    hub = [entry for entry in loaded.models.values() if "hub" in entry]
    assert len(hub) == 5 and all(len(entry["revision"]) == 40 for entry in hub)


def test_null_unsets_a_key():
    assert without_nulls({"a": None, "b": {"c": None, "d": 0}, "e": [None]}) == {
        "b": {"d": 0},
        "e": [None],
    }


IDLE = {
    "qat4": ({"kind": "qat", "weights": "int4", "ranges": "observed"}, "'ranges' changes nothing"),
    "qat8b": ({"kind": "qat", "block_size": 64}, "'block_size' changes nothing without weights"),
    "kd-map": ({"kind": "distill", "student": "micro", "layer_map": "last"}, "'layer_map' changes"),
    "cut": (
        {"kind": "prune", "method": "structured", "ffn": 0.5, "importance": "index", "texts": 9},
        "'texts' changes nothing without importance: taylor",
    ),
    "ov": ({"kind": "openvino", "precision": "fp32", "calibration": {}}, "'calibration' changes"),
}


@pytest.mark.parametrize("name", IDLE)
def test_a_key_that_would_change_nothing_is_refused(config, name):
    entry, line = IDLE[name]
    if entry["kind"] == "qat":
        entry = {**entry, "train": {"learning_rate": 0.0001}}
    config["passes"][name] = entry
    assert f"passes.{name}: {line}" in refused(config)


DENSE = {"family": "dense", "train": {"epochs": 1, "learning_rate": 0.01}}
GLOVE = {"source": "glove", "dimension": 50, "file": "v.txt", "licence": "PDDL 1.0"}
SUBWORD = {"source": "subword", "dimension": 50}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"vectors": {**SUBWORD, "ngrams": [5, 3]}}, "models.d.vectors.ngrams: shortest first"),
        (
            {"vectors": SUBWORD, "pooling": "flatten"},
            "models.d: pooling: flatten needs max_tokens",
        ),
        (
            {"vectors": SUBWORD, "max_tokens": 9},
            "models.d: 'max_tokens' changes nothing without pooling: flatten",
        ),
        ({"vectors": {**GLOVE, "file": "v.zip"}}, "models.d.vectors.member: name the text file"),
        ({"vectors": {**GLOVE, "member": "v.txt"}}, "models.d.vectors.member: "),
        (
            {"vectors": {**GLOVE, "url": "https://example.org/v.txt"}},
            "models.d.vectors: 'url' needs 'sha256' as well",
        ),
        ({"vectors": {**SUBWORD, "file": "v.txt"}}, "models.d.vectors: unknown key 'file'"),
        ({"vectors": {"source": "elmo"}}, "'elmo' is not one of glove, subword, random"),
        ({"vectors": {"source": "glove"}}, "models.d.vectors: missing key 'dimension', 'file'"),
        (
            {"vectors": SUBWORD, "train": {"epochs": 1}},
            "models.d.train: missing key 'learning_rate'",
        ),
    ],
)
def test_mistakes_in_a_dense_model(config, changes, line):
    config["models"]["d"] = {**DENSE, **changes}
    assert line in refused(config)


def test_a_file_of_vectors_has_one_origin(config):
    with_hash = {**GLOVE, "sha256": "0" * 64}
    config["models"] |= {n: {**DENSE, "vectors": v} for n, v in (("d", GLOVE), ("e", with_hash))}
    assert "models.e.vectors: models.d has another url or sha256 for 'v.txt'" in refused(config)
    config["models"]["e"] = {**DENSE, "vectors": {**GLOVE, "dimension": 100}}
    assert study(config).model_names("dense") == ["d", "e"]


def test_affine_takes_a_percentile_or_searches_one(config):
    affine = {"kind": "quantize", "method": "affine", "bits": 4}
    config["passes"]["q4"] = affine
    assert "passes.q4: give exactly one of percentile, search" in refused(config)
    config["passes"]["q4"] = {**affine, "percentile": 99, "search": [99, 100]}
    assert "passes.q4: give exactly one of percentile, search" in refused(config)
    config["passes"]["q4"] = {**affine, "bits": 9, "percentile": 99}
    assert "passes.q4.bits: 9 is too large; it must be at most 8" in refused(config)


def test_null_in_a_single_file_is_a_mistake(config):
    config["passes"]["mag50"]["recover"] = None
    assert "passes.mag50.recover: null is not allowed; leave the key out" in refused(config)


def test_adapters_and_qat_must_say_their_learning_rate(config):
    config["passes"]["lora"]["train"] = {"epochs": 2}
    del config["passes"]["qat8"]["train"]
    lines = refused(config)
    assert "passes.lora.train: missing key 'learning_rate'" in lines
    assert "passes.qat8: missing key 'train'" in lines


def test_a_tokenizer_is_told_whole(config):
    """A trained one keeps capitals; one of another model does what is set there, unless it says otherwise."""
    models = config["models"]
    models["mbert"] = {"family": "transformer", "from_mirror": True}
    models["mbert"]["tokenizer"] = {"lowercase": True, "strip_accents": False}
    init = {"architecture": "bert", "layers": 1, "width": 8, "heads": 1, "ffn": 8}
    donors = {"a": {"model": "mbert"}, "b": {"model": "mbert", "lowercase": False}}
    donors["c"] = {"train": "wordpiece", "vocab_size": 300}
    models |= {
        n: {"family": "transformer", "init": init, "tokenizer": t} for n, t in donors.items()
    }
    found = {name: entry.get("tokenizer") for name, entry in study(config).models.items()}
    assert found["a"] == {"model": "mbert", "lowercase": True, "strip_accents": False}
    assert found["b"] == {"model": "mbert", "lowercase": False, "strip_accents": False}
    assert found["c"] == {"train": "wordpiece", "vocab_size": 300, "lowercase": False}
    assert found["mbert"] == {"lowercase": True, "strip_accents": False}
