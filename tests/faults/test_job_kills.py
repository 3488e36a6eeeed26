"""kill -9 of jobs alone, at random points of their training runs and writes: many kills for little time.

The jobs run in forks of this process, which has imported what takes seconds. `make test-faults` kills
EMOPRESS_JOB_KILLS times in every family.
"""

import multiprocessing
import os
import random
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from command_line import STUCK_S
from emopress.artifact import check_files, file_table
from emopress.jobs.ledger import STATE, check_recorded, guarded, table_of
from emopress.train.run import TrainingRun
from plain_entries import built

KILLS = int(os.environ.get("EMOPRESS_JOB_KILLS", "5"))
SEED = int(os.environ.get("EMOPRESS_SEED", "0"))
CHECKPOINT = Path("results/few/model/seed0/checkpoint/checkpoint.json")
VECTORS = {"source": "subword", "dimension": 8, "buckets": 100, "min_count": 2}
context = multiprocessing.get_context("fork")


@pytest.fixture
def common(few, tmp_path, monkeypatch):
    import torch

    # The first optimizer of a process imports torch's compiler, which takes each fork a second, in which it is killed.
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    monkeypatch.chdir(tmp_path)
    return {
        "data": few.data,
        "seed": 0,
        "device": "cpu",
        "train": few.train,
        "validation": few.validation,
        "run": TrainingRun(CHECKPOINT.parent.with_name(STATE), code="tests"),
        "out": CHECKPOINT.parent,
    }


@pytest.fixture
def dense(common, filled, training):
    from emopress.dense.train import train_dense

    train = training(epochs=8, batch_size=16, learning_rate=0.02, patience=8)
    step = built(filled("dense", vectors=VECTORS, layers=[8], train=train))
    return partial(train_dense, step=step, vectors=None, **common)


@pytest.fixture
def linear(common, filled):
    from emopress.entries.step import typed_step
    from emopress.linear.train import train_linear

    given = {name: value for name, value in common.items() if name not in ("run", "device")}
    return partial(train_linear, step=typed_step(filled("linear")), **given)


@pytest.fixture
def transformer(common, filled, training):
    # As above: what a job imports when it needs it.
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast  # noqa: F401

    from emopress.train.finetune import finetune

    train = training(epochs=6, batch_size=16, learning_rate=0.002, patience=6)
    shape = {"architecture": "bert", "layers": 1, "width": 16, "heads": 2, "ffn": 32}
    tokenizer = {"train": "wordpiece", "vocab_size": 200, "lowercase": True}
    step = built(filled("transformer", init=shape, tokenizer=tokenizer, train=train))
    sources = {"pretrained": None, "pretrained_tokenizer": None}
    return partial(finetune, step=step, **sources, **common)


def job(make, ready):
    import torch

    torch.set_num_threads(1)
    ready.set()
    with guarded([], [CHECKPOINT]):
        make()


def started(make):
    ready = context.Event()
    process = context.Process(target=job, args=(make, ready))
    process.start()
    assert ready.wait(STUCK_S)
    return process


def nothing_half_written():
    """What is under its name is whole: checkpoint and unfinished training."""
    for manifest in (CHECKPOINT, CHECKPOINT.parents[1] / STATE / "state.json"):
        if manifest.parent.exists():
            check_files(manifest.parent, table_of(manifest))
    if CHECKPOINT.exists():
        check_recorded(CHECKPOINT)


def until_it_has_saved(process):
    """Wait for an epoch's end that this process saves, or for its own."""

    def saved():
        try:
            return (CHECKPOINT.parents[1] / STATE / "state.json").stat().st_mtime_ns
        except FileNotFoundError:
            return None

    before = saved()
    while process.exitcode is None and saved() in (None, before):
        time.sleep(0.001)


@pytest.mark.parametrize("family", ["dense", "linear", "transformer"])
def test_a_job_that_is_killed_ends_like_one_that_is_not(family, request):
    make, rng = request.getfixturevalue(family), random.Random(f"{family} {SEED}")
    start = time.monotonic()
    undisturbed = started(make)
    undisturbed.join(STUCK_S)
    seconds, expected = time.monotonic() - start, file_table(CHECKPOINT.parent)
    assert undisturbed.exitcode == 0
    kills = complete = resumed = 0
    while kills < KILLS or not complete:
        if CHECKPOINT.exists():  # that run is over: begin anew
            shutil.rmtree("results")
        resumed += CHECKPOINT.parent.with_name(STATE).exists()
        process = started(make)
        if kills >= KILLS:
            process.join(STUCK_S)  # the last one may end
        elif family == "linear" or rng.random() < 0.5:
            process.join(rng.uniform(0, seconds))
        else:
            until_it_has_saved(process)
            process.join(rng.uniform(0, 0.1))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            kills += 1
            nothing_half_written()
        if process.exitcode == 0:
            complete += 1
            nothing_half_written()
            assert file_table(CHECKPOINT.parent) == expected
            left = {path.name for path in CHECKPOINT.parents[1].iterdir()}
            assert left == {"checkpoint"}
    assert resumed or family == "linear"
    print(f"{family}: {kills} kills, {resumed} resumed, {complete} runs to the end, all alike")
