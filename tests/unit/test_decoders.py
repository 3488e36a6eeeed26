"""Decoders (Gemma, Mistral, Llama): padding, adapters, gradient checkpointing, and bundles in ONNX Runtime."""

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from conftest import write_checkpoint
from emopress.bundle.export import export_transformer
from emopress.bundle.quantize import quantize
from emopress.bundle.quantize_blocks import quantize_blocks
from emopress.checkpoint import DECODERS, read_checkpoint
from emopress.compress.adapt import adapt
from emopress.compress.lora import (
    add_adapters,
    encoder_linears,
    quantize_base,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.four_bits import Linear4bit
from emopress.train.batches import encode, logits_of
from emopress.train.optimizer import checkpoint_gradients
from emopress.train.run import TrainingRun
from emopress.train.tokenizer import pad_id
from emopress.train.transformer import build_transformer, count_parameters, load_transformer
from plain_entries import transformer

PROJECTIONS = [
    *(f"self_attn.{name}_proj" for name in "qkvo"),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, demo):
    """A checkpoint of each decoder, two layers of random weights."""
    root, found = tmp_path_factory.mktemp("decoders"), {}
    for architecture in DECODERS:
        found[architecture] = root / architecture
        write_checkpoint(found[architecture], architecture, demo["en"])
    return found


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, checkpoints):
    """The fp32 bundle of each decoder."""
    root = tmp_path_factory.mktemp("bundles")
    for architecture, folder in checkpoints.items():
        export_transformer(folder, root / architecture)
    return {architecture: root / architecture for architecture in checkpoints}


@pytest.fixture(scope="module")
def step(training):
    """Return a function that gives an adapter pass with its defaults filled."""

    def fill(method, targets=(), **changes):
        return {
            "name": method,
            "kind": "adapt",
            "method": method,
            "rank": 4,
            "alpha": 8,
            "dropout": 0.05,
            "targets": list(targets),
            "train": training(epochs=1, batch_size=16, learning_rate=0.003, **changes),
        }

    return fill


def words(*specials):
    """Return a tokenizer of words that has these special tokens."""
    vocabulary = {token: index for index, token in enumerate([*specials, "a", "b", "c"])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="a"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


@pytest.mark.parametrize(
    ("specials", "expected"),
    [
        (["[UNK]", "[PAD]", "</s>"], "[PAD]"),
        (["<unk>", "<s>", "</s>", "<pad>"], "<pad>"),
        (["<unk>", "<s>", "</s>"], "</s>"),  # Mistral's
        (["<|begin_of_text|>", "<|end_of_text|>"], "<|end_of_text|>"),
    ],
)
def test_what_fills_up_a_batch(specials, expected):
    tokenizer = words(*specials)
    assert pad_id(tokenizer) == tokenizer.token_to_id(expected)


def test_a_tokenizer_without_any_is_refused():
    with pytest.raises(UserError, match=r"none of \[PAD\], <pad>, </s>"):
        pad_id(words("<unk>"))


@pytest.mark.parametrize("architecture", DECODERS)
def test_shape_by_hand(architecture):
    """Fewer heads for keys and values, and heads of a width of their own (Gemma 2B has both)."""
    init = {"architecture": architecture, "layers": 3, "width": 16, "heads": 4, "ffn": 24}
    model = build_transformer(
        transformer({**init, "kv_heads": 2, "head_size": 8, "dropout": 0.0}),
        labels=["a", "b", "c"],
        vocab_size=50,
        max_length=20,
        pad=7,
        pretrained=None,
    )
    layer = 16 * 32 + 2 * 16 * 16 + 32 * 16 + 3 * 16 * 24 + 2 * 16
    assert count_parameters(model)[0] == 50 * 16 + 3 * layer + 16 + 3 * 16
    assert model.config.pad_token_id == 7 and model.config.use_cache is False


@pytest.mark.parametrize("architecture", DECODERS)
def test_logits_do_not_depend_on_padding(checkpoints, texts, architecture):
    folder = checkpoints[architecture]
    model = load_transformer(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    data = encode(tokenizer, texts, [0] * len(texts), max_length=32, pad_id=pad_id(tokenizer))
    together = logits_of(model, data, torch.device("cpu"))
    for index in (0, 7, len(texts) - 1):
        with torch.no_grad():
            alone = model(**data.batch([index], torch.device("cpu"))).logits[0]
        assert torch.allclose(alone, together[index], atol=1e-5)


def test_the_last_token_decides():
    model = build_transformer(
        transformer(
            {
                "architecture": "mistral",
                "layers": 1,
                "width": 16,
                "heads": 2,
                "ffn": 16,
                "dropout": 0.0,
            }
        ),
        labels=["a", "b"],
        vocab_size=20,
        max_length=16,
        pad=0,
        pretrained=None,
    ).eval()
    ids = torch.tensor([[5, 6, 7, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    with torch.no_grad():
        found = model(input_ids=ids, attention_mask=mask).logits
        states = model.model(input_ids=ids[:, :3]).last_hidden_state
        assert torch.allclose(found, model.score(states[:, 2]), atol=1e-6)


@pytest.mark.parametrize("architecture", DECODERS)
def test_gradient_checkpointing_gives_the_same_gradients(checkpoints, step, architecture):
    ids = torch.randint(5, 100, (2, 9), generator=torch.Generator().manual_seed(1))

    def gradients(checkpointing):
        torch.manual_seed(0)
        model = add_adapters(
            load_transformer(checkpoints[architecture]),
            typed_step(step("lora") | {"dropout": 0}).entry,
        )
        if checkpointing:
            checkpoint_gradients(model)
        model.train()
        model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.square().sum().backward()
        return {n: p.grad for n, p in model.named_parameters() if p.requires_grad}

    plain, recomputed = gradients(False), gradients(True)
    assert plain.keys() == recomputed.keys()
    for name, gradient in plain.items():
        assert torch.allclose(gradient, recomputed[name], rtol=1e-4, atol=1e-6), name


def test_gradient_checkpointing_keeps_fewer_activations(checkpoints):
    ids = torch.randint(5, 100, (4, 30), generator=torch.Generator().manual_seed(1))

    def kept(checkpointing):
        model = load_transformer(checkpoints["mistral"]).train()
        if checkpointing:
            checkpoint_gradients(model)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.nbytes) or tensor, lambda tensor: tensor
        ):
            model(input_ids=ids, attention_mask=torch.ones_like(ids))
        return sum(sizes)

    assert kept(True) < kept(False) / 3


def test_a_model_without_layers_is_told():
    with pytest.raises(UserError, match="no transformer layers"):
        checkpoint_gradients(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("architecture", DECODERS)
def test_adapters_go_to_every_projection_or_those_named(checkpoints, step, architecture):
    model = load_transformer(checkpoints[architecture])
    names = encoder_linears(model)
    assert names == [f"model.layers.{i}.{part}" for i in range(2) for part in PROJECTIONS]
    quantize_base(model)
    adapted = add_adapters(model, typed_step(step("qlora", ["q_proj", "v_proj"])).entry)
    assert sum(isinstance(m, Linear4bit) for m in adapted.modules()) == len(names)
    trained = {n for n, p in adapted.named_parameters() if p.requires_grad}
    assert sum("q_proj" in n or "v_proj" in n for n in trained) == 2 * 2 * 2
    assert len(trained) == 8 + 1 and any(".score.modules_to_save" in n for n in trained)
    with pytest.raises(UserError, match=r"called 'query'; there are self_attn.q_proj"):
        add_adapters(
            load_transformer(checkpoints[architecture]), typed_step(step("lora", ["query"])).entry
        )


@pytest.mark.parametrize("architecture", ["gemma", "mistral"])
@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_trained_merged_exported_and_loaded_afresh(
    checkpoints, few, step, texts, python, tmp_path, architecture, method
):
    adapt(
        parent=checkpoints[architecture],
        step=typed_step(step(method, gradient_checkpointing=True, accumulate=2)),
        seed=1,
        device="cpu",
        train=few.train,
        validation=few.validation,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    found = read_checkpoint(tmp_path / "checkpoint").manifest["findings"][method]
    assert found["max_merge_gap"] < 1e-3
    export_transformer(tmp_path / "checkpoint", tmp_path / "bundle")
    code = (
        "import json, sys\nfrom emopress.runtime.bundle import load\n"
        "print(json.dumps(load(sys.argv[1]).predict_proba(json.loads(sys.argv[2])).tolist()))\n"
        "assert 'torch' not in sys.modules"
    )
    found = np.array(json.loads(python(code, tmp_path / "bundle", json.dumps(texts)).stdout))
    tokenizer = Tokenizer.from_file(str(tmp_path / "checkpoint" / "tokenizer.json"))
    data = encode(tokenizer, texts, [0] * len(texts), max_length=32, pad_id=pad_id(tokenizer))
    logits = logits_of(load_transformer(tmp_path / "checkpoint"), data, torch.device("cpu"))
    assert np.allclose(found, logits.softmax(1).numpy(), atol=1e-4)


def test_bf16_autocast_trains(checkpoints, few, step, tmp_path):
    adapt(
        parent=checkpoints["gemma"],
        step=typed_step(step("qlora", precision="bf16", gradient_checkpointing=True)),
        seed=1,
        device="cpu",
        train=few.train,
        validation=few.validation,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    assert read_checkpoint(tmp_path / "checkpoint").manifest["trained_on"]["precision"] == "bf16"


def rms(found, expected):
    return float(np.square(np.asarray(found) - np.asarray(expected)).mean() ** 0.5)


@pytest.mark.parametrize("architecture", ["gemma", "mistral"])
@pytest.mark.parametrize("method", ["dynamic", "int4", "nf4"])
def test_their_graphs_can_be_quantized(
    bundles, checkpoints, few, filled, texts, tmp_path, architecture, method
):
    """The error is that of the same rounding in PyTorch (NF4 by bitsandbytes), for int8 much less."""
    parent, out = bundles[architecture], tmp_path / "bundle"
    if method == "dynamic":
        step = filled(method, kind="quantize", method=method, embeddings=False)
        quantize(parent=parent, step=typed_step(step), train=few.train, seed=0, out=out)
    else:
        step = filled(method, kind="quantize", method=method, embeddings="fp32")
        quantize_blocks(parent=parent, step=typed_step(step), seed=0, train=few.train, out=out)
    before, after = ((folder / "model.onnx").stat().st_size for folder in (parent, out))
    assert after < 0.7 * before
    tokenizer = Tokenizer.from_file(str(checkpoints[architecture] / "tokenizer.json"))
    data = encode(tokenizer, texts, [0] * len(texts), max_length=32, pad_id=pad_id(tokenizer))
    model = load_transformer(checkpoints[architecture])
    expected = logits_of(model, data, torch.device("cpu"))
    quantize_base(model)
    rounding = rms(logits_of(model, data, torch.device("cpu")), expected)
    limit = 0.4 * rounding if method == "dynamic" else 1.5 * rounding
    assert 0 < rms(load(out).predict_logits(texts), expected) < limit
