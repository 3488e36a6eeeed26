"""What a job says reaches its maker by the names of the maker's parameters, and neither says more than the other."""

from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest

from emopress.jobs.context import Context
from emopress.jobs.makers import arguments_of, maker_of


class Named(dict):
    """A job's inputs, params and the like: by name and as attributes, as Snakemake gives them."""

    __getattr__ = dict.__getitem__


OUT = "tiny+kd/seed3/checkpoint/checkpoint.json"


def fake(inputs, maker="a:maker", out=OUT, **params):
    """Return a job as Snakemake describes it."""
    about = {"maker": maker, "cached": False, "context": Context(study="mine", tracking="none")}
    return SimpleNamespace(
        rule="a_rule",
        input=Named(inputs),
        output=Named(out=out),
        params=Named(about | params),
        wildcards=Named(dataset="demo-en", parent="tiny", step="kd", seed="3"),
    )


def trains(*, teacher, step, train, teacher_logits, seed, out, threads=1, pretrained=None):
    """Stand for a maker."""


def parameters(maker):
    return signature(maker).parameters


@pytest.fixture
def inputs(tmp_path):
    code = tmp_path / "code.txt"
    code.write_text("")
    return {"teacher": "bert/bundle/bundle.json", "train": "t.parquet", "code": str(code)}


@pytest.mark.parametrize("logits", [["one/x"], ["one/x", "two/x"]])
def test_by_name(inputs, logits):
    job = fake({**inputs, "teacher_logits": logits}, step={"name": "kd"})
    assert arguments_of(job, parameters(trains), threads=2) == {
        "teacher": Path("bert/bundle"),  # a manifest stands for its folder
        "train": Path("t.parquet"),
        "teacher_logits": [Path(path) for path in logits],
        "step": {"name": "kd"},
        "seed": 3,
        "threads": 2,
        "out": Path("tiny+kd/seed3/checkpoint"),
    }


def test_an_optional_input_that_the_job_has(inputs):
    more = {"teacher_logits": ["x"], "pretrained": "results/models/bert/pretrained.json"}
    given = arguments_of(fake({**inputs, **more}, step={}), parameters(trains), threads=1)
    assert given["pretrained"] == Path("results/models/bert")


def test_the_training_run_of_a_maker_that_has_one(inputs):
    def maker(*, train, teacher, run, out):
        """Stand for a maker."""

    run = arguments_of(fake(inputs), parameters(maker), threads=1)["run"]
    assert run.folder == Path("tiny+kd/seed3/unfinished-training") and run.code
    assert run.watch.study == "mine"


def test_what_a_maker_lacks_and_what_it_does_not_take_are_errors(inputs):
    with pytest.raises(
        TypeError, match=r"a_rule .*missing \['step', 'teacher_logits'\], not taken \[\]"
    ):
        arguments_of(fake(inputs), parameters(trains), threads=1)
    job = fake({**inputs, "teacher_logits": ["x"], "test": "t"}, step={}, device="cpu")
    with pytest.raises(TypeError, match=r"missing \[\], not taken \['device', 'test'\]"):
        arguments_of(job, parameters(trains), threads=1)


def test_a_maker_by_its_name():
    assert maker_of("emopress.jobs.makers:maker_of") is maker_of
    with pytest.raises(AttributeError, match="nothing"):
        maker_of("emopress.jobs.makers:nothing")
