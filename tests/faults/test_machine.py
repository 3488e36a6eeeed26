"""What a machine does to a run: full disks, used-up memory, read-only folders, wrong clocks, two users at once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from faultstudy import jobs, kill, members

from command_line import STUCK_S
from emopress.artifact import file_table
from emopress.jobs.ledger import STATE

CHECKPOINT = "results/few/linear/seed0/checkpoint/checkpoint.json"
MOUNTS = subprocess.run(
    ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"], capture_output=True
)
needs_mounts = pytest.mark.skipif(
    MOUNTS.returncode != 0, reason=f"cannot mount here: {MOUNTS.stderr.decode().strip()}"
)
IN_A_FULL_FOLDER = """
mount -t tmpfs -o size={size} tmpfs results && cp -r kept/. results/ || exit 99
"$@"; status=$?
mount -o remount,size=64m results || exit 99
rm -rf .snakemake/locks
"$@" || exit 98
cp -r results/. kept/
exit $status
"""
READ_ONLY = """
mount --bind results results && mount -o remount,ro,bind results || exit 99
exec "$@"
"""
DENSE = "results/few/dense/seed0/checkpoint/checkpoint.json"
CGROUP = Path("/sys/fs/cgroup/memory")  # version 1
LIMIT, EVENTS = "memory.limit_in_bytes", "memory.oom_control"
if not CGROUP.is_dir():
    CGROUP, LIMIT, EVENTS = Path("/sys/fs/cgroup"), "memory.max", "memory.events"
TRAINING = """
import json, sys
from pathlib import Path
from emopress.dense.train import train_dense
from emopress.jobs.ledger import STATE, guarded
from emopress.jobs.processes import call
from emopress.train.run import TrainingRun
given = json.loads(sys.argv[1])
given |= {name: Path(given[name]) for name in ("train", "validation")}
with guarded([], ["results/few/dense/seed0/checkpoint/checkpoint.json"]):
    out = Path("results/few/dense/seed0/checkpoint")
    run = TrainingRun(out.with_name(STATE), code="tests")
    given |= {"vectors": None, "seed": 0, "device": "cpu", "run": run, "out": out}
    call(train_dense, given)
"""
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
HUNGRY = """
import resource, sys
from types import SimpleNamespace
from emopress.jobs.context import Context
from emopress.jobs.job import job
params = SimpleNamespace(context=Context())
with job(SimpleNamespace(threads=1, input=[], output=[], params=params, log=[sys.argv[1]], rule="train")):
    import numpy
    {torch}
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**27,) * 2)
    {allocate}
"""


def errors(text, rule="train_linear"):
    return [line for line in text.splitlines() if line.startswith(f"error in rule {rule}")]


def forget(study, *names):
    """Remove finished artifacts, as if they had never been made."""
    for name in names:
        shutil.rmtree(study.results / name)
        shutil.rmtree(study.results / "checksums" / name)


def expected(study, family="linear"):
    """Return the expected hashes of what a model is made of."""
    return {
        name: value
        for name, value in study.expected.items()
        if name.removeprefix("checksums/").startswith(("data/", f"few/{family}/seed0/checkpoint/"))
    }


def made(study, family="linear"):
    names = expected(study, family)
    return {name: value for name, value in study.hashes().items() if name in names}


@needs_mounts
def test_a_full_disk_is_one_line_and_goes_on_when_there_is_room(copied):
    forget(copied, "few")
    shutil.rmtree(copied.results / "logs")
    copied.results.rename(copied.folder / "kept")
    copied.results.mkdir()
    # Room for what is there, some logs and a part of the checkpoint (each file takes whole pages).
    pages = sum(
        -(-p.stat().st_size // 4096) for p in (copied.folder / "kept").rglob("*") if p.is_file()
    )
    script = IN_A_FULL_FOLDER.format(size=f"{4 * (pages + 4)}k")
    done = copied.snakemake(
        CHECKPOINT, check=False, prefix=["unshare", "-m", "sh", "-c", script, "sh"]
    )
    assert done.returncode == 1, done.stdout
    told = errors(done.stdout)
    assert len(told) == 1 and "No space left on device; make room on the disk" in told[0], (
        done.stdout
    )
    copied.results.rmdir()
    (copied.folder / "kept").rename(copied.results)
    assert made(copied) == expected(copied)
    assert not [p for p in copied.results.rglob(".*") if not p.name.startswith(".snakemake")]


@needs_mounts
def test_a_read_only_folder_is_one_line(copied):
    forget(copied, "few")
    before = copied.hashes()
    done = copied.snakemake(
        CHECKPOINT, check=False, prefix=["unshare", "-m", "sh", "-c", READ_ONLY, "sh"]
    )
    assert done.returncode == 1 and "Traceback" not in done.stdout, done.stdout
    told = [
        line for line in done.stdout.splitlines() if "results" in line and "not writable" in line
    ]
    assert len(told) == 1, done.stdout
    assert copied.hashes() == before


@pytest.mark.parametrize(
    ("torch", "allocate"),
    [("", "numpy.ones(2**30)"), ("import torch", "torch.ones(2**30)")],
    ids=["numpy", "torch"],
)
def test_used_up_memory_is_one_line(python, tmp_path, torch, allocate):
    done = python(HUNGRY.format(torch=torch, allocate=allocate), tmp_path / "log", check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert re.match(r"error in rule train: out of memory \(.+\); close other programs", done.stderr)
    assert "Traceback" in (tmp_path / "log").read_text()


@contextmanager
def little_memory(megabytes):
    """Yield a cgroup whose processes may take no more; skips loudly where none can be made."""
    folder = CGROUP / f"emopress-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / LIMIT).write_text(str(megabytes * 2**20))
    except OSError as error:
        folder.rmdir() if folder.is_dir() else None
        pytest.skip(f"THE KERNEL'S OWN OUT-OF-MEMORY KILL IS NOT TESTED: {error}")
    try:
        yield folder
    finally:
        folder.rmdir()


def test_a_job_that_the_kernel_kills_for_its_memory(copied):
    """There is no line from the job, which does not live to write one; the rerun is right."""
    forget(copied, "few")
    enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"'
    # Twice what Snakemake takes, for the kernel kills the largest process.
    with little_memory(270) as group:
        told = copied.snakemake(DENSE, check=False, prefix=["sh", "-c", enter, str(group)])
        killed = re.search(r"^oom_kill (\d+)", (group / EVENTS).read_text(), flags=re.MULTILINE)
    assert int(killed[1]) >= 1 and told.returncode == 1, told.stdout
    assert "train_dense" in told.stdout and "SIGKILL" in told.stdout
    assert not (copied.folder / DENSE).exists()
    copied.unlock()
    copied.snakemake(DENSE)
    assert made(copied, "dense") == expected(copied, "dense")


@pytest.mark.skipif(not FAKETIME, reason="NO CLOCK IS TURNED BACK: libfaketime is not installed")
def test_a_clock_that_is_turned_back_during_a_training(tmp_path, few, filled, training):
    """An hour back, 50 times a second, while a job trains and writes; the same files come out."""
    train = training(epochs=60, batch_size=16, learning_rate=0.02, patience=60)
    vectors = {"source": "subword", "dimension": 8, "buckets": 100, "min_count": 2}
    step = filled("dense", vectors=vectors, layers=[8], train=train)
    given = {"step": step, "data": few.data, "train": str(few.train)}
    given["validation"] = str(few.validation)
    offset = tmp_path / "offset"
    clock = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    offset.write_text("+0")
    processes, hours, during = [], 0, 0
    for name, more in (("right", {}), ("jumping", clock)):
        (tmp_path / name).mkdir()
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", TRAINING, json.dumps(given)],
                cwd=tmp_path / name,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more},
            )
        )
    while processes[1].poll() is None:
        hours += 1
        offset.write_text(f"-{hours}h")
        during += (tmp_path / "jumping" / Path(DENSE).parents[1] / STATE).exists()
        time.sleep(0.02)
    assert [process.wait(STUCK_S) for process in processes] == [0, 0] and during > 5
    right, jumping = (file_table(tmp_path / n / Path(DENSE).parent) for n in ("right", "jumping"))
    assert right == jumping


def test_a_clock_that_goes_backwards(copied):
    """What is there was made in the future: the rerun is right, and nothing is half done."""
    forget(copied, "few")
    tomorrow = time.time() + 86400
    for path in (copied.results / "data").rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    done = copied.snakemake(CHECKPOINT)
    assert "error" not in done.stdout.lower() and made(copied) == expected(copied)


def test_two_snakemakes_in_one_folder_and_a_killed_one(copied):
    forget(copied, "few")
    locks = copied.folder / ".snakemake" / "emopress-locks"
    shutil.rmtree(locks)
    with copied.running(CHECKPOINT) as first:
        while not (locks.is_dir() and any(locks.iterdir())):  # the job makes its output now
            assert first.poll() is None
            time.sleep(0.01)
        halt(members(first.pid), signal.SIGSTOP)
        second = copied.snakemake(CHECKPOINT, check=False)
        assert second.returncode == 1 and "Directory cannot be locked" in second.stdout
        kill([first.pid])  # its job is only halted
        first.wait()
        third = copied.snakemake(CHECKPOINT, check=False)
        assert third.returncode == 1 and "--unlock" in third.stdout
        copied.snakemake(options=["--unlock"])
        assert jobs(first.pid)
        orphan = members(first.pid)
        with copied.running(CHECKPOINT) as last:  # its job waits for the orphan
            waiting = f"{CHECKPOINT}: waiting for another process that makes it"
            while waiting not in (copied.folder / "terminal.txt").read_text("utf-8"):
                assert last.poll() is None
                time.sleep(0.05)
            halt(orphan, signal.SIGCONT)
            assert last.wait(STUCK_S) == 0
        assert made(copied) == expected(copied)


def halt(pids, how):
    for pid in pids:
        os.kill(pid, how)
