"""What a rule's job hands to the library is what its files, params and wildcards say."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from emopress.jobs.arguments import (
    distill_arguments,
    encoder_sources,
    optional_folder,
    pass_arguments,
)
from emopress.jobs.code import code_hash, stamp_path, write_stamp
from emopress.jobs.context import Context
from emopress.jobs.watching import LogWatch, training_run

CONTEXT = Context(study="mine", tracking="wandb")


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A code stamp."""
    monkeypatch.chdir(tmp_path)
    write_stamp("emopress.errors:UserError")
    return stamp_path("emopress.errors:UserError").as_posix()


def test_a_training_run_waits_beside_the_checkpoint(code):
    run = training_run(Path("bert+kd/seed3/checkpoint"), code, CONTEXT)
    assert run.folder == Path("bert+kd/seed3/unfinished-training")
    assert run.code == code_hash(code) and run.watch == LogWatch("wandb", "mine")


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ("one/train.safetensors", [Path("one/train.safetensors")]),  # as Snakemake gives one file
        (["one/x", "two/x"], [Path("one/x"), Path("two/x")]),
    ],
)
def test_distillation(code, logits, expected):
    step, student = {"name": "kd", "temperature": 2}, {"name": "small", "layers": 1}
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            teacher="bert/bundle/bundle.json",
            logits=logits,
            train="t",
            validation="v",
            code=code,
        ),
        output=SimpleNamespace(checkpoint="bert+kd/seed3/checkpoint/checkpoint.json"),
        params=SimpleNamespace(
            step=step, student=student, data={"labels": ["a"]}, device="cpu", context=CONTEXT
        ),
        wildcards=SimpleNamespace(seed="3"),
    )
    assert distill_arguments(snakemake) == {
        "step": {**step, "student_model": student},
        "data": {"labels": ["a"]},
        "seed": 3,
        "device": "cpu",
        "train": Path("t"),
        "validation": Path("v"),
        "teacher": Path("bert/bundle"),
        "teacher_logits": expected,
        "run": training_run(Path("bert+kd/seed3/checkpoint"), code, CONTEXT),
        "out": Path("bert+kd/seed3/checkpoint"),
    }
    assert step == {"name": "kd", "temperature": 2}  # params are Snakemake's


def test_optional_input():
    assert str(optional_folder({"pretrained": "a/b.json"}, "pretrained")) == "a"
    assert optional_folder({}, "pretrained") is None


@pytest.mark.parametrize("logits", [None, "p/logits/train.safetensors"])
def test_arguments_of_a_pass_come_from_its_rule(code, logits):
    inputs = {
        "parent": "p/checkpoint/checkpoint.json",
        "train": "t",
        "validation": "v",
        "code": code,
    }
    snakemake = SimpleNamespace(
        input=Inputs(inputs | ({"logits": logits} if logits else {})),
        output=SimpleNamespace(checkpoint="o/checkpoint/checkpoint.json"),
        params=SimpleNamespace(step={"name": "cut"}, device="cpu", context=CONTEXT),
        wildcards=SimpleNamespace(seed="3"),
    )
    expected = {
        "parent": Path("p/checkpoint"),
        "step": {"name": "cut"},
        "seed": 3,
        "device": "cpu",
        "train": Path("t"),
        "validation": Path("v"),
        "run": training_run(Path("o/checkpoint"), code, CONTEXT),
        "out": Path("o/checkpoint"),
    }
    expected |= {"teacher_logits": Path(logits)} if logits else {}
    assert pass_arguments(snakemake) == expected


def test_what_a_transformer_starts_from():
    inputs = Inputs(pretrained="m/pretrained.json", train="t")
    expected = {"pretrained": Path("m"), "pretrained_tokenizer": None}
    assert encoder_sources(SimpleNamespace(input=inputs)) == expected


class Inputs(dict):
    """A rule's inputs: by name and as attributes, as Snakemake gives them."""

    __getattr__ = dict.__getitem__
