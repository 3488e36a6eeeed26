"""Adapters: LoRA and QLoRA trained, merged and reloaded."""

import json

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn

from emopress.artifact import read_json
from emopress.checkpoint import read_checkpoint
from emopress.compress import adapt as pass_module
from emopress.compress.adapt import adapt
from emopress.compress.lora import (
    TrainedTensors,
    add_adapters,
    encoder_linears,
    merge,
    quantize_base,
    target_layers,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.four_bits import Linear4bit
from emopress.train.loop import Trainer
from emopress.train.run import TrainingRun
from emopress.train.transformer import load_transformer
from plain_entries import entry_step

ARCHITECTURES = ("bert", "distilbert", "electra")
METHODS = ("lora", "qlora")
HEADS = {
    "bert": ["bert.pooler", "classifier"],
    "distilbert": ["pre_classifier", "classifier"],
    "electra": ["classifier"],
}


@pytest.fixture(scope="module")
def step(training):
    """Return a function that gives an adapter pass with its defaults filled."""

    def fill(method, *, epochs=1, **changes):
        return {
            "name": method,
            "kind": "adapt",
            "method": method,
            "rank": 4,
            "alpha": 8,
            "dropout": 0.05,
            "targets": [],
            **changes,
            "train": training(epochs=epochs, batch_size=16, learning_rate=0.003),
        }

    return fill


@pytest.fixture(scope="module")
def run(few):
    """Return a function that trains adapters into a folder."""

    def train(parent, step, folder, seed=3, **changes):
        adapt(
            parent=parent,
            step=typed_step(step),
            seed=seed,
            device="cpu",
            train=few.train,
            validation=few.validation,
            run=TrainingRun(folder / "state", code="tests"),
            out=folder / "checkpoint",
            **changes,
        )
        return folder / "checkpoint"

    return train


@pytest.fixture(scope="module")
def trained(tmp_path_factory, artifacts, step, run):
    """Each method's checkpoint, trained on the small BERT."""
    root = tmp_path_factory.mktemp("adapters")
    return {m: run(artifacts.checkpoints["bert"], step(m, epochs=2), root / m) for m in METHODS}


def tokens(rows=2, length=7):
    ids = torch.randint(5, 100, (rows, length), generator=torch.Generator().manual_seed(1))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def learn(model):
    """Give every trainable tensor other values, as a training run would."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for tensor in model.parameters():
            if tensor.requires_grad:
                tensor.add_(0.05 * torch.randn(tensor.shape, generator=generator))


def test_a_merged_weight_is_the_old_one_plus_the_scaled_product(artifacts, step):
    parent = artifacts.checkpoints["bert"]
    model = add_adapters(
        load_transformer(parent), typed_step(step("lora", rank=2, alpha=6, targets=["query"])).entry
    )
    layer = model.get_base_model().bert.encoder.layer[1].attention.self.query
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    assert a.shape == (2, 64) and b.shape == (64, 2) and not b.any()
    with torch.no_grad():
        a.zero_()
        b.zero_()
        a[0, 3], a[1, 3], a[1, 5] = 2.0, 1.0, -1.0
        b[7, 0], b[7, 1] = 0.5, 10.0
    plain = load_transformer(parent)
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    merge(model, plain)
    name = "bert.encoder.layer.1.attention.self.query.weight"
    change = plain.state_dict()[name] - before[name]
    assert change[7, 3].item() == pytest.approx(6 / 2 * (0.5 * 2.0 + 10.0 * 1.0), rel=1e-5)
    assert change[7, 5].item() == pytest.approx(6 / 2 * (10.0 * -1.0), rel=1e-5)
    assert change.count_nonzero() == 2
    others = [k for k in before if k != name and not torch.equal(before[k], plain.state_dict()[k])]
    assert not others


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
def test_only_adapters_and_head_learn(artifacts, step, architecture, method):
    model = load_transformer(artifacts.checkpoints[architecture])
    linears = encoder_linears(model)
    assert len(linears) == 2 * 6
    if method == "qlora":
        quantize_base(model)
    adapted = add_adapters(model, typed_step(step(method)).entry)
    adapted.train()
    adapted(**tokens()).logits.square().sum().backward()
    with_gradient = {n for n, p in adapted.named_parameters() if p.grad is not None}
    trainable = {n for n, p in adapted.named_parameters() if p.requires_grad}
    prefix = "base_model.model."
    for name in with_gradient:
        inner = name.removeprefix(prefix)
        of_adapter = ".lora_A." in name or ".lora_B." in name
        assert of_adapter != any(
            inner.startswith(f"{head}.modules_to_save") for head in HEADS[architecture]
        )
    assert with_gradient == trainable
    for name in linears:
        assert f"{prefix}{name}.lora_A.default.weight" in trainable
    for head in HEADS[architecture]:
        assert any(n.startswith(f"{prefix}{head}.modules_to_save") for n in trainable)


def test_a_qlora_base_is_really_in_four_bits(artifacts, step):
    model = load_transformer(artifacts.checkpoints["bert"])
    names = encoder_linears(model)
    count = sum(model.get_submodule(name).weight.numel() for name in names)
    quantize_base(model)
    adapted = add_adapters(model, typed_step(step("qlora")).entry)
    layers = [m for m in adapted.modules() if isinstance(m, Linear4bit)]
    assert len(layers) == len(names) == 12
    assert all(layer.weight.dtype == torch.uint8 for layer in layers)
    assert all(layer.weight.quant_state.nested for layer in layers)  # the scales are quantized too
    assert sum(layer.weight.numel() for layer in layers) == count // 2
    wide = [n for n, p in adapted.named_parameters() if is_base(n) and p.dtype != torch.uint8]
    assert not wide


def is_base(name):
    return ".layer." in name and name.endswith("base_layer.weight")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("targets", [[], ["value", "v_lin"]])
def test_a_merged_model_predicts_what_the_adapted_one_does(
    artifacts, step, architecture, method, targets
):
    parent = artifacts.checkpoints[architecture]
    model, plain = load_transformer(parent), load_transformer(parent)
    if method == "qlora":
        quantize_base(model)
    step = step(method)
    names = encoder_linears(plain)
    if targets:
        step["targets"] = [t for t in targets if any(n.endswith(t) for n in names)]
    adapted = add_adapters(model, typed_step(step).entry).eval()
    learn(adapted)
    merge(adapted, plain)
    untouched = load_transformer(parent)
    with torch.no_grad():
        expected, found = adapted(**tokens()).logits, plain(**tokens()).logits
        assert torch.allclose(found, expected, atol=1e-4)
        assert not torch.allclose(untouched(**tokens()).logits, expected, atol=0.05)


def test_qlora_takes_layers_that_were_cut_and_factored():
    """Shapes that config.json does not tell, and rows that no kernel's block divides."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.Module()
            layer.query = nn.Sequential(nn.Linear(10, 3, bias=False), nn.Linear(3, 10))
            layer.ffn = nn.Linear(10, 7)
            self.layer, self.classifier = nn.ModuleList([layer]), nn.Linear(7, 2)

        def forward(self, x):
            return self.classifier(self.layer[0].ffn(self.layer[0].query(x)))

    torch.manual_seed(0)
    model, plain = Net(), Net()
    plain.load_state_dict(model.state_dict())
    quantize_base(model)
    settings = {"rank": 2, "alpha": 4, "dropout": 0.0, "targets": ["query"]}
    step = entry_step("adapt", method="qlora", train={"learning_rate": 0.001}, **settings)
    adapted = add_adapters(model, step.entry).eval()
    learn(adapted)
    merge(adapted, plain)
    x = torch.randn(4, 10)
    assert torch.allclose(plain(x), adapted(x), atol=1e-5)


def test_targets_are_last_parts_of_names():
    names = ["e.layer.0.attention.query", "e.layer.0.output.dense", "e.layer.1.query.0"]
    assert target_layers(names, []) == names
    assert target_layers(names, ["query"]) == [names[0], names[2]]
    assert target_layers(names, ["attention.query", "dense"]) == names[:2]
    with pytest.raises(UserError) as error:
        target_layers(names, ["query", "uery"])
    assert str(error.value) == (
        "targets: no linear layer is called 'uery'; there are attention.query, output.dense, query"
    )


def test_a_target_that_is_not_there_ends_the_pass(artifacts, step, run, tmp_path):
    with pytest.raises(UserError, match=r"no linear layer is called 'q_lin'; there are .*query"):
        run(artifacts.checkpoints["bert"], step("lora", targets=["q_lin"]), tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_an_epochs_state_is_the_trained_tensors_only(artifacts, step):
    def made():
        return TrainedTensors(
            add_adapters(
                load_transformer(artifacts.checkpoints["bert"]), typed_step(step("lora")).entry
            )
        )

    torch.manual_seed(0)
    one = made()
    two = made()
    learn(one)
    state = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    trained = {n for n, p in one.model.named_parameters() if p.requires_grad}
    assert set(state) == trained and any(".classifier." in name for name in state)
    two.load_state_dict(state)
    with torch.no_grad():
        one.eval(), two.eval()
        assert torch.equal(one(**tokens()).logits, two(**tokens()).logits)
    with pytest.raises(ValueError, match="other adapters"):
        two.load_state_dict({"classifier.weight": torch.zeros(1)})


@pytest.mark.parametrize("method", METHODS)
def test_the_checkpoint_says_what_was_trained(trained, artifacts, method):
    manifest = read_checkpoint(trained[method]).manifest
    parent = read_checkpoint(artifacts.checkpoints["bert"]).manifest
    assert [s["name"] for s in manifest["recipe"]] == ["tiny", method]
    assert manifest["params"] == parent["params"]
    found = manifest["findings"][method]
    lora = 2 * (4 * 4 * (64 + 64) + 2 * 4 * (64 + 128))
    head = (64 * 64 + 64) + (64 * 6 + 6)
    assert found["trainable_params"] == lora + head
    assert found["trainable_share"] == pytest.approx((lora + head) / parent["params"], abs=1e-6)
    assert found["base_bits"] == {"lora": 32, "qlora": 4}[method]
    assert 0 <= found["max_merge_gap"] < 1e-3
    files = list((trained[method] / "adapter").iterdir())
    assert sorted(f.name for f in files) == ["adapter_config.json", "adapter_model.safetensors"]
    assert found["adapter_size_bytes"] == sum(f.stat().st_size for f in files)
    stored = load_file(trained[method] / "adapter" / "adapter_model.safetensors")
    assert sum(t.numel() for t in stored.values()) == lora + head
    assert "adapter/adapter_model.safetensors" in manifest["files"]
    text = (trained[method] / "adapter" / "adapter_config.json").read_text()
    assert str(artifacts.checkpoints["bert"].parent.parent) not in text
    assert not (trained[method].parent / "state").exists()


def test_the_base_of_lora_is_untouched_outside_targets_and_head(trained, artifacts):
    before = load_file(artifacts.checkpoints["bert"] / "model.safetensors")
    after = load_file(trained["lora"] / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    linears = {f"{n}.weight" for n in encoder_linears(load_transformer(trained["lora"]))}
    head = {name for name in before if ".pooler." in name or name.startswith("classifier.")}
    assert changed == linears | head


@pytest.mark.parametrize("method", METHODS)
def test_peft_reads_the_adapter_folder(trained, artifacts, method):
    base = load_transformer(artifacts.checkpoints["bert"])
    if method == "qlora":
        quantize_base(base)
    model = PeftModel.from_pretrained(base, trained[method] / "adapter").eval()
    merged = load_transformer(trained[method])
    with torch.no_grad():
        expected = merged(**tokens()).logits
        assert torch.allclose(model(**tokens()).logits, expected, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_round_trip_through_a_bundle_in_a_fresh_process(trained, texts, python, tmp_path, method):
    from tokenizers import Tokenizer

    from emopress.bundle.export import export_transformer
    from emopress.train.batches import encode, logits_of

    export_transformer(trained[method], tmp_path / "bundle")
    code = (
        "import json, sys\nfrom emopress.runtime.bundle import load\n"
        "texts = json.loads(sys.argv[2])\n"
        "print(json.dumps(load(sys.argv[1]).predict_proba(texts).tolist()))\n"
        "assert 'torch' not in sys.modules"
    )
    found = np.array(json.loads(python(code, tmp_path / "bundle", json.dumps(texts)).stdout))
    tokenizer = Tokenizer.from_file(str(trained[method] / "tokenizer.json"))
    data = encode(tokenizer, texts, [0] * len(texts), max_length=32, pad_id=0)
    logits = logits_of(load_transformer(trained[method]), data, torch.device("cpu"))
    assert np.allclose(found, logits.softmax(1).numpy(), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_training_ends_like_an_unbroken_one(
    trained, artifacts, step, run, tmp_path, method, monkeypatch
):
    real, epochs = Trainer._record, []

    def stop(self, epoch, *rest):
        real(self, epoch, *rest)
        epochs.append(epoch)
        if len(epochs) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_record", stop)
    parent, wanted = artifacts.checkpoints["bert"], step(method, epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run(parent, wanted, tmp_path)
    state = tmp_path / "state" / "model.safetensors"
    assert state.stat().st_size < (parent / "model.safetensors").stat().st_size / 2
    run(parent, wanted, tmp_path)
    assert epochs == [1, 2]
    one, two = (
        read_json(f / "checkpoint.json") for f in (trained[method], tmp_path / "checkpoint")
    )
    assert one == two


def test_another_seed_gives_other_weights_and_the_same_seed_the_same(
    trained, artifacts, step, run, tmp_path
):
    parent, wanted = artifacts.checkpoints["bert"], step("qlora", epochs=2)
    for name, seed in (("same", 3), ("other", 4)):
        run(parent, wanted, tmp_path / name, seed=seed)
    manifest = "checkpoint.json"
    one = (trained["qlora"] / manifest).read_bytes()
    assert (tmp_path / "same" / "checkpoint" / manifest).read_bytes() == one
    files = [
        read_json(f / manifest)["files"]
        for f in (trained["qlora"], tmp_path / "other" / "checkpoint")
    ]
    assert files[0]["model.safetensors"] != files[1]["model.safetensors"]


def test_a_merge_that_went_wrong_is_an_error(artifacts, step, run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        pass_module, "merge", lambda adapted, plain: plain.classifier.bias.data.add_(1)
    )
    with pytest.raises(RuntimeError, match=r"logits are .* off"):
        run(artifacts.checkpoints["bert"], step("lora"), tmp_path)
    assert not (tmp_path / "checkpoint").exists()
