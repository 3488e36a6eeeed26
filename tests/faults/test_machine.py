"""What a machine does to a run: full disks, used-up memory, read-only folders, wrong clocks, two users at once."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from faultstudy import jobs, kill, members

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
HUNGRY = """
import resource, sys
from types import SimpleNamespace
from emopress.job import job
with job(SimpleNamespace(threads=1, input=[], output=[], log=[sys.argv[1]], rule="train")):
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


def expected(study):
    """Return the expected hashes of what the linear model is made of."""
    return {
        name: value
        for name, value in study.expected.items()
        if name.removeprefix("checksums/").startswith(("data/", "few/linear/seed0/checkpoint/"))
    }


def made(study):
    return {name: value for name, value in study.hashes().items() if name in expected(study)}


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
            assert last.wait(300) == 0
        assert made(copied) == expected(copied)


def halt(pids, how):
    for pid in pids:
        os.kill(pid, how)
