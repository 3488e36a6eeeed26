"""White-box distillation: layer maps by hand, students made of teacher layers, and whole training runs."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.artifact import read_json, sha256_of
from emopress.bundle.export import export_transformer
from emopress.compress import distill_whitebox as whitebox
from emopress.compress.anatomy import layer_pairs, renumbered, student_of_layers
from emopress.compress.distill_whitebox import distill_whitebox
from emopress.compress.inner_losses import UNDROPPED, WhiteBoxStudent, white_box_objective
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.train import loop
from emopress.train.batches import encode, logits_of
from emopress.train.finetune import finetune, save_transformer
from emopress.train.losses import cosine_loss
from emopress.train.run import TrainingRun
from emopress.train.spans import joined_spans
from emopress.train.splits import read_split
from emopress.train.tokenizer import pad_id
from emopress.train.transformer import load_transformer, replace_module
from plain_entries import built

TEACHERS = ("bert", "distilbert", "electra")
ALL_LOSSES = {"hidden_weight": 1.0, "attention_weight": 0.5, "cosine_weight": 0.25}
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        (3, 6, [1, 3, 5]),  # 2, 4, 6 less one
        (2, 12, [5, 11]),
        (4, 6, [1, 2, 4, 5]),  # 1.5 -> 2, 3, 4.5 -> 5, 6 less one
        (3, 3, [0, 1, 2]),
        (4, 1, [0, 0, 0, 0]),  # 0.25 rounds to no layer at all
    ],
)
def test_uniform_map(student, teacher, expected):
    found = layer_pairs("uniform", student=student, teacher=teacher, name="kd")
    assert found == list(enumerate(expected))


def test_map_of_the_last_layers():
    assert layer_pairs("last", student=2, teacher=6, name="kd") == [(0, 4), (1, 5)]
    with pytest.raises(UserError, match=r"pass 'kd': layer_map last, .* 3 layers .* teacher 2"):
        layer_pairs("last", student=3, teacher=2, name="kd")


def test_map_of_pairs():
    assert layer_pairs([[1, 0], [1, 5]], student=2, teacher=6, name="kd") == [(1, 0), (1, 5)]
    with pytest.raises(UserError, match=r"pass 'kd': .*teacher layer 6; .* layers 0 to 5"):
        layer_pairs([[0, 6]], student=2, teacher=6, name="kd")
    with pytest.raises(UserError, match=r"pass 'kd': .*student layer 2; .* layers 0 to 1"):
        layer_pairs([[2, 5]], student=2, teacher=6, name="kd")


def test_layers_are_renumbered():
    names = ["e.weight", "b.encoder.layer.0.x.w", "b.encoder.layer.3.x.w", "b.encoder.layer.11.x.w"]
    found = renumbered({name: torch.tensor(i) for i, name in enumerate(names)}, [11, 0])
    assert {name: int(value) for name, value in found.items()} == {
        "e.weight": 0,
        "b.encoder.layer.0.x.w": 3,
        "b.encoder.layer.1.x.w": 1,
    }


@pytest.fixture(scope="module")
def encoded(artifacts, few):
    """The sixty training texts, as the teachers' common tokenizer cuts them."""
    tokenizer = Tokenizer.from_file(str(artifacts.checkpoints["bert"] / "tokenizer.json"))
    split = read_split(few.train)
    return encode(tokenizer, split.texts, split.labels, max_length=32, pad_id=pad_id(tokenizer))


@pytest.mark.parametrize("name", TEACHERS)
def test_student_of_all_layers_is_its_teacher(artifacts, encoded, name):
    teacher = load_transformer(artifacts.checkpoints[name])
    student = student_of_layers(teacher, [0, 1], name="kd")
    expected = logits_of(teacher, encoded, CPU)
    assert torch.equal(logits_of(student, encoded, CPU), expected)
    other = student_of_layers(teacher, [1, 0], name="kd")
    assert not torch.allclose(logits_of(other, encoded, CPU), expected, atol=1e-3)


@pytest.mark.parametrize("name", TEACHERS)
def test_student_of_one_layer_is_its_teacher_without_the_other(artifacts, encoded, name):
    teacher = load_transformer(artifacts.checkpoints[name])
    student = student_of_layers(teacher, [1], name="kd")
    assert student.config.num_hidden_layers == 1
    stack = teacher.base_model.transformer if name == "distilbert" else teacher.base_model.encoder
    del stack.layer[0]
    assert torch.equal(logits_of(student, encoded, CPU), logits_of(teacher, encoded, CPU))


def test_student_shares_no_memory_with_its_teacher(artifacts):
    teacher = load_transformer(artifacts.checkpoints["bert"])
    student = student_of_layers(teacher, [0], name="kd")
    places = {parameter.data_ptr() for parameter in teacher.parameters()}
    assert not places & {parameter.data_ptr() for parameter in student.parameters()}


def test_student_of_cut_and_low_rank_layers(artifacts, encoded, tmp_path):
    teacher = load_transformer(artifacts.checkpoints["bert"])
    layer = "bert.encoder.layer.1"
    low = nn.Sequential(nn.Linear(64, 5, bias=False), nn.Linear(5, 128))
    replace_module(teacher, f"{layer}.intermediate.dense", low)
    for part in ("query", "key", "value"):  # one head of 32 is left
        replace_module(teacher, f"{layer}.attention.self.{part}", nn.Linear(64, 32))
    replace_module(teacher, f"{layer}.attention.output.dense", nn.Linear(32, 64))
    student = student_of_layers(teacher, [0, 1], name="kd")
    expected = logits_of(teacher, encoded, CPU)
    assert torch.equal(logits_of(student, encoded, CPU), expected)
    tokenizer = Tokenizer.from_file(str(artifacts.checkpoints["bert"] / "tokenizer.json"))
    student = student_of_layers(teacher, [1], name="kd")
    save_transformer(tmp_path, student, tokenizer, max_length=64)
    reloaded = load_transformer(tmp_path)
    del teacher.bert.encoder.layer[0]
    assert torch.equal(logits_of(reloaded, encoded, CPU), logits_of(teacher, encoded, CPU))


def test_a_layer_that_the_teacher_lacks_is_refused(artifacts):
    teacher = load_transformer(artifacts.checkpoints["electra"])
    with pytest.raises(UserError, match=r"pass 'kd': .*layer 2; its teacher has layers 0 to 1"):
        student_of_layers(teacher, [0, 2], name="kd")


@pytest.mark.parametrize("name", TEACHERS)
def test_attention_is_recorded_before_its_dropout(artifacts, encoded, name):
    folder = artifacts.checkpoints[name]
    eager, own = (
        load_transformer(folder, attention="eager"),
        load_transformer(folder, attention=UNDROPPED),
    )
    inputs = encoded.batch(range(8), CPU)
    wanted = {"output_attentions": True, "output_hidden_states": True}
    with torch.no_grad():
        one, other = eager(**inputs, **wanted), own(**inputs, **wanted)
        training = own.train()(**inputs, **wanted)
    assert torch.allclose(one.logits, other.logits, atol=1e-6)
    assert len(other.attentions) == 2 and len(other.hidden_states) == 3
    assert torch.allclose(one.attentions[1], other.attentions[1], atol=1e-6)
    assert not torch.allclose(training.logits, other.logits, atol=1e-3)  # dropout is on
    for rows in training.attentions:
        assert torch.allclose(rows.sum(-1), torch.ones(rows.shape[:-1]), atol=1e-5)
        assert rows[(inputs["attention_mask"] == 0)[:, None, None, :].expand_as(rows)].max() == 0


def filled_step(filled, training, student_model=None, **changes):
    changes = {"train": training(epochs=1, batch_size=16, learning_rate=0.001), **changes}
    step = filled("distill", kind="distill", **changes)
    return {**step, "student_model": student_model} if student_model else step


def distill_entry(filled, training, **changes):
    return typed_step(filled_step(filled, training, **changes)).entry


def test_a_copy_of_the_teacher_has_nothing_to_learn_inside(artifacts, encoded, filled, training):
    """Each loss inside the network is 0 with identity projections, and not of a changed copy."""
    teacher = load_transformer(artifacts.checkpoints["bert"], attention=UNDROPPED)
    inputs = encoded.batch(range(8), CPU)
    for weight in ALL_LOSSES:
        entry = distill_entry(filled, training, layers=[0, 1], **{weight: 1.0})
        student = student_of_layers(teacher, [0, 1], name="kd")
        learner = WhiteBoxStudent(student, [(0, 0), (1, 1)], 64, entry)
        objective = white_box_objective(
            lambda *_: torch.zeros(()), learner, teacher, [(0, 0), (1, 1)], entry, bf16=False
        )
        output = student.eval()(**inputs, **learner.outputs)
        assert objective(output, inputs, list(range(8)), 0.0).item() == pytest.approx(0, abs=1e-6)
        with torch.no_grad():
            student.bert.encoder.layer[0].attention.self.query.weight.mul_(-1)
        output = student(**inputs, **learner.outputs)
        assert objective(output, inputs, list(range(8)), 0.0).item() > 1e-4, weight


def test_total_loss_is_the_weighted_sum_and_a_mean_over_pairs(artifacts, encoded, filled, training):
    teacher = load_transformer(artifacts.checkpoints["bert"], attention=UNDROPPED)
    pairs = [(0, 0), (0, 1)]
    student = student_of_layers(teacher, [0], name="kd").eval()
    inputs = encoded.batch(range(8), CPU)

    def total(pairs, **weights):
        entry = distill_entry(filled, training, layers=[0], **weights)
        learner = WhiteBoxStudent(student, pairs, 64, entry)
        objective = white_box_objective(
            lambda *_: torch.tensor(3.0), learner, teacher, pairs, entry, bf16=False
        )
        with torch.no_grad():
            return objective(student(**inputs, **learner.outputs), inputs, [], 0.0).item()

    parts = [total(pairs, **{name: weight}) - 3 for name, weight in ALL_LOSSES.items()]
    assert total(pairs, **ALL_LOSSES) == pytest.approx(3 + sum(parts), rel=1e-5)
    # the first pair costs nothing, so two pairs cost half of the second
    assert total(pairs, hidden_weight=1.0) - 3 == pytest.approx(
        (total([(0, 1)], hidden_weight=1.0) - 3) / 2, rel=1e-4
    )


@pytest.fixture(scope="module")
def teach(artifacts, few, filled, training, tmp_path_factory):
    """A function that distils a teacher and returns the student's checkpoint folder."""
    root = tmp_path_factory.mktemp("whitebox")
    logits = {name: root / f"{name}.safetensors" for name in TEACHERS}
    for name, path in logits.items():
        teacher_logits(artifacts.bundles[name], few.train, path, threads=1)

    def run(
        out,
        name="bert",
        *,
        teachers=(),
        seed=0,
        state=None,
        spans=None,
        spans_logits=None,
        **changes,
    ):
        distill_whitebox(
            step=typed_step(filled_step(filled, training, **changes)),
            data=few.data,
            seed=seed,
            device="cpu",
            train=few.train,
            validation=few.validation,
            pretrained=None,
            pretrained_tokenizer=artifacts.checkpoints[name],
            teacher=artifacts.checkpoints[name],
            teacher_logits=[logits[each] for each in (name, *teachers)],
            spans=spans,
            spans_logits=spans_logits,
            run=TrainingRun(state or out.with_name(f"{out.name}-state"), code="tests"),
            out=out,
        )
        return out

    return SimpleNamespace(run=run, logits=logits)


SMALL = {
    "name": "small",
    "family": "transformer",
    "init": {
        "architecture": "distilbert",
        "layers": 1,
        "width": 32,
        "heads": 1,
        "ffn": 64,
        "dropout": 0.1,
    },
    "tokenizer": {"model": "the-teacher"},
}


def weights_of(folder):
    return sha256_of(folder / "model.safetensors")


@pytest.mark.parametrize("name", TEACHERS)
def test_every_loss_at_once_on_layers_of_the_teacher(artifacts, teach, tmp_path, name):
    one, two, other = (
        teach.run(tmp_path / out, name, layers=[1], seed=seed, **ALL_LOSSES)
        for out, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    assert (one / "checkpoint.json").read_bytes() == (two / "checkpoint.json").read_bytes()
    assert weights_of(one) != weights_of(other)
    manifest = read_json(one / "checkpoint.json")
    teacher = read_json(artifacts.checkpoints[name] / "checkpoint.json")
    assert manifest["recipe"][:-1] == teacher["recipe"]
    assert manifest["parent"] == {
        "sha256": sha256_of(artifacts.checkpoints[name] / "checkpoint.json")
    }
    assert manifest["findings"] == {
        "a-name": {"student_layers": [1], "layer_map": [[0, 1]], "params": manifest["params"]}
    }
    assert manifest["params"] < teacher["params"]
    assert (one / "tokenizer.json").read_bytes() == (
        artifacts.checkpoints[name] / "tokenizer.json"
    ).read_bytes()
    assert not [key for key in load_transformer(one).state_dict() if "projection" in key]
    assert "attn" not in (one / "config.json").read_text("utf-8")
    assert not (tmp_path / "one-state").exists()


@pytest.mark.parametrize("name", TEACHERS)
def test_every_loss_at_once_on_a_narrower_student(teach, tmp_path, name):
    """Half the width and one head for two: the projection and the mean over heads."""
    folder = teach.run(
        tmp_path / "out", name, student_model=SMALL, student="small", layer_map="last", **ALL_LOSSES
    )
    findings = read_json(folder / "checkpoint.json")["findings"]["a-name"]
    assert findings["student_layers"] == "small"
    assert findings["layer_map"] == [[0, 1]]
    assert load_transformer(folder).config.hidden_size == 32


def test_joined_spans_have_the_losses_of_layers_too(artifacts, few, teach, tmp_path):
    """With alpha: 0 the spans teach by the hidden states alone."""
    spans, labels = tmp_path / "spans.parquet", tmp_path / "spans.safetensors"
    joined_spans(train=few.train, texts=40, folds=3, seed=0, out=spans)
    teacher_logits(artifacts.bundles["bert"], spans, labels, threads=1)
    keys = {"layers": [1], "alpha": 0.0, "hidden_weight": 1.0}
    without = teach.run(tmp_path / "without", **keys)
    folders = [
        teach.run(tmp_path / name, spans=spans, spans_logits=[labels], **keys)
        for name in ("one", "two")
    ]
    assert weights_of(folders[0]) == weights_of(folders[1]) != weights_of(without)


@pytest.mark.parametrize("name", TEACHERS)
def test_every_loss_is_finite_in_bf16(teach, tmp_path, training, name):
    settings = training(epochs=1, batch_size=16, learning_rate=0.001, precision="bf16")
    folder = teach.run(tmp_path / "out", name, layers=[1], train=settings, **ALL_LOSSES)
    assert read_json(folder / "checkpoint.json")["trained_on"]["precision"] == "bf16"
    assert all(torch.isfinite(weight).all() for weight in load_transformer(folder).parameters())


def test_student_predicts_the_same_in_a_fresh_process(teach, tmp_path, texts, python):
    folder = teach.run(tmp_path / "checkpoint", layers=[1], **ALL_LOSSES)
    export_transformer(folder, tmp_path / "bundle")
    expected = load(tmp_path / "bundle", threads=1).predict_proba(texts)
    code = (
        "import json, sys; from pathlib import Path; from emopress.runtime.bundle import load; "
        "texts = json.loads(sys.argv[2]); "
        "print(json.dumps(load(Path(sys.argv[1]), threads=1).predict_proba(texts).tolist()))"
    )
    found = json.loads(python(code, tmp_path / "bundle", json.dumps(texts)).stdout)
    assert np.allclose(found, expected, atol=1e-6)


def test_interrupted_training_ends_like_an_unbroken_one(
    teach, tmp_path, training, monkeypatch, capsys
):
    how = {
        "layers": [1, 0],
        "train": training(epochs=3, batch_size=16, learning_rate=0.001, patience=3),
        "temperature_end": 1.0,
        **ALL_LOSSES,
    }
    whole = teach.run(tmp_path / "whole", **how)
    score, calls = loop.macro_f1, []

    def stops(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score(*arguments)

    monkeypatch.setattr(loop, "macro_f1", stops)
    with pytest.raises(KeyboardInterrupt):
        teach.run(tmp_path / "again", **how)
    assert not (tmp_path / "again").exists()
    monkeypatch.setattr(loop, "macro_f1", score)
    again = teach.run(tmp_path / "again", **how)
    assert "resumed after epoch 1" in capsys.readouterr().err
    assert (again / "training.json").read_bytes() == (whole / "training.json").read_bytes()
    assert weights_of(again) == weights_of(whole)


@pytest.mark.parametrize("change", [{"hidden_weight": 0.1}, {"teachers": ["electra"]}])
def test_another_distillation_does_not_resume(
    teach, tmp_path, training, monkeypatch, capsys, change
):
    how = {"layers": [1], "train": training(epochs=2, batch_size=16, learning_rate=0.001)}
    state, score = tmp_path / "state", loop.macro_f1

    def stops(*_):
        if (state / "state.json").exists():
            raise KeyboardInterrupt
        return 0.5

    monkeypatch.setattr(loop, "macro_f1", stops)
    with pytest.raises(KeyboardInterrupt):
        teach.run(tmp_path / "out", state=state, **how)
    monkeypatch.setattr(loop, "macro_f1", score)
    teach.run(tmp_path / "out", state=state, **{**how, **change})
    assert "discarded" in capsys.readouterr().err


def test_teacher_does_not_run_where_its_logits_suffice(teach, tmp_path, monkeypatch):
    def runs(*_, **__):
        raise AssertionError("the teacher's network is in use")

    monkeypatch.setattr(whitebox, "white_box_objective", runs)
    folder = teach.run(tmp_path / "out", layers=[0])
    assert read_json(folder / "checkpoint.json")["findings"]["a-name"]["layer_map"] == []
    with pytest.raises(AssertionError, match="in use"):
        teach.run(tmp_path / "other", layers=[0], cosine_weight=0.1)


def test_students_of_other_tokens_are_refused(teach, tmp_path):
    entry = {**SMALL, "tokenizer": {"train": "wordpiece", "vocab_size": 150, "lowercase": True}}
    with pytest.raises(UserError, match=r"pass 'a-name': student 'small' .*demo-en-00000"):
        teach.run(tmp_path / "out", student_model=entry, student="small", hidden_weight=1.0)
    assert not (tmp_path / "out").exists()


def test_missing_layer_is_refused_before_training(teach, tmp_path):
    with pytest.raises(UserError, match=r"pass 'a-name': layers names layer 5"):
        teach.run(tmp_path / "out", layers=[0, 5])


def test_losses_inside_bring_the_student_nearer_to_its_teacher(
    artifacts, teach, tmp_path, training, encoded
):
    """Hidden states after one pass each, with the loss on them and without."""
    teacher = load_transformer(artifacts.checkpoints["bert"])
    settings = training(epochs=6, batch_size=8, learning_rate=0.002, patience=6)

    def distance(folder):
        inputs = encoded.batch(range(30), CPU)
        with torch.no_grad():
            states = [
                model(**inputs, output_hidden_states=True).hidden_states[-1]
                for model in (load_transformer(folder), teacher)
            ]
        mask = inputs["attention_mask"]
        return cosine_loss(*states, mask).item()

    plain = teach.run(tmp_path / "plain", layers=[1], train=settings)
    guided = teach.run(tmp_path / "guided", layers=[1], train=settings, cosine_weight=50.0)
    assert distance(guided) < 0.7 * distance(plain)


def test_further_teachers_and_the_schedule_reach_black_box_students(
    artifacts, teach, tmp_path, filled, training, few
):
    def student(out, *teachers, **changes):
        finetune(
            step=built(
                filled_step(filled, training, student="small", student_model=SMALL, **changes)
            ),
            data=few.data,
            seed=0,
            device="cpu",
            train=few.train,
            validation=few.validation,
            pretrained=None,
            pretrained_tokenizer=artifacts.checkpoints["bert"],
            teacher=artifacts.bundles["bert"],
            teacher_logits=[teach.logits[name] for name in teachers],
            run=TrainingRun(tmp_path / "state", code="tests"),
            out=tmp_path / out,
        )
        return weights_of(tmp_path / out)

    alone = student("alone", "bert")
    assert student("constant", "bert", temperature_end=2.0) == alone  # from 2 to 2
    assert student("both", "bert", "electra") != alone
    assert student("schedule", "bert", temperature_end=8.0) != alone
