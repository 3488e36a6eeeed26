"""A training that diverges stops with the step, the learning rate and what to try, in every family."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emopress.entries.training import Training
from emopress.errors import UserError
from emopress.train.run import TrainingRun
from plain_entries import built, entry_step, plain_entry

LIBRARY = Path(__file__).parents[2] / "workflow" / "scripts" / "emopress"
TOLD = (
    r"training: the (loss|gradient's norm|sum of the validation logits) is (nan|inf|-inf) in epoch \d+, "
    r"step \d+ \(learning rate \d\.\d\de[+-]\d+\); try a lower learning_rate, a longer warmup"
)
TOKENIZER = {"train": "words", "vocab_size": 200, "lowercase": True}
SHAPE = {"architecture": "bert", "layers": 1, "width": 16, "heads": 2, "ffn": 32}
VECTORS = {"source": "subword", "dimension": 8, "buckets": 100, "min_count": 2}


def test_all_trainings_go_through_the_one_loop_that_checks():
    found = [
        path.name for path in LIBRARY.rglob("*.py") if ".backward()" in path.read_text("utf-8")
    ]
    assert found == ["loop.py"]


@pytest.fixture
def common(few, tmp_path):
    return {
        "data": few.data,
        "seed": 0,
        "device": "cpu",
        "train": few.train,
        "validation": few.validation,
        "run": TrainingRun(tmp_path / "state", code="tests"),
        "out": tmp_path / "out",
    }


def stopped(train, /, **arguments):
    """Run a training run that must stop; return what it printed."""
    with pytest.raises(UserError) as raised:
        train(**arguments)
    assert re.match(TOLD, str(raised.value)), raised.value
    assert "\n" not in str(raised.value) and not arguments["out"].exists()
    return str(raised.value)


def diverging(**changes):
    """Return settings that no config allows: no weight is finite in fp32 after a step or two with them."""
    usual = {"epochs": 2, "batch_size": 16, "precision": "fp32", "warmup": 0.0}
    return Training(**usual).model_copy(update={"learning_rate": 3e38, **changes})


def model_step_of(sort, /, train, **keys):
    """Return the step of a model that is trained so."""
    step = built(plain_entry(sort, **keys, train={"epochs": 1, "learning_rate": 0.1}))
    return replace(step, train=train)


def pass_step_of(sort, /, key="train", **keys):
    """Return the step of a pass that trains so that it diverges; `key` holds its settings."""
    step = entry_step(sort, **keys, **{key: {"epochs": 1, "learning_rate": 0.1}})
    return replace(step, entry=step.entry.model_copy(update={key: diverging()}))


@pytest.mark.parametrize("taught", [False, True])
def test_dense(common, few, tmp_path, taught):
    from emopress.dense.train import train_dense

    step = model_step_of("dense", vectors=VECTORS, layers=[8], train=diverging())
    more = lesson_of(few, tmp_path, step.model.recorded) if taught else {"step": step}
    stopped(train_dense, vectors=None, **common, **more)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_lstm(common, kind):
    from emopress.lstm.train import train_lstm

    more = {"label_width": 4} if kind == "generative" else {}
    shape = {"width": 8, "state": 8, "tokenizer": TOKENIZER}
    step = model_step_of("lstm", kind=kind, **shape, train=diverging(), **more)
    stopped(train_lstm, step=step, pretrained_tokenizer=None, **common)


def test_transformer(common):
    from emopress.train.finetune import finetune

    tokenizer = {"train": "wordpiece", "vocab_size": 200, "lowercase": True}
    step = model_step_of("transformer", init=SHAPE, tokenizer=tokenizer, train=diverging())
    stopped(finetune, step=step, pretrained=None, pretrained_tokenizer=None, **common)


@pytest.fixture
def parent(common, training, tmp_path):
    """A tiny trained transformer, for passes that train on."""
    from emopress.train.finetune import finetune

    tokenizer = {"train": "wordpiece", "vocab_size": 200, "lowercase": True}
    step = built(
        plain_entry("transformer", init=SHAPE, tokenizer=tokenizer, train=training(epochs=1))
    )
    where = {
        "run": TrainingRun(tmp_path / "parent-state", code="tests"),
        "out": tmp_path / "parent",
    }
    sources = {"pretrained": None, "pretrained_tokenizer": None}
    finetune(step=step, **sources, **{**common, **where})
    return where["out"]


@pytest.mark.parametrize("kind", ["qat", "prune", "structured", "adapter"])
def test_passes_that_train(parent, common, kind):
    from emopress.compress.adapt import adapt
    from emopress.compress.prune_magnitude import prune_magnitude
    from emopress.compress.prune_structured import prune_structured
    from emopress.compress.qat import qat

    step, train = {
        "qat": (pass_step_of("qat"), qat),
        "prune": (pass_step_of("magnitude", "recover", amount=0.5), prune_magnitude),
        "structured": (pass_step_of("structured", "recover", ffn=0.5), prune_structured),
        "adapter": (pass_step_of("adapt", method="lora", rank=2), adapt),
    }[kind]
    given = {name: value for name, value in common.items() if name != "data"}
    stopped(train, parent=parent, step=step, **given)


def lesson_of(few, tmp_path, student):
    """Return the arguments of a distillation from a teacher that only exists as logits."""
    import pandas
    from safetensors.numpy import save_file

    from emopress.train.logits import ids_hash

    ids = pandas.read_parquet(few.train)["id"].tolist()
    facts = {"ids_sha256": ids_hash(ids), "licences": "[]", "recipe": "[]"}
    logits = tmp_path / "train.safetensors"
    wanted = np.random.default_rng(0).normal(size=(len(ids), len(few.labels))).astype(np.float32)
    save_file({"logits": wanted}, logits, metadata=facts)
    manifest = {"runtime": "linear", "analyzer": "word", "ngrams": [1, 1], "files": {}}
    manifest |= {"labels": few.labels, "normalise": "none", "recipe": []}
    (tmp_path / "bundle.json").write_text(json.dumps(manifest))
    step = built({**plain_entry("distill", student="a-name"), "student_model": student})
    step = replace(step, train=diverging())
    return {"step": step, "teacher": tmp_path, "teacher_logits": [logits]}


def test_what_only_the_last_step_spoils_is_seen_too(common):
    from emopress.dense.train import train_dense

    whole = diverging(epochs=1, batch_size=10**6)
    step = model_step_of("dense", vectors=VECTORS, layers=[8], train=whole)
    assert "validation logits" in stopped(train_dense, step=step, vectors=None, **common)
