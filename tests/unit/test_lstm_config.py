"""What a config may say of LSTM classifiers, and the line that says so where it may not."""

from pathlib import Path

import pytest

from emopress import recipe
from emopress.errors import UserError
from emopress.study.load_study import load_study

ROOT = Path(__file__).parents[2]
TOKENIZER = {"train": "wordpiece", "vocab_size": 300}
SHAPE = {"family": "lstm", "width": 8, "state": 8, "tokenizer": TOKENIZER}
TRAIN = {"epochs": 1, "learning_rate": 0.01}


@pytest.fixture
def config(default_config):
    """The default study with an LSTM of either kind."""
    default_config["models"] |= {
        "disc": {**SHAPE, "kind": "discriminative", "train": dict(TRAIN)},
        "gen": {**SHAPE, "kind": "generative", "label_width": 4, "train": dict(TRAIN)},
    }
    default_config["study"] = [{"dataset": "demo-en", "variants": ["disc", "gen"]}]
    return default_config


def refused(config):
    with pytest.raises(UserError) as caught:
        load_study(config, ROOT)
    return str(caught.value)


def test_both_kinds_are_a_study(config):
    study = load_study(config, ROOT)
    assert study.model_names("lstm") == ["disc", "gen"]
    assert study.generative("gen") and not study.generative("disc")
    assert study.trains("gen") and study.models["gen"]["dropout"] == 0.3


@pytest.mark.parametrize(
    ("model", "changes", "line"),
    [
        ("gen", {"label_width": None}, "models.gen: kind: generative needs label_width"),
        ("disc", {"label_width": 4}, "models.disc: 'label_width' changes nothing without kind"),
        (
            "gen",
            {"train": {**TRAIN, "class_weights": True}},
            "models.gen.train.class_weights: for kind: discriminative",
        ),
        ("disc", {"kind": "both"}, "'both' is not one of discriminative, generative"),
        ("disc", {"tokenizer": None}, "models.disc: missing key 'tokenizer'"),
        ("disc", {"train": {"epochs": 1}}, "missing key 'learning_rate'"),
        (
            "disc",
            {"tokenizer": {"model": "nobody"}},
            "models.disc.tokenizer.model: 'nobody' is not a pretrained model",
        ),
    ],
)
def test_mistakes_in_an_entry(config, model, changes, line):
    entry = config["models"][model]
    entry.update(changes)
    config["models"][model] = {key: value for key, value in entry.items() if value is not None}
    assert line in refused(config)


@pytest.mark.parametrize(
    ("student", "more", "line"),
    [
        ("gen", {}, "passes.kd.student: 'gen' is generative, and learns from texts"),
        (
            "disc",
            {"hidden_weight": 1},
            "passes.kd.student: 'disc' is an lstm model, which has no layers to",
        ),
        ("linear", {}, "passes.kd.student: 'linear' is a linear model; allowed: transformer"),
    ],
)
def test_what_a_student_may_be(config, student, more, line):
    config["passes"]["kd"] = {"kind": "distill", "student": student, **more}
    assert line in refused(config)


def test_what_may_be_done_to_an_lstm(config):
    config["passes"] = {
        "kd": {"kind": "distill", "student": "disc"},
        "int8": {"kind": "quantize", "method": "dynamic"},
        "static": {"kind": "quantize", "method": "static"},
    }
    models, passes = config["models"], config["passes"]
    for variant in ("gen+int8", "gen+kd+int8", "disc+kd", "linear+kd+kd"):
        assert recipe.problems(variant, models, passes) == []
    assert recipe.family("linear+kd", models, passes) == "lstm"
    assert recipe.problems("disc+static", models, passes) == [
        "pass 'static' (quantize static) cannot be applied to 'disc', an lstm model; "
        "it takes: transformer"
    ]


def test_a_generative_model_takes_one_label_per_text(config):
    config["datasets"] = {"demo-en": {"multilabel": True}}
    config["passes"]["kd"] = {"kind": "distill", "student": "disc", "teachers": ["gen"]}
    config["study"][0]["variants"] = ["disc", "gen+kd", "disc+kd"]
    config["study"][0]["reference"] = "disc"
    lines = [line for line in refused(config).splitlines() if "generative" in line]
    expected = "'gen' is generative, which takes one label per text, but this data set has several"
    assert [line.partition("variant ")[2] for line in lines] == [
        f"'gen+kd': {expected}",
        f"'disc+kd': {expected}",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"activation_percentile": 99},
            "passes.few: 'activation_percentile' changes nothing without activation_bits",
        ),
        ({"activation_bits": 9}, "passes.few.activation_bits: 9"),
    ],
)
def test_mistakes_in_a_quantization(config, changes, line):
    config["passes"] = {"few": {"kind": "quantize", "method": "gpfq", "bits": 3, **changes}}
    config["study"][0]["variants"] = ["disc", "disc+few"]
    assert line in refused(config)


def test_the_study_of_activations_fixes_their_ranges_in_every_variant():
    """What config/lstm-calibration.yaml has always meant: as many bits of activations as of weights."""
    import yaml

    text = (ROOT / "config" / "lstm-calibration.yaml").read_text("utf-8")
    passes = yaml.safe_load(text)["passes"].values()
    assert len(passes) == 14
    assert all(entry["activation_bits"] == entry["bits"] for entry in passes)
