"""What a killed job leaves: it is tidied up, its lock is gone, and an unfinished training is what was saved."""

import errno
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from command_line import STUCK_S
from emopress.artifact import remove_folder, remove_leftovers, replaced_file, replaced_folder
from emopress.errors import UserError
from emopress.jobs.code import STAMPS
from emopress.jobs.job import error_line
from emopress.jobs.ledger import guarded, only_maker, recorded
from emopress.train.run import TrainingRun
from plain_entries import built

CHECKPOINT = "results/few/tiny/seed0/checkpoint/checkpoint.json"
context = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def started(work, *arguments):
    """Run `work(event, ...)` in a process of its own; return it when it has set the event."""
    event = context.Event()
    process = context.Process(target=work, args=(event, *arguments))
    process.start()
    assert event.wait(STUCK_S)
    return process


def killed(process):
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def write_for_ever(event, path, writer):
    with writer(path) as temporary:
        file = temporary / "model" if temporary.is_dir() else temporary
        file.write_text("half")
        event.set()
        time.sleep(600)


@pytest.mark.parametrize(
    ("path", "writer"), [("a/x.parquet", replaced_file), ("a/checkpoint", replaced_folder)]
)
def test_what_a_killed_writer_leaves_is_removed_and_nothing_else(path, writer):
    Path("a").mkdir()
    other = Path(
        "a", ".x-en-abcdefgh.parquet"
    )  # of data set x-en, which another job may be writing
    other.write_text("other")
    killed(started(write_for_ever, path, writer))
    assert len(list(Path("a").iterdir())) == 2 and not Path(path).exists()
    remove_leftovers(path)
    assert list(Path("a").iterdir()) == [other]


def test_a_folder_that_was_moved_aside_is_put_back():
    aside = Path("a/.unfinished-training-old-abcdefgh/unfinished-training")
    aside.mkdir(parents=True)
    (aside / "state.json").write_text("{}")
    remove_leftovers("a/unfinished-training")
    assert [p.as_posix() for p in Path("a").rglob("*")] == [
        "a/unfinished-training",
        "a/unfinished-training/state.json",
    ]


def remove_half(event, path):
    def removed_in_part(folder):
        next(Path(folder).iterdir()).unlink()
        event.set()
        time.sleep(600)

    shutil.rmtree = removed_in_part
    remove_folder(path)


def test_a_folder_that_was_being_removed_is_whole_or_gone():
    """A half of an unfinished training's state would be taken for a damaged one."""
    folder = Path("a/unfinished-training")
    folder.mkdir(parents=True)
    for name in ("state.json", "model.safetensors"):
        (folder / name).write_text(name)
    killed(started(remove_half, folder))
    assert not folder.exists()
    remove_leftovers(folder)
    assert list(Path("a").iterdir()) == []
    remove_folder(folder)  # not there: nothing to do


def hold(event):
    with only_maker(Path(CHECKPOINT)):
        event.set()
        time.sleep(600)


def take(event, order):
    event.set()
    with only_maker(Path(CHECKPOINT)):
        order.put("second")


def test_two_makers_of_one_output_take_turns_and_a_killed_one_lets_go(capfd):
    order = context.SimpleQueue()
    first = started(hold)
    second = started(take, order)
    time.sleep(0.3)
    assert order.empty() and second.is_alive()
    killed(first)
    second.join(STUCK_S)
    assert order.get() == "second" and second.exitcode == 0


def write_again_and_again(event, name, turns):
    event.set()
    for turn in range(turns):
        with guarded([], [CHECKPOINT]):
            for place in ("checkpoint", "unfinished-training"):
                with replaced_folder(f"results/few/tiny/seed0/{place}") as folder:
                    for file in ("checkpoint.json", "model"):
                        (folder / file).write_text(f"{name} {turn}")
                        time.sleep(0.001)


def test_an_orphan_and_a_new_job_of_the_same_output_do_not_mix():
    writers = [started(write_again_and_again, name, 40) for name in ("orphan", "new")]
    while any(writer.is_alive() for writer in writers):
        time.sleep(0.01)
    assert [writer.exitcode for writer in writers] == [0, 0]
    folders = [Path(CHECKPOINT).parent, Path(CHECKPOINT).parents[1] / "unfinished-training"]
    assert all(len({file.read_text() for file in folder.iterdir()}) == 1 for folder in folders)
    assert len(list(Path(CHECKPOINT).parents[1].iterdir())) == 2  # nothing hidden is left
    with guarded([CHECKPOINT.replace("checkpoint.json", "other.json")], ["results/x.json"]):
        Path("results/x.json").write_text("{}")
    assert recorded(Path(CHECKPOINT)) and recorded(Path("results/x.json"))


def test_a_job_that_fails_records_nothing():
    Path("results").mkdir()
    with pytest.raises(ZeroDivisionError), guarded([], ["results/x.json"]):
        Path("results/x.json").write_text("{}")
        1 / 0  # noqa: B018
    assert recorded(Path("results/x.json")) is None


def test_what_is_made_is_no_older_than_what_the_workflow_made_it_of(tmp_path):
    """The clock goes back by a day during the job; its inputs follow, the user's own do not."""
    sources = [Path("results/data/train.parquet"), STAMPS / "train.txt", tmp_path / "texts.csv"]
    for source in sources:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("made before")
    ages, made = [source.stat().st_mtime_ns for source in sources], Path("results/x.json")
    with guarded(sources, [made]):
        made.write_text("{}")
    assert [source.stat().st_mtime_ns for source in sources] == ages
    yesterday = time.time_ns() - 86_400 * 10**9
    with guarded(sources, [made]):
        made.write_text("{}")
        os.utime(made, ns=(yesterday, yesterday))
    assert made.stat().st_mtime_ns == yesterday
    assert [source.stat().st_mtime_ns for source in sources] == [yesterday, yesterday, ages[2]]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "results/a"),
        OSError("I/O error: No space left on device (os error 28)"),  # as safetensors tells it
        OSError(errno.EROFS, "Read-only file system", "results/a"),
        PermissionError(errno.EACCES, "Permission denied", "results/a"),
        MemoryError("Unable to allocate 8.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory\nmore"),
    ],
)
def test_what_a_machine_refuses_is_told_in_one_line(error):
    assert "\n" not in error_line(error) and "type the same command again" in error_line(error)


def test_an_error_that_nobody_foresaw_is_not():
    assert error_line(FileNotFoundError(errno.ENOENT, "No such file", "a")) is None
    assert error_line(RuntimeError("shapes differ")) is None


@pytest.mark.parametrize(
    "name", ["optimizer.safetensors", "best.safetensors", "progress.json", "state.json"]
)
def test_a_damaged_unfinished_training_is_not_resumed(name, few, filled, training, monkeypatch):
    from emopress.dense.train import train_dense
    from emopress.train.loop import Trainer

    vectors = {"source": "subword", "dimension": 8, "buckets": 100, "min_count": 2}
    step = filled("dense", vectors=vectors, layers=[8], train=training(epochs=3, batch_size=16))
    given = {"step": built(step), "data": few.data, "seed": 0, "device": "cpu", "vectors": None}
    given |= {"train": few.train, "validation": few.validation}
    given |= {"run": TrainingRun(Path("state"), code="tests"), "out": Path("out")}
    record = Trainer._record

    def cut_off(self, epoch, *rest):
        record(self, epoch, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_record", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train_dense(**given)
    monkeypatch.setattr(Trainer, "_record", record)
    file = Path("state", name)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(UserError, match=f"state/{name}: damaged .*; delete (state|it) and run"):
        train_dense(**given)
    assert not Path("out").exists()
