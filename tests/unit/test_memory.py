"""The memory of a training run, against hand-computed values, counted parameters and published figures."""

import stat
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from emopress.errors import UserError
from emopress.study.load_study import load_study
from emopress.study.memory_plan import (
    check_checkpoints,
    find_shape,
    free_gpu_bytes,
    has_decoders,
    memory_report,
    prediction_mb,
    table,
    training_mb,
    training_runs,
)
from emopress.train.memory import (
    activation_bytes,
    adapter_parameters,
    evaluation_bytes,
    layer_weights,
    other_parameters,
    training_memory,
)
from emopress.train.sizes import Shape, check_size, shape_of_config, shape_of_entry
from emopress.train.transformer import build_transformer, count_parameters
from plain_entries import transformer

ROOT = Path(__file__).parents[2]
MISTRAL = Shape("mistral", 32, 4096, 32, 8, 128, 14336, 32000)
GEMMA = Shape("gemma", 18, 2048, 8, 1, 256, 16384, 256000)
BERT = Shape("bert", 12, 768, 12, 12, 64, 3072, 30522)


@pytest.mark.parametrize(
    ("shape", "billions"),
    # Their model cards: 7.24 and 2.51 with the language model's output, which a classifier has not
    # (Mistral) or shares with the embeddings (Gemma).
    [(MISTRAL, 7.2417 - 32000 * 4096 / 1e9), (GEMMA, 2.5062)],
)
def test_parameters_of_published_decoders(shape, billions):
    counted = layer_weights(shape) + other_parameters(shape, 0)
    assert counted / 1e9 == pytest.approx(billions, abs=1e-4)


@pytest.mark.parametrize("architecture", ["gemma", "mistral", "llama", "bert", "distilbert"])
def test_parameters_are_those_of_the_model(architecture):
    init = {"architecture": architecture, "layers": 3, "width": 64, "heads": 4, "ffn": 160}
    if architecture in ("gemma", "mistral", "llama"):
        init |= {"kv_heads": 2, "head_size": 24}
    entry = transformer(init)
    with torch.device("meta"):
        model = build_transformer(
            entry,
            labels=["a", "b", "c"],
            vocab_size=5000,
            max_length=10,
            pad=0,
            pretrained=None,
        )
    shape = shape_of_entry(entry, 5000)
    assert shape_of_config(model.config.to_dict()) == shape
    counted = layer_weights(shape) + other_parameters(shape, 3)
    if shape.decoder:
        assert counted == count_parameters_on_meta(model)
    else:  # its embeddings of positions (10) and of two token types
        left = count_parameters_on_meta(model) - counted
        assert left in (10 * 64, 12 * 64)


def count_parameters_on_meta(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_activations_of_korthikanti():
    """Equation 2: s b h L (34 + 5 a s / h); full recomputation: 2 s b h L and one layer."""
    s, b, h, a, layers = 128, 8, 768, 12, 12
    one = s * b * h * (34 + 5 * a * s / h)
    options = {"batch": b, "tokens": s, "size": 2, "adapted": None}
    assert activation_bytes(BERT, checkpointing=False, **options) == layers * one
    assert activation_bytes(BERT, checkpointing=True, **options) == 2 * s * b * h * layers + one


def test_activations_of_a_gated_decoder_by_hand():
    shape = Shape("mistral", 2, 4, 2, 1, 3, 5, 10)  # queries 6, keys and values 3 each
    tokens, batch = 7, 2
    attention = 2 * 14 * (4 + 6 + 3 + 3 + 6)  # input, q, k, v, input of the output projection
    scores = 2 * 2 * 7 * 7 * 2
    network = 2 * 14 * (4 + 4 * 5)  # input; gate, up, activated gate, their product
    norms = 2 * 4 * 14 * 4  # the inputs of two RMSNorms, in fp32 whatever the rest is in
    plain = attention + scores + network + norms
    options = {"batch": batch, "tokens": tokens, "size": 2, "checkpointing": False}
    # Trained themselves, they keep what they scale too.
    assert activation_bytes(shape, adapted=None, **options) == 2 * (plain + norms)
    # A mask of a byte and a dropped-out copy of two, of the inputs of q_proj (4) and down_proj (5).
    more = 3 * 14 * (4 + 5)
    found = activation_bytes(shape, adapted=["q_proj", "down_proj"], **options)
    assert found == 2 * (plain + more)


def test_validation_may_be_the_peak():
    shape = Shape("mistral", 2, 4, 2, 1, 3, 5, 10)
    options = {"labels": 2, "bf16": True, "checkpointing": True, "tokens": 7}
    largest = 4 * 7 * 128 * (2 * 4 + 4 * 5)  # no autocast: in fp32, as the weights
    assert evaluation_bytes(shape, tokens=7, size=4) == largest
    assert training_memory(shape, batch=1, **options).activations == largest
    assert training_memory(shape, batch=512, **options).activations > largest
    # On bf16 weights; an adapter's input (5), and twice its output (4), in fp32.
    adapted = 7 * 128 * (2 * (2 * 4 + 4 * 5) + 4 * (5 + 2 * 4))
    assert evaluation_bytes(shape, tokens=7, size=2, adapted=["down_proj"]) == adapted
    lora = {**options, "batch": 1, "method": "lora", "rank": 1, "targets": ["down_proj"]}
    assert training_memory(shape, kept_in_bf16=True, **lora).activations == adapted
    whole = 7 * 128 * (4 * (2 * 4 + 4 * 5) + 4 * (5 + 2 * 4))
    assert training_memory(shape, **lora).activations == whole


def test_adapters_by_hand():
    shape = Shape("mistral", 2, 4, 2, 1, 3, 5, 10)
    assert adapter_parameters(shape, rank=3, targets=["q_proj"]) == 2 * 3 * (4 + 6)
    every = (4 + 6) + 2 * (4 + 3) + (6 + 4) + 2 * (4 + 5) + (5 + 4)
    assert adapter_parameters(shape, rank=3, targets=[]) == 2 * 3 * every


def test_full_training_in_fp32_and_bf16():
    options = {"labels": 6, "batch": 1, "tokens": 1, "checkpointing": False}
    counted = layer_weights(BERT) + other_parameters(BERT, 6)
    found = training_memory(BERT, bf16=False, **options)
    assert found.parameters == found.trained == counted
    assert (found.weights, found.gradients, found.optimizer) == (
        4 * counted,
        4 * counted,
        8 * counted,
    )
    assert found.adapters == 0
    half = training_memory(BERT, bf16=True, **options)
    assert half.weights == 4 * counted + 2 * layer_weights(BERT)


def test_lora_and_qlora_of_mistral():
    options = {
        "labels": 28,
        "batch": 8,
        "tokens": 64,
        "bf16": True,
        "checkpointing": True,
        "rank": 16,
        "targets": [],
        "kept_in_bf16": True,
    }
    lora = training_memory(MISTRAL, method="lora", **options)
    inner = layer_weights(MISTRAL)
    outer = other_parameters(MISTRAL, 28)
    assert lora.weights == 2 * (inner + outer)
    trained = 28 * 4096 + adapter_parameters(MISTRAL, rank=16, targets=[])
    assert lora.trained == trained == 41_943_040 + 28 * 4096  # peft's count for r=16 on all layers
    assert lora.adapters == 4 * trained and lora.optimizer == 8 * trained
    qlora = training_memory(MISTRAL, method="qlora", **options)
    # QLoRA, section 3: double quantization leaves 0.127 bits a parameter for the scales.
    assert qlora.weights == pytest.approx((4.127 / 8) * inner + 2 * outer, rel=1e-4)
    assert qlora.weights / 1e9 == pytest.approx(3.86, abs=0.01)
    assert qlora.activations == lora.activations
    assert qlora.total == pytest.approx(
        qlora.weights + qlora.adapters + qlora.gradients + qlora.optimizer + qlora.activations
    )


def test_a_wrong_size_is_told():
    size = {"architecture": "distilbert", "layers": 6, "width": 768, "heads": 12, "ffn": 3072}
    config = {
        "model_type": "distilbert",
        "n_layers": 6,
        "dim": 768,
        "n_heads": 12,
        "hidden_dim": 3072,
        "vocab_size": 30522,
    }
    check_size("m", transformer(size={**size, "vocabulary": 30522}), config)
    with pytest.raises(UserError, match=r"model 'm': size says .*28996.* config.json .*30522"):
        check_size("m", transformer(size={**size, "vocabulary": 28996}), config)


@pytest.fixture(scope="module")
def study():
    config = yaml.safe_load((ROOT / "config" / "llm-gpu.yaml").read_text("utf-8"))
    return load_study(config, ROOT)


def test_plan_of_the_gpu_study(study, tmp_path):
    assert has_decoders(study, tmp_path)
    found = {(one.dataset, one.variant): one for one in training_runs(study, tmp_path)}
    assert set(found) == {
        (dataset, variant)
        for dataset in ("goemotions", "goemotions-ekman")
        for variant in ("distilbert", "gemma+lora", "mistral+lora", "mistral-instruct+qlora")
    }
    for one in found.values():
        assert one.memory is not None
    lora, qlora = (
        found["goemotions", v].memory for v in ("mistral+lora", "mistral-instruct+qlora")
    )
    assert 14 < lora.total / 1e9 < 24 and 4 < qlora.total / 1e9 < 12
    lines = table(list(found.values())).splitlines()
    assert len(lines) == 1 + 8 and len({len(line) for line in lines}) == 1
    assert "checkpointing" in lines[3]


def test_a_gpu_too_small_is_a_warning(study, tmp_path):
    report = memory_report(study, tmp_path, int(12e9))
    assert "The first GPU has 12.0 GB free." in report
    warned = [line for line in report.splitlines() if line.startswith("warning: ")]
    large = [f"{dataset}/mistral+lora" for dataset in ("goemotions", "goemotions-ekman")]
    assert [line.split()[1] for line in warned] == large
    assert "warning" not in memory_report(study, tmp_path, int(80e9))
    assert "No GPU found here" in memory_report(study, tmp_path, None)


def test_a_shape_comes_from_the_checkpoint_when_it_is_here(default_config, tmp_path):
    config = default_config
    model = {
        "family": "transformer",
        "hub": "a/b",
        "runtime": "transformers",
        "train": {"epochs": 0},
    }
    config["models"]["large"] = model
    config["passes"]["lora"] = {
        "kind": "adapt",
        "method": "lora",
        "train": {"learning_rate": 0.001},
    }
    config["study"][0]["variants"].append("large+lora")
    config["study"][0]["reference"] = config["study"][0]["variants"][0]
    study = load_study(config, ROOT)
    assert has_decoders(study, tmp_path) and find_shape("large", study, tmp_path) is None
    report = memory_report(study, tmp_path, None)
    assert "models.large: shape not known before its checkpoint is here; give its size" in report
    folder = tmp_path / "models" / "large"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(
        '{"model_type": "mistral", "num_hidden_layers": 2, "hidden_size": 64, "head_dim": null, '
        '"num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100}'
    )
    assert find_shape("large", study, tmp_path) == Shape("mistral", 2, 64, 4, 2, 16, 128, 100)
    assert "shape not known" not in memory_report(study, tmp_path, None)


def test_a_study_of_encoders_is_silent(default_config, tmp_path):
    assert not has_decoders(load_study(default_config, ROOT), tmp_path)


CONFIG = (
    '{"model_type": "mistral", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, '
    '"num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 100}'
)


def mirrored(config, tmp_path, **entry):
    """Add the decoder `d` of a mirror to a study, in the place of all variants."""
    folder = tmp_path / "mirror" / "models" / "d"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(CONFIG)
    config["models"]["d"] = {"family": "transformer", "hub": "a/b", **entry}
    config["mirror"] = str(tmp_path / "mirror")
    return config


def test_a_decoder_without_size_is_found_in_a_mirror(default_config, tmp_path):
    config = mirrored(default_config, tmp_path)
    config["study"] = [{"dataset": config["study"][0]["dataset"], "variants": ["d", "d+low"]}]
    config["passes"]["low"] = {"kind": "low-rank", "rank": 4}
    study = load_study(config, ROOT)
    assert has_decoders(study, tmp_path)
    with pytest.raises(UserError, match=r"variant .d\+low.: pass .low. .* a decoder: it takes enc"):
        check_checkpoints(study, tmp_path)


def test_a_student_may_be_the_decoder(default_config, tmp_path):
    config = default_config
    shape = {"architecture": "llama", "layers": 1, "width": 16, "heads": 2, "ffn": 16}
    tokenizer = {"train": "wordpiece", "vocab_size": 300}
    config["models"]["small"] = {"family": "transformer", "init": shape, "tokenizer": tokenizer}
    config["passes"]["kd-d"] = {"kind": "distill", "student": "small"}
    first = config["study"][0]["variants"][0]
    config["study"] = [
        {"dataset": config["study"][0]["dataset"], "variants": [first, f"{first}+kd-d"]}
    ]
    assert has_decoders(load_study(config, ROOT), tmp_path)


def test_a_checkpoint_of_another_size_is_told(default_config, tmp_path):
    size = {"architecture": "mistral", "layers": 3, "width": 64, "heads": 4, "kv_heads": 2}
    size |= {"ffn": 128, "vocabulary": 100}
    config = mirrored(default_config, tmp_path, size=size)
    config["study"] = [{"dataset": config["study"][0]["dataset"], "variants": ["d"]}]
    with pytest.raises(
        UserError, match=r"model 'd': size says .*layers=3.* config.json .*layers=2"
    ):
        check_checkpoints(load_study(config, ROOT), tmp_path)
    size["layers"] = 2
    check_checkpoints(load_study(config, ROOT), tmp_path)


def test_main_memory_of_large_decoders(study, tmp_path):
    weights = 4 * (layer_weights(MISTRAL) + other_parameters(MISTRAL, 0)) / 1e6  # 28 GB in fp32
    found = prediction_mb(study, ["distilbert", "gemma+lora", "mistral+lora"], tmp_path, 3000)
    assert found == 3000 + round(weights)
    assert prediction_mb(study, ["distilbert+int8-dynamic"], tmp_path, 3000) == 3000
    found = [one for one in training_runs(study, tmp_path) if one.dataset == "goemotions"]
    table = {one.variant: one.memory for one in found}
    mb = training_mb(study, "goemotions", "mistral+lora", tmp_path, 8000)
    assert mb == 8000 + round(table["mistral+lora"].total / 1e6)
    assert training_mb(study, "goemotions", "distilbert", tmp_path, 8000) == 8000


def test_free_memory_of_the_first_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_gpu_bytes() is None
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 15000\necho 8000\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    assert free_gpu_bytes() == 15000 * 2**20
    tool.write_text("#!/bin/sh\necho No devices were found\nexit 6\n")
    assert free_gpu_bytes() is None

    def hangs(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hangs)
    assert free_gpu_bytes() is None


def test_counted_parameters_of_a_tiny_model():
    model = build_transformer(
        transformer(
            {
                "architecture": "mistral",
                "layers": 1,
                "width": 8,
                "heads": 2,
                "ffn": 8,
                "dropout": 0,
            }
        ),
        labels=["a", "b"],
        vocab_size=20,
        max_length=8,
        pad=0,
        pretrained=None,
    )
    shape = Shape("mistral", 1, 8, 2, 2, 4, 8, 20)
    assert layer_weights(shape) + other_parameters(shape, 2) == count_parameters(model)[0]
