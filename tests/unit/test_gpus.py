"""Which GPUs a job gets, without one: devices from a variable or a stand-in for nvidia-smi, locks from files."""

import io
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from command_line import STUCK_S
from emopress.errors import UserError
from emopress.jobs import gpus
from emopress.jobs.gpus import demand_gpus, gpus_per_run, held_gpus, visible_devices
from emopress.jobs.job import training_processes


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine without a GPU, its lock files in a folder of the test's."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)  # so that the variable is read again
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(gpus.VISIBLE_VARIABLE, raising=False)
    monkeypatch.setattr(gpus, "WAIT_S", 0.01)


def nvidia_smi(folder, text):
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("device", "large", "limit", "scheduled", "expected"),
    [
        ("cpu", True, 4, True, 0),
        ("cpu", False, 4, False, 0),
        (
            "auto",
            False,
            1,
            False,
            0,
        ),  # small training runs share the one GPU, as profiles/default says
        ("cuda", False, 1, False, 0),
        ("cuda", False, None, False, 0),
        ("auto", True, 1, False, 1),  # large decoders would fill a GPU together
        ("auto", False, 4, False, 1),  # four devices: one each
        ("cuda", False, 2, False, 1),
        ("cuda", False, None, True, 1),  # a scheduler gives none that is not asked for
        ("auto", False, None, True, 0),  # and `auto` goes without
        ("auto", True, None, True, 1),
        ("auto", False, 8, True, 0),
    ],
)
def test_how_many_a_training_asks_for(device, large, limit, scheduled, expected):
    assert gpus_per_run(device, large=large, limit=limit, scheduled=scheduled) == expected


@pytest.mark.parametrize(
    ("device", "limit", "scheduled", "expected"),
    [
        ("cuda", 3, False, 3),
        ("cuda", 1, False, 3),  # which `demand_gpus` refuses
        ("auto", None, False, 3),
        ("auto", None, True, 3),  # the config says so
        ("cpu", 3, False, 0),
    ],
)
def test_how_many_a_training_asks_for_that_can_use_several(device, limit, scheduled, expected):
    gpus_of_each = gpus_per_run(device, large=False, limit=limit, scheduled=scheduled, gpus=3)
    assert gpus_of_each == expected


@pytest.mark.parametrize(
    ("requested", "limit", "scheduled"),
    [(0, 0, False), (1, 0, False), (2, 2, False), (2, None, False), (2, 1, True)],
)
def test_enough_gpus(requested, limit, scheduled):
    demand_gpus(requested, limit=limit, scheduled=scheduled)


def test_fewer_gpus_than_a_training_takes():
    with pytest.raises(UserError, match=r"gpus: 3 GPUs .* may give out 2 .* --resources gpu=3 or"):
        demand_gpus(3, limit=2, scheduled=False)


@pytest.mark.parametrize(
    ("device", "requested", "visible", "expected"),
    [
        ("cuda", 2, "0,1", 2),
        ("auto", 2, "0,1,2,3", 2),  # a node that shows all it has
        ("auto", 2, "", 1),  # a machine without a GPU
        ("auto", 1, "0,1", 1),
        ("auto", None, "0,1", 1),
        ("cpu", 2, "0,1", 1),
    ],
)
def test_a_process_for_each_gpu(monkeypatch, device, requested, visible, expected):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, visible)
    resources = {} if requested is None else {"gpu": requested}
    job = SimpleNamespace(resources=resources, params=SimpleNamespace(device=device))
    assert training_processes(job) == expected


def test_a_scheduler_that_gives_fewer_is_one_line(monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "0")
    with (
        pytest.raises(
            UserError, match=r"2 GPUs are requested, .* the scheduler assigned 1 .*\(0\)"
        ),
        held_gpus(2, scheduled=True),
    ):
        pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0,1", ["0", "1"]),
        (" 3 , 5 ", ["3", "5"]),
        ("", []),
        ("GPU-8a1,MIG-2", ["GPU-8a1", "MIG-2"]),
    ],
)
def test_devices_of_the_variable(monkeypatch, tmp_path, given, expected):
    nvidia_smi(tmp_path, "echo 7")  # not asked
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, given)
    assert visible_devices() == expected


def test_devices_of_nvidia_smi(tmp_path):
    assert visible_devices() == []
    nvidia_smi(tmp_path, "echo 0; echo 1")
    assert visible_devices() == ["0", "1"]


def test_a_driver_that_fails_is_one_line(tmp_path):
    nvidia_smi(tmp_path, "echo 'No devices were found'; exit 6")
    with pytest.raises(UserError, match="nvidia-smi failed: No devices were found"):
        visible_devices()


def seen():
    return gpus.os.environ.get(gpus.VISIBLE_VARIABLE)


def test_each_job_holds_its_own(monkeypatch, tmp_path):
    assert gpus.lock_folder().parent == tmp_path
    nvidia_smi(tmp_path, "echo 0; echo 1; echo 2")
    with held_gpus(1) as first:
        monkeypatch.delenv(gpus.VISIBLE_VARIABLE)  # another job has an environment of its own
        with held_gpus(2) as second:
            assert (first, second) == (["0"], ["1", "2"])
    assert seen() is None
    with held_gpus(1) as again:  # released
        assert again == ["0"] and seen() == "0"


def test_a_job_stays_within_what_it_may_see(monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "4,6")
    with held_gpus(1):
        assert seen() == "4"
    assert seen() == "4,6"


@pytest.mark.parametrize("requested", [0, 1, 2])
def test_without_a_gpu_nothing_is_assigned(requested):
    with held_gpus(requested) as taken:
        assert taken == [] and seen() is None


def test_none_wanted_none_taken(monkeypatch, tmp_path):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "0")
    with held_gpus(0) as taken:
        assert taken == [] and seen() == "0"
    assert not gpus.lock_folder().exists()


def test_more_than_there_are_is_an_error(tmp_path):
    nvidia_smi(tmp_path, "echo 0; echo 1")
    message = r"3 GPUs are requested, but this machine shows 2 \(0, 1\)"
    with pytest.raises(UserError, match=message), held_gpus(3):
        pass


def test_a_scheduler_assigns_and_nothing_is_locked(monkeypatch, tmp_path):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "0")
    with (  # two jobs, each with a "0" of its own
        held_gpus(1, scheduled=True) as first,
        held_gpus(1, scheduled=True) as second,
    ):
        assert first == second == ["0"]
    assert not gpus.lock_folder().exists()


def test_a_job_waits_for_a_device(monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "0,1")
    ends, taken = [], []

    def hold_one():
        with held_gpus(1):
            barrier.wait()
            waiting.wait(STUCK_S)
            ends.append(time.monotonic())

    class Terminal(io.StringIO):
        """Lets the holder go when the other job has said that it waits."""

        def write(self, text):
            waiting.set()
            return super().write(text)

    barrier, waiting, terminal = threading.Barrier(2), threading.Event(), Terminal()
    holder = threading.Thread(target=hold_one)
    holder.start()
    barrier.wait()
    monkeypatch.setenv(
        gpus.VISIBLE_VARIABLE, "0,1"
    )  # the variable is the process's, not the thread's
    monkeypatch.setattr(sys, "stderr", terminal)
    with held_gpus(2) as both:
        taken.append(time.monotonic())
        assert both == ["0", "1"]
    holder.join()
    assert taken > ends and "waiting for 2 of the GPUs 0, 1" in terminal.getvalue()


def test_a_killed_job_frees_its_device(monkeypatch, tmp_path):
    monkeypatch.setenv(gpus.VISIBLE_VARIABLE, "0")
    code = (
        "import time\nfrom emopress.jobs.gpus import held_gpus\n"
        "with held_gpus(1):\n    print(flush=True)\n    time.sleep(3600)\n"
    )
    job = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    job.stdout.readline()  # it has the device
    assert gpus._locked(gpus.lock_folder() / "0.lock") is None
    job.kill()
    job.wait()
    with held_gpus(1) as taken:
        assert taken == ["0"]
