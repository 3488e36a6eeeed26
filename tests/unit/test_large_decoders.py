"""Large decoders: linked bases, adapters on 16 and 4 bits, and bundles that run in transformers."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from resealed import alone
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from emopress.artifact import read_json, write_json
from emopress.bundle.export import export_decoder
from emopress.checkpoint import ADAPTER, HEAD, read_checkpoint, runs_in_transformers
from emopress.cli import main
from emopress.compress.adapt import adapt
from emopress.compress.lora import encoder_linears
from emopress.data.pretrained import fetch_model
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime import large_decoder
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.four_bits import Linear4bit
from emopress.runtime.large_decoder import load_adapters, load_decoder
from emopress.train.large import count_weights, weight_bits, write_base
from emopress.train.run import TrainingRun
from emopress.train.tokenizer import save_tokenizer, train_wordpiece

SIZE = {"layers": 2, "width": 64, "heads": 4, "kv_heads": 2, "ffn": 128, "vocabulary": 300}
METHODS = ("lora", "qlora")
ROOT = Path(__file__).parents[2]


def write_published(folder, texts, kind="mistral"):
    """Write a language model as one is published: bf16, in shards, its own output layer, a tokenizer."""
    from transformers import AutoModelForCausalLM, GemmaConfig, MistralConfig

    torch.manual_seed(3)
    config = {"mistral": MistralConfig, "gemma": GemmaConfig}[kind](
        vocab_size=SIZE["vocabulary"],
        hidden_size=SIZE["width"],
        num_hidden_layers=SIZE["layers"],
        num_attention_heads=SIZE["heads"],
        num_key_value_heads=SIZE["kv_heads"],
        head_dim=16,
        intermediate_size=SIZE["ffn"],
        max_position_embeddings=64,
        pad_token_id=None,
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="100KB")
    save_tokenizer(train_wordpiece(texts, vocab_size=300, lowercase=True), folder, max_length=64)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n")


@pytest.fixture(scope="module")
def published(tmp_path_factory, demo):
    """Fetched checkpoints of both kinds, from a mirror."""
    root = tmp_path_factory.mktemp("published")
    for kind in ("mistral", "gemma"):
        write_published(root / "models" / kind, demo["en"].frame["text"].tolist(), kind)
        fetch_model(kind, {}, mirrors=[root], dest=root / "fetched" / kind)
    return root / "fetched"


@pytest.fixture(scope="module")
def based(published, few):
    """Return a function that writes the checkpoint of a large model."""

    def write(out, kind="mistral", data=None, **changes):
        entry = {"name": "large", "family": "transformer", "hub": "a/b", "runtime": "transformers"}
        size = {"architecture": kind, **SIZE, "head_size": 16}
        write_base(
            step=typed_step({**entry, "train": {"epochs": 0}, "size": size, **changes}),
            data=data or few.data,
            seed=2,
            train=few.train,
            validation=few.validation,
            pretrained=published / kind,
            pretrained_tokenizer=None,
            out=out,
        )
        return out

    return write


@pytest.fixture(scope="module")
def base(tmp_path_factory, based):
    return based(tmp_path_factory.mktemp("base") / "checkpoint")


@pytest.fixture(scope="module")
def run(few, training):
    """Return a function that trains adapters on a large model's checkpoint."""

    def train(parent, method, out, *, targets=(), **changes):
        settings = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, **changes}
        step = {
            "name": method,
            "kind": "adapt",
            "method": method,
            "rank": 4,
            "alpha": 8,
            "dropout": 0.05,
            "targets": list(targets),
            "train": training(gradient_checkpointing=True, accumulate=2, **settings),
        }
        adapt(
            parent=parent,
            step=typed_step(step),
            seed=1,
            device="cpu",
            train=few.train,
            validation=few.validation,
            run=TrainingRun(out.with_name("state"), code="tests"),
            out=out,
        )
        return out

    return train


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base, run):
    root = tmp_path_factory.mktemp("trained")
    return {method: run(base, method, root / method / "checkpoint") for method in METHODS}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, base, trained):
    root, found = tmp_path_factory.mktemp("bundles"), {}
    for name, checkpoint in {"base": base, **trained}.items():
        found[name] = root / name
        export_decoder(checkpoint, found[name])
    return found


@pytest.fixture(params=["fp32", "bf16"])
def precision(request, monkeypatch):
    """What bundles predict in, whichever the processor would have them."""
    monkeypatch.setattr(
        "emopress.runtime.transformers.uses_bf16", lambda *_: request.param == "bf16"
    )
    return request.param


def logits(model, few):
    ids = torch.randint(5, 200, (3, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()


def test_a_published_checkpoint_in_shards_is_fetched(published):
    record = read_json(published / "mistral" / "pretrained.json")
    shards = [name for name in record["files"] if name.startswith("model-")]
    assert len(shards) > 1 and "model.safetensors.index.json" in record["files"]


def test_a_base_is_linked_and_not_written_again(base, published):
    manifest = read_checkpoint(base).manifest
    shards = [name for name in manifest["files"] if name.startswith("model-")]
    assert len(shards) > 1
    for name in [*shards, "model.safetensors.index.json"]:
        assert (base / name).samefile(published / "mistral" / name)
    assert manifest["runtime"] == "transformers" and manifest["weight_bits"] == 16
    assert runs_in_transformers(base)
    layer = 64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 128 + 2 * 64
    assert (
        manifest["params"] == 300 * 64 + 2 * layer + 64 + 6 * 64
    )  # without the language model's output
    assert manifest["nonzero_params"] == manifest["params"] == count_weights(base, 6 * 64)[0]
    assert manifest["licences"] == ["apache-2.0"]
    config = read_json(base / "config.json")
    assert config["pad_token_id"] == 0 and len(config["id2label"]) == 6
    assert load_file(base / HEAD)["score.weight"].shape == (6, 64)


def test_a_merge_that_loses_something_is_an_error(base, run, tmp_path, monkeypatch):
    from emopress.compress import adapt as pass_module

    assert pass_module.largest_gap(torch.tensor([[1.0, -2.0]])) == 0.25
    assert pass_module.largest_gap(torch.tensor([[1.0, -16.0]])) == 1.0

    def wrong(adapted):
        plain = adapted.merge_and_unload()
        plain.score.weight.data.neg_().add_(1.0)
        return plain.to(torch.bfloat16)

    monkeypatch.setattr(pass_module, "merged_in_bf16", wrong)
    with pytest.raises(RuntimeError, match=r"logits are .* off .* explains 0\."):
        run(base, "lora", tmp_path / "checkpoint", epochs=1)
    assert not (tmp_path / "checkpoint").exists()


def test_the_bits_are_those_of_the_shards(base, tmp_path):
    assert weight_bits(base) == 16
    save_file({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    assert weight_bits(tmp_path) == 32


def test_the_same_seed_gives_the_same_head(base, based, tmp_path):
    other = based(tmp_path / "checkpoint")
    assert (other / HEAD).read_bytes() == (base / HEAD).read_bytes()


def test_a_base_of_sets_of_labels_has_thresholds(based, few, tmp_path):
    out = based(tmp_path / "checkpoint", data={**few.data, "task": "multi"})
    assert read_checkpoint(out).manifest["thresholds"] == [0.5] * 6


def test_the_loaded_base_has_the_head_of_the_checkpoint(base, few):
    model = load_decoder(base, dtype=torch.float32, device=torch.device("cpu"))
    assert torch.equal(model.score.weight, load_file(base / HEAD)["score.weight"])
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    half = load_decoder(base, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert torch.allclose(logits(model, few), logits(half, few), atol=0.05)


def without(folder, tensor, out):
    """Copy a folder of weights in one or more files, but for one tensor."""
    shutil.copytree(folder, out)
    for path in out.glob("model*.safetensors"):
        weights = load_file(path)
        if weights.pop(tensor, None) is not None:
            path.unlink()  # a link to the fetched one
            save_file(weights, path, {"format": "pt"})
    index = out / "model.safetensors.index.json"
    if index.is_file():
        facts = read_json(index)
        facts["weight_map"].pop(tensor, None)
        index.unlink()
        write_json(index, facts)
    return out


@pytest.mark.parametrize("four_bits", [False, True])
def test_a_tensor_that_is_not_there_is_no_random_one(base, tmp_path, four_bits):
    tensor = "model.layers.1.mlp.up_proj.weight"
    folder = without(base, tensor, tmp_path / "checkpoint")
    with pytest.raises(UserError, match=rf"checkpoint: its weights lack the tensor {tensor}$"):
        load_decoder(folder, dtype=torch.float32, device="cpu", four_bits=four_bits)


def test_a_head_that_is_not_there_is_no_random_one(base, trained, tmp_path):
    (shutil.copytree(base, tmp_path / "base") / HEAD).unlink()
    with pytest.raises(UserError, match=r"lack the tensor score\.weight$"):
        load_decoder(tmp_path / "base", dtype=torch.float32, device="cpu")
    for method in METHODS:
        folder = without(trained[method], "score.weight", tmp_path / method)
        with pytest.raises(UserError, match=r"lack the tensor score\.weight$"):
            load_decoder(folder, dtype=torch.float32, device="cpu")


def test_adapters_are_never_read_from_a_pickle(trained, tmp_path):
    folder = shutil.copytree(trained["qlora"] / ADAPTER, tmp_path / ADAPTER)
    weights = load_file(folder / "adapter_model.safetensors")
    torch.save(weights, folder / "adapter_model.bin")
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"adapter_model\.safetensors: missing"):
        load_adapters(None, folder, device="cpu")


@pytest.mark.parametrize("bf16", [False, True])
def test_a_4_bit_bundle_predicts_on_either_kind_of_processor(bundles, texts, monkeypatch, bf16):
    """bitsandbytes' own layers would pack their weights for a kernel."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: bf16)
    here = load(bundles["qlora"])
    layers = [m for m in here.model.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
    assert len(layers) == 2 * 7 and {type(layer) for layer in layers} == {Linear4bit}
    assert {layer.support_avx512bf16_for_cpu for layer in layers} == {bf16}
    before = {name: tensor.clone() for name, tensor in here.model.state_dict().items()}
    here.predict_proba(texts[:4])
    after = here.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("source", ["card", "docs/large-decoders.md"])
def test_the_snippet_for_transformers_and_peft(bundles, few, capsys, monkeypatch, source):
    """It predicts what the bundle does, as on a CPU with AVX512-BF16."""
    bundle = bundles["qlora"]
    if source == "card":
        assert main(["card", str(bundle), "--without-metrics"]) == 0
        page = capsys.readouterr().out
    else:
        page = (ROOT / source).read_text("utf-8").replace("FOLDER", str(bundle))
    code = re.search(r"```python\n(from peft.*?)```", page, flags=re.DOTALL)[1]
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    monkeypatch.chdir(bundle)
    names = {}
    exec(code, names)
    found = logits(names["model"], few)
    states = [p.quant_state for p in names["model"].parameters() if hasattr(p, "quant_state")]
    assert len(states) == 2 * 7
    assert not any(getattr(state, "packing_format_for_cpu", False) for state in states)
    assert torch.allclose(found, logits(load(bundle).model, few), atol=0.05)


def test_quantized_while_it_is_read(base):
    model = load_decoder(base, dtype=torch.float32, device=torch.device("cpu"), four_bits=True)
    layers = {n: m for n, m in model.named_modules() if isinstance(m, Linear4bit)}
    assert list(layers) == encoder_linears(model) and len(layers) == 2 * 7
    whole = load_decoder(base, dtype=torch.float32, device=torch.device("cpu"))
    for name, layer in layers.items():
        assert layer.weight.dtype == torch.uint8 and layer.weight.quant_state.nested
        own = Linear4bit(
            whole.get_submodule(name)
        ).dequantized()  # what the other QLoRA path makes of it
        assert torch.allclose(layer.dequantized(), own, atol=1e-3)
    assert type(model.score) is torch.nn.Linear


@pytest.mark.parametrize("method", METHODS)
def test_what_adapters_leave(trained, base, method):
    folder, parent = trained[method], read_checkpoint(base).manifest
    manifest = read_checkpoint(folder).manifest
    found = manifest["findings"][method]
    lora = 2 * 4 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 128))
    assert found["trainable_params"] == lora + 6 * 64
    assert found["base_bits"] == {"lora": 32, "qlora": 4}[method]  # fp32 is what the tests train in
    assert [step["name"] for step in manifest["recipe"]] == ["large", method]
    assert manifest["weight_bits"] == {"lora": 16, "qlora": 4}[method]
    assert manifest["params"] == parent["params"] + {"lora": 0, "qlora": lora}[method]
    assert len(read_json(folder / "training.json")) == 2
    assert not (folder.parent / "state").exists()
    files = sorted(path.name for path in (folder / ADAPTER).iterdir())
    assert files == ["adapter_config.json", "adapter_model.safetensors"]
    for path in (folder / "config.json", folder / ADAPTER / "adapter_config.json"):
        assert str(folder.parents[2]) not in path.read_text()


def test_lora_is_merged_in_bf16(trained, base):
    before, after = {}, {}
    for folder, weights in ((base, before), (trained["lora"], after)):
        for path in folder.glob("model*.safetensors"):
            weights |= load_file(path)
    assert {tensor.dtype for tensor in after.values()} == {torch.bfloat16}
    changed = {
        name for name in after if name not in before or not torch.equal(before[name], after[name])
    }
    linears = {
        f"{n}.weight"
        for n in encoder_linears(load_decoder(base, dtype=torch.float32, device="cpu"))
    }
    assert changed == linears | {"score.weight"}
    assert read_checkpoint(trained["lora"]).manifest["findings"]["lora"]["max_merge_gap"] < 0.1
    assert not (trained["lora"] / HEAD).exists()


def test_qlora_is_stored_in_four_bits(trained, base):
    with safe_open(trained["qlora"] / "model.safetensors", framework="pt") as stream:
        names = set(stream.keys())
        weight = stream.get_tensor("model.layers.0.self_attn.q_proj.weight")
    assert weight.dtype == torch.uint8 and weight.numel() == 64 * 64 // 2
    assert not any("lora" in name for name in names)
    assert not any("lm_head" in name for name in names)


@pytest.mark.parametrize("name", ["base", *METHODS])
def test_bundles_link_what_is_shipped(bundles, base, trained, name):
    folder, checkpoint = bundles[name], {"base": base, **trained}[name]
    bundle = read_bundle(folder)
    assert bundle.manifest["runtime"] == "transformers"
    assert all((folder / file).samefile(checkpoint / file) for file in bundle.manifest["files"])
    assert (
        bundle.size_bytes
        == sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        - (folder / "provenance.json").stat().st_size
    )
    assert (folder / ADAPTER).is_dir() == (name == "qlora")
    assert "training.json" not in bundle.manifest["files"]


@pytest.mark.parametrize("name", ["base", *METHODS])
def test_what_is_shipped_alone_predicts_in_a_fresh_process(bundles, texts, python, tmp_path, name):
    code = (
        "import json, sys\nfrom emopress.runtime.bundle import load\n"
        "print(json.dumps(load(sys.argv[1]).predict_proba(json.loads(sys.argv[2])).tolist()))"
    )
    done = python(code, alone(bundles[name], tmp_path), json.dumps(texts))
    found = np.array(json.loads(done.stdout.splitlines()[-1]))
    assert np.allclose(found, load(bundles[name]).predict_proba(texts), atol=1e-6)


@pytest.mark.parametrize("name", ["base", *METHODS])
def test_padding_is_nothing(bundles, texts, name, precision):
    here = load(bundles[name])
    whole, padded = (here.predict_proba(texts, batch_size=size) for size in (1, 8))
    assert np.allclose(whole, padded, atol={"fp32": 1e-5, "bf16": 0.02}[precision])


@pytest.mark.parametrize("method", METHODS)
def test_the_bundle_predicts_what_was_trained(
    base, few, texts, run, tmp_path, method, monkeypatch, precision
):
    """The logits of the adapted model at the end of its training, and those of the shipped files."""
    from emopress.compress import adapt as pass_module

    kept = {}
    real = pass_module.save_adapters

    def save(adapted, folder):
        adapted.eval()
        kept["logits"] = logits(adapted, few)
        return real(adapted, folder)

    monkeypatch.setattr(pass_module, "save_adapters", save)
    out = run(base, method, tmp_path / "checkpoint", targets=["q_proj", "down_proj"], epochs=1)
    export_decoder(out, tmp_path / "bundle")
    found = logits(load(tmp_path / "bundle").model, few)
    exact = method == "qlora" and precision == "fp32"  # lora's weights are merged in bf16
    assert torch.allclose(found, kept["logits"], atol=1e-5 if exact else 0.05)


def test_bf16_trains_and_predicts(base, run, texts, tmp_path):
    out = run(base, "qlora", tmp_path / "checkpoint", precision="bf16", epochs=1)
    manifest = read_checkpoint(out).manifest
    assert manifest["trained_on"]["precision"] == "bf16"
    export_decoder(out, tmp_path / "bundle")
    assert np.isfinite(load(tmp_path / "bundle").predict_proba(texts[:3])).all()
    lora = run(base, "lora", tmp_path / "lora", precision="bf16", epochs=1)
    found = read_checkpoint(lora).manifest["findings"]["lora"]
    assert found["base_bits"] == 16 and found["max_merge_gap"] < 0.2


def test_a_gemma_too(based, run, texts, tmp_path):
    parent = based(tmp_path / "base", "gemma")
    out = run(parent, "qlora", tmp_path / "checkpoint", epochs=1)
    export_decoder(out, tmp_path / "bundle")
    assert load(tmp_path / "bundle").predict_proba(texts[:5]).shape == (5, 6)


def test_a_random_one_goes_the_same_way(few, run, tmp_path):
    init = {
        "architecture": "mistral",
        "layers": 1,
        "width": 32,
        "heads": 2,
        "ffn": 64,
        "dropout": 0.0,
    }
    entry = {"name": "large", "family": "transformer", "runtime": "transformers", "init": init}
    tokenizer = {"train": "wordpiece", "vocab_size": 300, "lowercase": True}
    write_base(
        step=typed_step({**entry, "train": {"epochs": 0}, "tokenizer": tokenizer}),
        data=few.data,
        seed=0,
        train=few.train,
        validation=few.validation,
        pretrained=None,
        pretrained_tokenizer=None,
        out=tmp_path / "base",
    )
    weights = load_file(tmp_path / "base" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    out = run(tmp_path / "base", "qlora", tmp_path / "checkpoint", epochs=1)
    export_decoder(out, tmp_path / "bundle")
    assert load(tmp_path / "bundle").labels == few.labels


def test_an_interrupted_training_goes_on(base, run, trained, tmp_path, monkeypatch):
    from emopress.train.loop import Trainer

    real, epochs = Trainer._record, []

    def stop(self, *facts):
        real(self, *facts)
        epochs.append(facts[0])
        if len(epochs) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_record", stop)
    with pytest.raises(KeyboardInterrupt):
        run(base, "qlora", tmp_path / "checkpoint")
    run(base, "qlora", tmp_path / "checkpoint")
    assert epochs == [1, 2]
    for name in ("model.safetensors", f"{ADAPTER}/adapter_model.safetensors"):
        assert (tmp_path / "checkpoint" / name).read_bytes() == (
            trained["qlora"] / name
        ).read_bytes()


def test_what_is_missing_is_named(bundles, monkeypatch, tmp_path):
    monkeypatch.setattr(large_decoder, "find_spec", lambda name: None if name == "peft" else name)
    with pytest.raises(UserError, match=r"needs peft: .*extra `study`"):
        load(bundles["qlora"])
    load(bundles["base"])


def test_a_damaged_shard_is_named(bundles, tmp_path):
    folder = shutil.copytree(bundles["base"], tmp_path / "bundle")
    shard = next(folder.glob("model-00001*"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=rf"{shard.name}: damaged"):
        load(folder)


def test_a_manifest_without_its_keys_is_damaged(bundles, tmp_path):
    folder = shutil.copytree(bundles["base"], tmp_path / "bundle")
    facts = read_json(folder / "bundle.json")
    write_json(folder / "bundle.json", {k: v for k, v in facts.items() if k != "pad_id"})
    with pytest.raises(UserError, match="damaged \\('pad_id' is not of type int\\)"):
        load(folder)


def test_the_tokenizer_is_shipped(bundles):
    ours = Tokenizer.from_file(str(bundles["qlora"] / "tokenizer.json"))
    assert ours.get_vocab_size() <= 300
    for method in METHODS:  # merged, and with adapters beside it
        theirs = AutoTokenizer.from_pretrained(bundles[method])
        for text in ("I was HAPPY café", "কি কু কৃ"):
            assert theirs(text)["input_ids"] == ours.encode(text).ids


def test_sets_of_labels(based, few, training, texts, tmp_path):
    """Thresholds are tuned with the adapters, shipped, and used."""
    files = {}
    for name in ("train", "validation"):
        table = pandas.read_parquet(getattr(few, name))
        table["label"] = [sorted({label, 0}) for label in table["label"]]
        files[name] = tmp_path / f"{name}.parquet"
        table.to_parquet(files[name], index=False)
    parent = based(tmp_path / "base", data={**few.data, "task": "multi"})
    step = {"name": "qlora", "kind": "adapt", "method": "qlora", "rank": 2, "alpha": 4}
    adapt(
        parent=parent,
        step=typed_step(
            {**step, "dropout": 0.0, "targets": [], "train": training(epochs=1, batch_size=16)}
        ),
        seed=0,
        device="cpu",
        **files,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    thresholds = read_checkpoint(tmp_path / "checkpoint").manifest["thresholds"]
    assert len(thresholds) == 6 and thresholds != [0.5] * 6
    export_decoder(tmp_path / "checkpoint", tmp_path / "bundle")
    model = load(tmp_path / "bundle")
    assert model.task == "multi" and model.thresholds == thresholds
    found = model.predict_proba(texts)
    assert ((found > 0) & (found < 1)).all() and not np.allclose(found.sum(1), 1)
