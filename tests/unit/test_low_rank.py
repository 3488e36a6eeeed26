"""Low-rank factorisation: ranks by hand, full rank gives the same logits, and whole passes that are smaller."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from emopress.artifact import read_json
from emopress.bundle.export import export_transformer
from emopress.bundle.quantize import quantize
from emopress.compress.anatomy import layers_of
from emopress.compress.low_rank import (
    energy_kept,
    energy_rank,
    factor_model,
    factors,
    largest_useful_rank,
    low_rank,
    two_linears,
)
from emopress.compress.prune_magnitude import linear_weights
from emopress.compress.prune_structured import prune_structured
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.run import TrainingRun
from emopress.train.transformer import count_parameters, load_transformer, replace_module

ARCHITECTURES = ("bert", "distilbert", "electra")
RELOAD = """
import json, sys
from emopress.runtime.bundle import load
print(json.dumps(load(sys.argv[1]).predict_proba(json.loads(sys.argv[2])).tolist()))
"""


@pytest.fixture
def job(few):
    """What every pass is given: seed, device and texts."""
    return {"seed": 0, "device": "cpu", "train": few.train, "validation": few.validation}


@pytest.fixture
def factor(tmp_path, filled, job):
    """Return a function that runs the pass and returns the new checkpoint's folder."""

    def run(parent, name="factored", teacher_logits=None, **entry):
        out = tmp_path / name / "checkpoint"
        low_rank(
            parent=parent,
            step=typed_step(filled("low_rank", kind="low-rank", **entry)),
            run=TrainingRun(tmp_path / name / "state", code="tests"),
            out=out,
            teacher_logits=teacher_logits,
            **job,
        )
        return out

    return run


def test_energy_rule_by_hand():
    values = torch.tensor([4.0, 2.0, 2.0, 1.0])  # squares 16, 4, 4, 1 of 25: shares .64 .80 .96 1
    assert [energy_rank(values, share) for share in (0.6, 0.64, 0.65, 0.9, 0.97)] == [1, 1, 2, 3, 4]
    assert energy_rank(values, 0.9999) == 4
    assert [energy_kept(values, rank) for rank in (1, 2, 3, 4)] == pytest.approx(
        [0.64, 0.80, 0.96, 1.0]
    )
    assert energy_rank(torch.zeros(3), 0.9) == 1
    assert energy_kept(torch.zeros(3), 1) == 1.0


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (128, 64), (3072, 768), (6, 3), (1, 5)])
def test_the_largest_useful_rank_is_the_last_that_saves_weights(rows, columns):
    rank = largest_useful_rank(rows, columns)
    assert rank * (rows + columns) < rows * columns
    assert (rank + 1) * (rows + columns) >= rows * columns


def test_factors_are_the_best_approximation_by_hand():
    weight = torch.tensor([[0.0, 9.0], [4.0, 0.0], [0.0, 0.0]])
    svd = torch.linalg.svd(weight, full_matrices=False)
    first, second = factors(*svd, 1)
    assert torch.allclose(second @ first, torch.tensor([[0.0, 9.0], [0.0, 0.0], [0.0, 0.0]]))
    assert first.abs().tolist() == [[0.0, 3.0]]  # the root of 9 on each side
    assert second.abs().tolist() == [[3.0], [0.0], [0.0]]
    first, second = factors(*svd, 2)
    assert torch.allclose(second @ first, weight, atol=1e-6)


def test_two_linears_stand_for_one():
    linear = nn.Linear(2, 3)
    pair = two_linears(linear, *factors(*torch.linalg.svd(linear.weight, full_matrices=False), 2))
    assert sorted(pair.state_dict()) == ["0.weight", "1.bias", "1.weight"]
    x = torch.randn(5, 2, generator=torch.manual_seed(0))
    assert torch.allclose(pair(x), linear(x), atol=1e-6)
    plain = nn.Linear(2, 3, bias=False)
    pair = two_linears(plain, *factors(*torch.linalg.svd(plain.weight, full_matrices=False), 1))
    assert sorted(pair.state_dict()) == ["0.weight", "1.weight"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_full_rank_reproduces_the_logits(name, artifacts):
    ids = torch.randint(0, 800, (3, 8), generator=torch.manual_seed(5))
    mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3, [1] * 8])
    model = load_transformer(artifacts.checkpoints[name])
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).logits
        for layer in layers_of(model):
            for linear in layer.linears:
                module = model.get_submodule(linear)
                svd = torch.linalg.svd(module.weight.double(), full_matrices=False)
                full = two_linears(module, *factors(*svd, len(svd[1])))
                replace_module(model, linear, full)
        found = model(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_larger_rank_is_nearer_to_the_dense_model(artifacts, filled):
    ids = torch.randint(0, 800, (3, 8), generator=torch.manual_seed(5))
    dense = load_transformer(artifacts.checkpoints["bert"])
    gaps = []
    for rank in (2, 16, 31):
        model = load_transformer(artifacts.checkpoints["bert"])
        factor_model(
            model, typed_step(filled("low_rank", kind="low-rank", rank=rank)).entry, step="thin"
        )
        with torch.no_grad():
            gaps.append(float((model(input_ids=ids).logits - dense(input_ids=ids).logits).norm()))
    assert gaps[0] > gaps[1] > gaps[2] > 0


def test_only_layers_that_get_smaller_are_factored(artifacts, filled):
    model = load_transformer(artifacts.checkpoints["distilbert"])
    done = factor_model(
        model, typed_step(filled("low_rank", kind="low-rank", rank=40)).entry, step="thin"
    )
    # rank 40: a 64 x 64 layer would grow from 4096 to 5120, a 128 x 64 one shrinks from 8192 to 7680
    assert [one is not None for one in done] == [False] * 4 + [True] * 2 + [False] * 4 + [True] * 2
    layer = layers_of(model)[0]
    assert isinstance(model.get_submodule(layer.query), nn.Linear)
    assert [module.weight.shape for module in model.get_submodule(layer.ffn_in)] == [
        (40, 64),
        (128, 40),
    ]
    assert isinstance(model.pre_classifier, nn.Linear)
    assert "pre_classifier.weight" in linear_weights(model)
    assert "classifier.weight" not in linear_weights(model)


def test_energy_picks_a_rank_for_each_layer(artifacts, filled):
    model = load_transformer(artifacts.checkpoints["bert"])
    query, key = layers_of(model)[0].query, layers_of(model)[0].key
    with torch.no_grad():
        for name, singular in ((query, [3.0, 1.0]), (key, [1.0, 1.0, 1.0, 1.0])):
            weight = model.get_parameter(f"{name}.weight").zero_()
            weight[range(len(singular)), range(len(singular))] = torch.tensor(singular)
    done = factor_model(
        model, typed_step(filled("low_rank", kind="low-rank", energy=0.9)).entry, step="thin"
    )
    assert done[0] == (1, pytest.approx(0.9))
    assert done[1] == (4, pytest.approx(1.0))


@pytest.mark.parametrize("entry", [{"rank": 8}, {"energy": 0.5}], ids=["rank", "energy"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_pass_gives_a_smaller_bundle_that_reloads(
    name, entry, artifacts, factor, texts, tmp_path, python
):
    parent = artifacts.checkpoints[name]
    out = factor(parent, **entry)
    manifest = read_json(out / "checkpoint.json")
    found = manifest["findings"]["a-name"]
    assert found["params_before"] == read_json(parent / "checkpoint.json")["params"]
    assert found["params_after"] == manifest["params"] < found["params_before"]
    assert found["layers_factored"] + found["layers_left_dense"] == 12
    if "rank" in entry:
        assert (found["layers_factored"], found["mean_rank"]) == (12, 8)
        lost = 2 * (4 * (64 * 64 - 8 * 128) + 2 * (64 * 128 - 8 * 192))
        assert found["params_before"] - found["params_after"] == lost
    else:
        assert found["mean_energy_kept"] >= 0.5
    model = load_transformer(out)
    assert count_parameters(model)[0] == manifest["params"]

    bundle = tmp_path / "bundle"
    export_transformer(out, bundle)  # compares the graph's logits with PyTorch's
    sizes = [read_bundle(folder).size_bytes for folder in (artifacts.bundles[name], bundle)]
    assert sizes[0] - sizes[1] > 0.9 * 4 * (found["params_before"] - found["params_after"])
    expected = load(bundle).predict_proba(texts)
    again = json.loads(python(RELOAD, bundle, json.dumps(texts)).stdout)
    assert np.allclose(again, expected, atol=1e-6)


def test_the_same_parent_gives_the_same_file(artifacts, factor):
    parent = artifacts.checkpoints["bert"]
    first, second = (factor(parent, name, energy=0.6) for name in ("one", "two"))
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()


def test_recovery_distils_from_the_dense_parent(artifacts, few, factor, training, tmp_path):
    teacher_logits(artifacts.bundles["bert"], few.train, tmp_path / "logits.safetensors", threads=1)
    out = factor(
        artifacts.checkpoints["bert"],
        rank=4,
        recover=training(epochs=12, batch_size=10, learning_rate=1e-3, patience=12),
        distill={"temperature": 2.0, "alpha": 1.0},
        teacher_logits=tmp_path / "logits.safetensors",
    )
    history = read_json(out / "training.json")
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert read_json(out / "checkpoint.json")["trained_on"]["device"] == "cpu"
    query = load_transformer(out).get_submodule("bert.encoder.layer.0.attention.self.query")
    assert [module.weight.shape for module in query] == [(4, 64), (64, 4)]


def test_structured_then_low_rank_then_int8(artifacts, filled, few, factor, job, tmp_path, texts):
    cut = tmp_path / "cut" / "checkpoint"
    half = {"heads": 0.5, "ffn": 0.5, "importance": "index"}
    prune_structured(
        parent=artifacts.checkpoints["bert"],
        step=typed_step(
            {
                **filled("structured", kind="prune", method="structured", **half),
                "name": "half",
            }
        ),
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=cut,
        **job,
    )
    out = factor(cut, rank=8)
    manifest = read_json(out / "checkpoint.json")
    assert list(manifest["findings"]) == ["half", "a-name"]
    assert manifest["params"] < read_json(cut / "checkpoint.json")["params"]
    query = load_transformer(out).get_submodule("bert.encoder.layer.0.attention.self.query")
    assert [module.weight.shape for module in query] == [(8, 64), (32, 8)]
    export_transformer(out, tmp_path / "bundle")
    dynamic = filled("quantize", kind="quantize", method="dynamic")
    quantize(
        parent=tmp_path / "bundle",
        step=typed_step(dynamic),
        seed=0,
        train=few.train,
        out=tmp_path / "int8",
    )
    assert np.isfinite(load(tmp_path / "int8").predict_proba(texts)).all()


def test_no_smaller_layer_and_a_factored_parent_are_refused(artifacts, factor):
    with pytest.raises(UserError, match=r"pass 'a-name': .* rank 60; ranks up to 42 save"):
        factor(artifacts.checkpoints["bert"], rank=60)
    with pytest.raises(UserError, match=r"pass 'a-name': .* energy 0.9999; ranks up to 42"):
        factor(artifacts.checkpoints["bert"], energy=0.9999)
    once = factor(artifacts.checkpoints["bert"], "once", rank=8)
    with pytest.raises(UserError, match=r"query is low-rank factored already"):
        factor(once, "twice", rank=4)
