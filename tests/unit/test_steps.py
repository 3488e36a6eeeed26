"""Typed steps: what a maker reads of a model, a distillation and its student, and what is recorded of them."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from emopress.entries.step import model_step, typed_step
from emopress.jobs.processes import call
from emopress.train import finetune as finetuning
from plain_entries import plain_entry

if TYPE_CHECKING:
    from emopress.entries.dense import DenseStudent
    from emopress.entries.step import Distillation, ModelStep, Step
    from emopress.entries.transformer import TransformerStudent
    from emopress.entries.trim import Trim

TOKENIZER = {"train": "words", "vocab_size": 100, "lowercase": False}
INIT = {"architecture": "bert", "layers": 1, "width": 8, "heads": 2, "ffn": 8}
SHAPES = {
    "transformer": {"init": INIT, "tokenizer": TOKENIZER},
    "dense": {"vectors": {"source": "random", "dimension": 4}},
    "lstm": {"kind": "discriminative", "width": 4, "state": 4, "tokenizer": TOKENIZER},
    "conv": {"width": 4, "filters": 4, "tokenizer": {**TOKENIZER, "train": "wordpiece"}},
}


def model(family, **train):
    """Return what a rule hands its job of a model named student."""
    settings = {"epochs": 1, "learning_rate": 0.1, **train}
    return plain_entry(family, "student", **SHAPES[family], train=settings)


def distillation(family, **keys):
    """Return what a rule hands its job of a distillation into that model."""
    student = {key: value for key, value in model(family).items() if key != "train"}
    step = plain_entry("distill", "kd", student="student", **keys)
    return {**step, "student_model": student}


@pytest.mark.parametrize("family", SHAPES)
def test_a_student_is_built_as_its_model_and_trained_as_the_distillation_says(family):
    entry, plain = model(family), distillation(family, train={"epochs": 7})
    own, taught = model_step(entry), model_step(plain)
    assert (own.name, own.model.name, own.distill) == ("student", "student", None)
    assert (taught.name, taught.model.name, taught.distill.student) == ("kd", "student", "student")
    assert (own.train.epochs, taught.train.epochs) == (1, 7)
    assert own.recorded == own.model.recorded == entry
    assert taught.recorded == plain and taught.model.recorded == plain["student_model"]
    built = {key: value for key, value in own.model.entry.plain().items() if key != "train"}
    assert taught.model.entry.plain() == built
    with pytest.raises(AttributeError):
        _ = taught.model.entry.train  # how the student would be trained by itself plays no part


def test_a_distillation_of_layers_has_no_student():
    step = plain_entry("distill", "kd", layers=[0])
    assert typed_step(step).student is None and typed_step(step).recorded == step
    with pytest.raises(ValueError, match="kd: builds no model of the config"):
        model_step(step)


def test_makers_get_the_step_that_they_ask_for():
    got = {}

    def trims(*, step: "Step[Trim]"):
        got["trim"] = step.entry.characters

    def trains(*, step: "ModelStep[DenseStudent]"):
        got["dense"] = step.model.entry.pooling

    def distils(*, step: "Distillation[TransformerStudent]"):
        got["student"] = step.student.name

    def reads(*, step: dict):
        got["plain"] = step

    call(trims, {"step": plain_entry("trim")})
    call(trains, {"step": distillation("dense")})
    call(distils, {"step": distillation("transformer", hidden_weight=1)})
    call(reads, {"step": {"name": "any"}})
    assert got == {
        "trim": "used-scripts",
        "dense": "average",
        "student": "student",
        "plain": {"name": "any"},
    }


@pytest.mark.parametrize(
    ("step", "as_is"),
    [
        (model("transformer", epochs=0), True),
        (model("transformer", epochs=1), False),
        (distillation("transformer", train={"epochs": 0}), False),
    ],
)
def test_a_checkpoint_is_used_as_it_is_where_the_model_itself_is_not_trained(
    monkeypatch, step, as_is
):
    class Built(Exception):
        """Ends the training run before it begins."""

    def builds(entry, *, as_is):
        raise Built(as_is)

    monkeypatch.setattr(finetuning, "model_source", lambda *_, **__: SimpleNamespace(sizes={}))
    monkeypatch.setattr(finetuning, "build_transformer", builds)
    unused = dict.fromkeys(("data", "device", "train", "validation", "run", "out"))
    with pytest.raises(Built) as caught:
        finetuning.finetune(step=model_step(step), seed=0, **unused)
    assert caught.value.args == (as_is,)
