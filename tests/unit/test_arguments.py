"""What a rule's job hands to the library is what its files, params and wildcards say."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from emopress.arguments import distill_arguments


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ("one/train.safetensors", [Path("one/train.safetensors")]),  # as Snakemake gives one file
        (["one/x", "two/x"], [Path("one/x"), Path("two/x")]),
    ],
)
def test_distillation(logits, expected):
    step, student = {"name": "kd", "temperature": 2}, {"name": "small", "layers": 1}
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            teacher="bert/bundle/bundle.json", logits=logits, train="t", validation="v"
        ),
        output=SimpleNamespace(checkpoint="bert+kd/seed3/checkpoint/checkpoint.json"),
        params=SimpleNamespace(step=step, student=student, data={"labels": ["a"]}, device="cpu"),
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
        "state": Path("bert+kd/seed3/unfinished-training"),
        "out": Path("bert+kd/seed3/checkpoint"),
    }
    assert step == {"name": "kd", "temperature": 2}  # params are Snakemake's
