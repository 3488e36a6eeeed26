"""What may be done to decoders, by their architecture and their runtime, and what a config of one may not say."""

from pathlib import Path

import pytest
import yaml

from emopress.errors import UserError
from emopress.recipe import is_large, problems, recorded, root
from emopress.study.layers import merged, without_nulls
from emopress.study.load_study import load_study

ROOT = Path(__file__).parents[2]
INIT = {"architecture": "mistral", "layers": 1, "width": 16, "heads": 2, "ffn": 16}
MODELS = {
    "mistral": {"family": "transformer", "runtime": "transformers", "size": INIT},
    "unknown": {"family": "transformer", "runtime": "transformers"},
    "graph": {"family": "transformer", "runtime": "onnxruntime", "init": INIT},
    "bert": {"family": "transformer", "runtime": "onnxruntime", "init": {"architecture": "bert"}},
}
PASSES = {
    "lora": {"kind": "adapt", "method": "lora"},
    "qlora": {"kind": "adapt", "method": "qlora"},
    "int8": {"kind": "quantize", "method": "dynamic"},
    "trim": {"kind": "trim"},
    "mag": {"kind": "prune", "method": "magnitude"},
    "cut": {"kind": "prune", "method": "structured"},
    "thin": {"kind": "low-rank"},
    "qat": {"kind": "qat"},
    "layers": {"kind": "distill", "layers": [0]},
    "kd": {"kind": "distill", "student": "bert"},
}


@pytest.mark.parametrize(
    "variant",
    [
        "mistral+lora",
        "mistral+qlora",
        "mistral+lora+qlora",
        "unknown+qlora",
        "mistral+qlora+kd",
        "mistral+qlora+kd+cut+int8",
        "graph+qlora+int8",
        "graph+trim+lora+mag",
    ],
)
def test_allowed(variant):
    assert problems(variant, MODELS, PASSES) == []


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        (
            "mistral+int8",
            "pass 'int8' (quantize dynamic) cannot be applied to 'mistral', whose runtime is "
            "transformers; that takes: adapt lora, adapt qlora, distill",
        ),
        ("mistral+lora+mag", "cannot be applied to 'mistral+lora', whose runtime is transformers"),
        ("mistral+qlora+lora", "cannot come after 'qlora' (adapt qlora): its adapters stay beside"),
        ("graph+cut", "cannot be applied to 'graph', a decoder: it takes encoders only"),
        ("graph+thin", "a decoder: it takes encoders only"),
        ("graph+qat", "a decoder: it takes encoders only"),
        ("graph+layers", "a decoder: it takes encoders only"),
    ],
)
def test_refused(variant, reason):
    (found,) = problems(variant, MODELS, PASSES)
    assert reason in found


def test_whose_weights_a_variant_has():
    assert root("mistral+lora", PASSES) == "mistral" and root("mistral+kd+int8", PASSES) == "bert"
    assert is_large("mistral+lora", MODELS, PASSES)
    assert not is_large("mistral+kd", MODELS, PASSES) and not is_large("graph", MODELS, PASSES)


def test_a_size_and_the_usual_runtime_rerun_nothing():
    entry = {"family": "transformer", "hub": "a/b", "size": INIT}
    plain = {"family": "transformer", "hub": "a/b"}
    assert recorded({**entry, "runtime": "onnxruntime"}) == recorded(plain) == plain
    assert recorded({**entry, "runtime": "transformers"}) == {**plain, "runtime": "transformers"}


def spoilt(default_config, **model):
    entry = {"family": "transformer", "tokenizer": {"train": "wordpiece", "vocab_size": 300}}
    default_config["models"]["large"] = {**entry, **model}
    return default_config


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ({"init": INIT | {"kv_heads": 3}}, "models.large.init: kv_heads must divide heads"),
        ({"init": INIT | {"heads": 3}}, "models.large.init: heads must divide width"),
        (
            {"init": INIT | {"architecture": "bert", "head_size": 4}},
            "models.large.init: head_size is for gemma, mistral, llama",
        ),
        (
            {"init": INIT, "runtime": "transformers"},
            "models.large.runtime: transformers needs train: {epochs: 0}; its weights stay",
        ),
        (
            {
                "init": INIT | {"architecture": "bert"},
                "runtime": "transformers",
                "train": {"epochs": 0},
            },
            "models.large.runtime: transformers is for gemma, mistral, llama",
        ),
        (
            {"init": INIT, "size": {**INIT, "vocabulary": 300}},
            "models.large: 'size' changes nothing beside init",
        ),
    ],
)
def test_mistakes(default_config, model, line):
    with pytest.raises(UserError) as caught:
        load_study(spoilt(default_config, **model), ROOT)
    assert line in str(caught.value)


def test_heads_of_a_width_of_their_own_need_not_divide(default_config):
    load_study(spoilt(default_config, init=INIT | {"heads": 3, "head_size": 8}), ROOT)


def test_a_student_must_be_trained(default_config):
    config = spoilt(default_config, init=INIT, runtime="transformers", train={"epochs": 0})
    config["passes"]["kd-large"] = {"kind": "distill", "student": "large"}
    with pytest.raises(UserError, match=r"\.student: the weights of 'large' .* are never trained"):
        load_study(config, ROOT)


def test_checkpointing_is_for_transformers(default_config):
    vectors = {"source": "random", "dimension": 8}
    config = default_config
    config["models"]["words"] = {
        "family": "dense",
        "vectors": vectors,
        "layers": [8],
        "train": {"epochs": 1, "learning_rate": 0.001, "gradient_checkpointing": True},
    }
    with pytest.raises(UserError, match=r"models\.words\.train: gradient_checkpointing is for tr"):
        load_study(config, ROOT)


def test_an_unknown_tracker_is_told(default_config):
    with pytest.raises(UserError, match="tracking: 'neptune' is not one of none, tensorboard"):
        load_study({**default_config, "tracking": "neptune"}, ROOT)


def test_the_study_of_large_decoders_and_its_miniature():
    files = [ROOT / "config" / name for name in ("llm-gpu.yaml", "llm-miniature.yaml")]
    whole, small = (yaml.safe_load(path.read_text("utf-8")) for path in files)
    study = load_study(whole, ROOT)
    for name, entry in study.models.items():
        assert len(entry["revision"]) == 40, name
    both = without_nulls(merged(whole, small))
    miniature = load_study(both, ROOT)
    assert miniature.variants["demo-en"] == study.variants["goemotions"]
    for name, entry in miniature.models.items():
        assert "hub" not in entry and entry["runtime"] == study.models[name]["runtime"]
        assert entry["init"]["architecture"] == study.models[name]["size"]["architecture"]
    assert miniature.passes["qlora"]["train"]["gradient_checkpointing"]
