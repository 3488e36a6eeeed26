"""Structured pruning: scores by hand, cuts that equal zeroed weights, and whole passes that are smaller and faster."""

import copy
import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.artifact import read_json
from emopress.bundle.export import export_transformer
from emopress.bundle.quantize import quantize
from emopress.compress.anatomy import head_size, layers_of
from emopress.compress.importance import (
    Scores,
    evenly_spaced,
    first_order_effect,
    head_norms,
    highest,
    kept,
    magnitude_scores,
    neuron_norms,
    position_scores,
    taylor_scores,
    weight_effect,
)
from emopress.compress.low_rank import low_rank
from emopress.compress.prune_magnitude import prune_magnitude
from emopress.compress.prune_structured import (
    cut_layer,
    cut_linear,
    cut_model,
    prune_structured,
    shapes_of,
    taylor_sample,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.run import TrainingRun
from emopress.train.transformer import count_parameters, load_transformer
from plain_entries import entry_step

ARCHITECTURES = ("bert", "distilbert", "electra")
CPU = torch.device("cpu")
RELOAD = """
import json, sys
from emopress.runtime.bundle import load
print(json.dumps(load(sys.argv[1]).predict_proba(json.loads(sys.argv[2])).tolist()))
"""


@pytest.fixture
def step(filled):
    """Return a function that gives a structured pruning step of half the heads and neurons."""

    def entry(**changes):
        half = {"heads": 0.5, "ffn": 0.5, "importance": "magnitude"}
        return filled("structured", kind="prune", method="structured", **{**half, **changes})

    return entry


@pytest.fixture
def prune(tmp_path, few):
    """Return a function that runs the pass and returns the new checkpoint's folder."""

    def run(parent, step, name="cut", seed=0, **more):
        out = tmp_path / name / "checkpoint"
        prune_structured(
            parent=parent,
            step=typed_step(step),
            seed=seed,
            device="cpu",
            train=few.train,
            validation=few.validation,
            run=TrainingRun(tmp_path / name / "state", code="tests"),
            out=out,
            **more,
        )
        return out

    return run


@pytest.fixture
def batch():
    """Token ids and mask of three texts, the second and third padded."""
    ids = torch.randint(5, 800, (3, 9), generator=torch.manual_seed(3))
    mask = torch.tensor([[1] * 9, [1] * 6 + [0] * 3, [1] * 2 + [0] * 7])
    return {"input_ids": ids, "attention_mask": mask}


def logits(model, batch):
    with torch.no_grad():
        return model.eval()(**batch).logits


def weight_of(model, name):
    return model.get_parameter(f"{name}.weight")


def test_highest_scores_stay_and_of_equal_ones_the_first():
    assert highest(torch.tensor([0.1, 5.0, 2.0, 5.0]), 2) == [1, 3]
    assert highest(torch.tensor([1.0, 2.0, 1.0, 1.0]), 3) == [0, 1, 2]


@pytest.mark.parametrize(
    ("count", "keep", "expected"),
    [
        (12, 6, [0, 2, 4, 7, 9, 11]),
        (6, 3, [0, 3, 5]),  # 2.5 is rounded up
        (12, 2, [0, 11]),
        (4, 1, [0]),
        (3, 3, [0, 1, 2]),
    ],
)
def test_evenly_spaced_layers_include_the_first_and_the_last(count, keep, expected):
    assert evenly_spaced(count, keep) == expected


def test_a_share_is_removed_and_one_always_stays():
    assert [kept(12, 0.5), kept(12, 0.3), kept(2, 0.9), kept(1, 0.5)] == [6, 8, 1, 1]
    assert kept(8, 0.0) == 8


def test_head_norms_by_hand():
    query = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0], [0.0, 3.0]])
    key = torch.tensor([[0.0, 2.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    value = torch.zeros(4, 2)
    output = torch.tensor([[4.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    # head 0: 1 + 4 + 4 + 16 = 25; head 1: 9 + 16 = 25; in heads of size 1: 1 + 4 + 16, 4, 16, 9
    assert head_norms(query, key, value, output, size=2).tolist() == [5.0, 5.0]
    found = head_norms(query, key, value, output, size=1).square()
    assert found.tolist() == pytest.approx([21, 4, 16, 9])


def test_neuron_norms_by_hand():
    ffn_in = torch.tensor([[3.0, 0.0], [0.0, 0.0], [1.0, 2.0]])
    ffn_out = torch.tensor([[0.0, 1.0, 2.0], [4.0, 0.0, 0.0]])
    assert neuron_norms(ffn_in, ffn_out).tolist() == [5.0, 1.0, 3.0]


def test_first_order_effect_by_hand():
    activation = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [0.0, 2.0]]])
    gradient = torch.tensor([[[1.0, -1.0], [2.0, 0.0]], [[-5.0, 1.0], [9.0, 1.0]]])
    # text 0: 1 + 6 = 7 and -2 + 0 = -2; text 1: -5 + 0 and 1 + 2: signs cancel within a text only
    assert first_order_effect(activation, gradient, 1).tolist() == [7 + 5, 2 + 3]
    assert first_order_effect(activation, gradient, 2).tolist() == [abs(7 - 2) + abs(-5 + 3)]


def test_weight_effect_by_hand():
    weights = [torch.tensor([[1.0, -2.0]]), torch.tensor([3.0])]
    gradients = [torch.tensor([[4.0, 1.0]]), torch.tensor([-1.0])]
    assert weight_effect(weights, gradients) == 4 + 2 + 3


def test_cut_linear_by_hand():
    linear = nn.Linear(3, 3)
    with torch.no_grad():
        linear.weight.copy_(torch.arange(9.0).view(3, 3))
        linear.bias.copy_(torch.tensor([10.0, 20.0, 30.0]))
    small = cut_linear(linear, rows=torch.tensor([0, 2]), columns=torch.tensor([1]))
    assert small.weight.tolist() == [[1.0], [7.0]]
    assert small.bias.tolist() == [10.0, 30.0]
    assert (small.in_features, small.out_features) == (1, 2)
    assert cut_linear(nn.Linear(2, 2, bias=False), rows=torch.tensor([1])).bias is None


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_anatomy_covers_the_linear_layers_of_every_layer(name, artifacts):
    model = load_transformer(artifacts.checkpoints[name])
    layers = layers_of(model)
    named = {linear for layer in layers for linear in layer.linears}
    assert len(layers) == 2
    assert head_size(model) == 32
    assert named == {
        key
        for key, module in model.named_modules()
        if isinstance(module, nn.Linear) and ".layer." in key
    }
    assert weight_of(model, layers[0].ffn_in).shape == (128, 64)
    assert weight_of(model, layers[1].ffn_out).shape == (64, 128)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_cutting_heads_equals_zeroing_what_they_add(name, attention, artifacts, batch):
    cut, zeroed = (
        load_transformer(artifacts.checkpoints[name], attention=attention) for _ in range(2)
    )
    whole = logits(zeroed, batch)
    for layer, gone in zip(layers_of(cut), (1, 0), strict=True):  # another head in every layer
        cut_layer(cut, layer, heads=[1 - gone], neurons=range(128), step="cut")
        dead = slice(gone * 32, gone * 32 + 32)
        with torch.no_grad():
            zeroed.get_submodule(layer.value).weight[dead] = 0
            zeroed.get_submodule(layer.value).bias[dead] = 0
            weight_of(zeroed, layer.attention_output)[:, dead] = 0
    assert shapes_of(cut) == ([1, 1], [128, 128])
    assert torch.allclose(logits(cut, batch), logits(zeroed, batch), atol=1e-5)
    assert not torch.allclose(logits(cut, batch), whole, atol=1e-2)  # the heads did add something


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_cutting_neurons_equals_zeroing_what_they_add(name, artifacts, batch):
    cut, zeroed = (load_transformer(artifacts.checkpoints[name]) for _ in range(2))
    whole, stay = logits(zeroed, batch), list(range(1, 128, 3))
    dead = torch.ones(128, dtype=torch.bool)
    dead[stay] = False
    for layer in layers_of(cut):
        cut_layer(cut, layer, heads=[0, 1], neurons=stay, step="cut")
        with torch.no_grad():
            weight_of(zeroed, layer.ffn_out)[:, dead] = 0
    assert shapes_of(cut) == ([2, 2], [len(stay)] * 2)
    assert torch.allclose(logits(cut, batch), logits(zeroed, batch), atol=1e-5)
    assert not torch.allclose(logits(cut, batch), whole, atol=1e-2)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("stays", [0, 1])
def test_cutting_a_layer_equals_a_model_without_it(name, stays, artifacts, batch, step):
    model = load_transformer(artifacts.checkpoints[name])
    scores = Scores([torch.ones(2)] * 2, [torch.ones(128)] * 2, torch.arange(2) * (2 * stays - 1))
    cut, layers = cut_model(
        copy.deepcopy(model), scores, typed_step(step(heads=0, ffn=0, layers=1))
    )
    assert layers == [stays]
    assert len(layers_of(cut)) == 1
    parent, _, _ = layers_of(model)[0].name.rpartition(".")
    model.get_submodule(parent)[1 - stays] = Identity()
    assert torch.allclose(logits(cut, batch), logits(model, batch), atol=1e-6)


class Identity(nn.Module):
    """A layer that hands its hidden states on."""

    def forward(self, hidden_states, *_, **__):
        return hidden_states


def test_each_layer_is_cut_by_the_scores_it_had_before_layers_went(artifacts, step):
    model = load_transformer(artifacts.checkpoints["bert"])
    last = layers_of(model)[1]
    value = weight_of(model, last.value).detach().clone()
    ffn = weight_of(model, last.ffn_in).detach().clone()
    neurons = torch.arange(128.0)
    scores = Scores(
        [torch.tensor([9.0, 1.0]), torch.tensor([1.0, 9.0])],
        [-neurons, neurons],
        torch.tensor([1.0, 2.0]),
    )
    cut, _ = cut_model(model, scores, typed_step(step(layers=1)))
    (layer,) = layers_of(cut)
    assert torch.equal(weight_of(cut, layer.value), value[32:])
    assert torch.equal(weight_of(cut, layer.ffn_in), ffn[64:])


def test_magnitude_and_position_scores_of_a_model(artifacts):
    model = load_transformer(artifacts.checkpoints["distilbert"])
    layer = layers_of(model)[1]
    with torch.no_grad():
        for name in layer.linears:
            weight_of(model, name).zero_()
        weight_of(model, layer.key)[40, 0] = 3.0  # in head 1
        weight_of(model, layer.ffn_out)[0, 7] = -4.0
    scores = magnitude_scores(model)
    assert scores.heads[1].tolist() == [0, 3]
    assert scores.neurons[1].nonzero().tolist() == [[7]]
    assert scores.layers[1] == 5
    assert scores.layers[0] > 5
    first = position_scores(model)
    assert highest(first.heads[0], 1) == [0]
    assert highest(first.neurons[1], 3) == [0, 1, 2]


def sample_of(artifacts, few, name="bert", texts=5):
    tokenizer = Tokenizer.from_file(str(artifacts.checkpoints[name] / "tokenizer.json"))
    return taylor_sample(few.train, tokenizer, classes=6, texts=texts, max_length=32, seed=1)


def losses_of(model, sample):
    """Return the label loss of each text by itself, unpadded, in double precision."""
    with torch.no_grad():
        return torch.stack(
            [
                nn.functional.cross_entropy(
                    model(**sample.batch([i], CPU)).logits, sample.labels[i : i + 1]
                )
                for i in range(len(sample.ids))
            ]
        )


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_taylor_scores_are_the_slope_of_each_texts_loss(name, artifacts, few):
    """Finite differences: the unit's output weights times 1 + h and 1 - h, text by text."""
    sample = sample_of(artifacts, few)
    model = load_transformer(artifacts.checkpoints[name])
    scores = taylor_scores(model, sample, CPU)
    model.double()
    for place, layer in enumerate(layers_of(model)):
        for found, output, columns in (
            (scores.heads[place][1], layer.attention_output, slice(32, 64)),
            (scores.neurons[place][5], layer.ffn_out, slice(5, 6)),
        ):
            weight, sides = weight_of(model, output).data, []
            before = weight.clone()
            for h in (1e-4, -1e-4):
                weight[:, columns] = before[:, columns] * (1 + h)
                sides.append(losses_of(model, sample))
                weight.copy_(before)
            slope = (sides[0] - sides[1]) / 2e-4
            assert float(found) == pytest.approx(float(slope.abs().mean()), rel=1e-3)


def test_taylor_scores_of_layers_are_gradient_times_weight(artifacts, few):
    sample = sample_of(artifacts, few)
    model = load_transformer(artifacts.checkpoints["bert"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = taylor_scores(model, sample, CPU).layers
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    nn.functional.cross_entropy(
        model(**sample.batch(range(5), CPU)).logits, sample.labels
    ).backward()
    for place, layer in enumerate(layers_of(model)):
        own = model.get_submodule(layer.name).parameters()
        expected = sum(float((p.detach() * p.grad).abs().sum()) for p in own)
        assert float(found[place]) == pytest.approx(expected, rel=1e-4)


def test_the_taylor_sample_depends_on_the_seed_alone(artifacts, few):
    tokenizer = Tokenizer.from_file(str(artifacts.checkpoints["bert"] / "tokenizer.json"))

    def ids(seed, texts):
        return taylor_sample(
            few.train, tokenizer, classes=6, texts=texts, max_length=32, seed=seed
        ).ids

    assert ids(1, 20) == ids(1, 20)
    assert ids(1, 20) != ids(2, 20)
    assert len(ids(1, 20)) == 20
    assert len(ids(1, 9999)) == 60


@pytest.mark.parametrize("importance", ["magnitude", "taylor", "index"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_pass_gives_a_smaller_bundle_that_reloads(
    name, importance, artifacts, prune, step, texts, tmp_path, python
):
    parent = artifacts.checkpoints[name]
    out = prune(parent, step(importance=importance, texts=20))
    manifest = read_json(out / "checkpoint.json")
    found = manifest["findings"]["a-name"]
    assert found["heads_per_layer_after"] == [1, 1]
    assert found["ffn_per_layer_after"] == [64, 64]
    assert (found["layers_after"], found["layers_kept"]) == (2, [0, 1])
    assert found["params_before"] == read_json(parent / "checkpoint.json")["params"]
    # a layer loses 32 rows of q, k, v with their biases and 32 columns of the output, and 64 neurons
    lost = 2 * (3 * 32 * 65 + 32 * 64 + 64 * 65 + 64 * 64)
    assert found["params_before"] - found["params_after"] == lost
    assert manifest["params"] == found["params_after"]

    sdpa, eager = (load_transformer(out, attention=kind) for kind in ("sdpa", "eager"))
    assert count_parameters(sdpa)[0] == manifest["params"]
    ids = torch.randint(0, 800, (2, 6), generator=torch.manual_seed(2))
    inputs = {"input_ids": ids, "attention_mask": torch.tensor([[1] * 6, [1] * 4 + [0] * 2])}
    assert torch.allclose(logits(sdpa, inputs), logits(eager, inputs), atol=1e-5)

    bundle = tmp_path / "bundle"
    export_transformer(out, bundle)  # compares the graph's logits with PyTorch's
    smaller = read_bundle(artifacts.bundles[name]).size_bytes - read_bundle(bundle).size_bytes
    assert smaller > 0.95 * 4 * lost
    expected = load(bundle).predict_proba(texts)
    again = json.loads(python(RELOAD, bundle, json.dumps(texts)).stdout)
    assert np.allclose(again, expected, atol=1e-6)
    encoded = load(bundle).encoder(texts[:3])
    torch_logits = logits(sdpa, {key: torch.from_numpy(value) for key, value in encoded.items()})
    assert np.allclose(load(bundle).predict_logits(texts[:3]), torch_logits, atol=1e-4)


@pytest.mark.parametrize("importance", ["magnitude", "taylor", "index"])
def test_a_pass_cuts_layers_too(importance, artifacts, prune, step, texts, tmp_path):
    out = prune(artifacts.checkpoints["electra"], step(layers=1, importance=importance, texts=20))
    found = read_json(out / "checkpoint.json")["findings"]["a-name"]
    assert (found["layers_after"], found["heads_per_layer_after"]) == (1, [1])
    assert read_json(out / "config.json")["num_hidden_layers"] == 1
    if importance == "index":
        assert found["layers_kept"] == [0]
    export_transformer(out, tmp_path / "bundle")
    assert np.isfinite(load(tmp_path / "bundle").predict_proba(texts)).all()


def test_the_same_seed_cuts_the_same(artifacts, prune, step):
    parent, entry = artifacts.checkpoints["bert"], step(importance="taylor", texts=10)
    first, second = (prune(parent, entry, name) / "model.safetensors" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()


def test_recovery_distils_from_the_uncut_parent(
    artifacts, few, prune, step, training, tmp_path, texts
):
    teacher_logits(artifacts.bundles["bert"], few.train, tmp_path / "logits.safetensors", threads=1)
    plain = prune(artifacts.checkpoints["bert"], step(), "plain")
    recovered = prune(
        artifacts.checkpoints["bert"],
        step(
            recover=training(epochs=12, batch_size=10, learning_rate=1e-3, patience=12),
            distill={"temperature": 2.0, "alpha": 1.0},
        ),
        "recovered",
        teacher_logits=tmp_path / "logits.safetensors",
    )
    manifest = read_json(recovered / "checkpoint.json")
    assert manifest["trained_on"]["device"] == "cpu"
    assert manifest["findings"]["a-name"]["heads_per_layer_after"] == [1, 1]
    assert not (tmp_path / "recovered" / "state").exists()
    history = read_json(recovered / "training.json")
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    weights = [load_transformer(folder).state_dict() for folder in (plain, recovered)]
    assert {k: v.shape for k, v in weights[0].items()} == {
        k: v.shape for k, v in weights[1].items()
    }


def test_structured_then_magnitude_then_structured_again_and_export(
    artifacts, few, filled, prune, step, tmp_path, texts
):
    cut = prune(artifacts.checkpoints["distilbert"], step(heads=0, ffn=0.25))
    again = prune(cut, {**step(heads=0.5, ffn=0.5), "name": "again"}, "again")
    assert shapes_of(load_transformer(again)) == ([1, 1], [48, 48])
    zeroed = tmp_path / "zeroed" / "checkpoint"
    prune_magnitude(
        parent=again,
        step=entry_step("prune", kind="prune", method="magnitude", amount=0.5, scope="layer"),
        seed=0,
        device="cpu",
        train=few.train,
        validation=few.validation,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=zeroed,
    )
    manifest = read_json(zeroed / "checkpoint.json")
    assert manifest["nonzero_params"] < manifest["params"]
    assert manifest["recipe"][1]["kind"] == manifest["recipe"][2]["kind"] == "prune"
    assert "again" in manifest["findings"]
    export_transformer(zeroed, tmp_path / "bundle")
    static = filled("quantize", kind="quantize", method="dynamic")
    quantize(
        parent=tmp_path / "bundle",
        step=typed_step(static),
        seed=0,
        train=few.train,
        out=tmp_path / "int8",
    )
    sizes = [read_bundle(tmp_path / name).size_bytes for name in ("bundle", "int8")]
    assert sizes[1] < sizes[0]
    assert np.isfinite(load(tmp_path / "int8").predict_proba(texts)).all()


def test_a_factored_parent_is_refused(artifacts, few, filled, prune, step, tmp_path):
    factored = tmp_path / "factored" / "checkpoint"
    low_rank(
        parent=artifacts.checkpoints["bert"],
        step=typed_step(filled("low_rank", kind="low-rank", rank=8)),
        seed=0,
        device="cpu",
        train=few.train,
        validation=few.validation,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=factored,
    )
    with pytest.raises(UserError, match=r"pass 'a-name': layer bert.encoder.layer.0.*low-rank"):
        prune(factored, step(importance="taylor"))


def test_too_many_layers_and_shares_of_nothing_are_refused(artifacts, prune, step):
    with pytest.raises(UserError, match=r"layers is 2, but its parent has 2 layers; at most 1"):
        prune(artifacts.checkpoints["bert"], step(layers=2))
    with pytest.raises(UserError, match=r"pass 'a-name': nothing to cut; heads 0.1 .* 2 heads"):
        prune(artifacts.checkpoints["bert"], step(heads=0.1, ffn=0))
