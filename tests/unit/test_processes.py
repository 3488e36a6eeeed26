"""Training runs in two processes, really started by `accelerate launch`, on the CPU (gloo)."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pandas
import psutil
import pytest
import slow_training
import torch
from safetensors.torch import load_file

from command_line import STUCK_S
from emopress.artifact import read_json
from emopress.errors import UserError
from emopress.jobs import processes
from emopress.jobs.processes import launched, ordered
from emopress.jobs.watching import LogWatch
from emopress.train.finetune import finetune
from emopress.train.ranks import Ranks, _buckets
from emopress.train.run import TrainingRun

HERE = Path(__file__).parent
EPOCHS = 4
GONE_S = 900  # within which a process ends on the busiest machine, unless it waits for its hour
# The job that is killed. The function is named and not imported: that would cost seconds.
PARENT = """
import json, sys
from pathlib import Path
from emopress.jobs import processes
def train_slowly(**arguments): pass
train_slowly.__module__ = processes.WORKER = processes.PACKAGE = "slow_training"
arguments = json.loads(Path(sys.argv[1]).read_text("utf-8"), object_hook=processes._read)
processes.launched(train_slowly, arguments, processes=2, threads=2)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A user's own settings of the launcher, and a working folder with a name in it that must not be imported."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "torch.py").write_text("raise SystemExit('the working folder was imported')\n")
    settings = folder / "home" / "accelerate" / "default_config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\nnum_processes: 5\n"
        "mixed_precision: fp8\nuse_cpu: true\nmain_training_function: other\ngpu_ids: '3'\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(folder / "home"))
        for name in ("ACCELERATE_MIXED_PRECISION", "PET_NNODES", "WORLD_SIZE", "RANK"):
            patch.setenv(name, "seven")
        patch.chdir(folder)
        yield


@pytest.fixture(scope="module")
def arguments(few, training, tmp_path_factory):
    """The arguments of a training run without dropout, 8 batches an epoch of which the last has one text."""
    folder = tmp_path_factory.mktemp("parallel")
    pandas.read_parquet(few.train)[:57].to_parquet(folder / "train.parquet")
    init = {"architecture": "bert", "layers": 1, "width": 16, "heads": 2, "ffn": 32, "dropout": 0.0}
    settings = training(
        epochs=EPOCHS,
        patience=EPOCHS,
        batch_size=8,
        accumulate=3,
        learning_rate=0.01,
        class_weights=True,
        precision="fp32",
    )
    entry = {
        "name": "micro",
        "family": "transformer",
        "init": init,
        "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
        "train": settings,
    }
    return {
        "step": entry,
        "data": few.data,
        "seed": 3,
        "device": "cpu",
        "train": folder / "train.parquet",
        "validation": few.validation,
        "pretrained": None,
        "pretrained_tokenizer": None,
        "run": TrainingRun(folder / "results" / "state", code="tests", watch=LogWatch()),
        "out": folder / "results" / "checkpoint",
    }


@pytest.fixture(scope="module")
def killed(machine, arguments, tmp_path_factory):
    """A job in two processes after kill -9 of the job alone, once an epoch is safe."""
    folder = tmp_path_factory.mktemp("killed")
    order = {**arguments, "told": folder}
    (folder / "arguments.json").write_text(json.dumps(order, default=processes._written), "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    environment["TMPDIR"] = str(folder)  # a killed job leaves its order there
    with open(folder / "log", "w") as log:
        job = subprocess.Popen(
            [sys.executable, "-P", "-c", PARENT, str(folder / "arguments.json")],
            env=environment,
            stdout=log,
            stderr=log,
        )
    log = folder / "log"
    end = time.monotonic() + STUCK_S
    while not (arguments["run"].folder / "state.json").is_file():
        assert job.poll() is None and time.monotonic() < end, log.read_text("utf-8")
        time.sleep(0.1)
    started = psutil.Process(job.pid).children(recursive=True)
    trainers = [one for one in started if "accelerate.commands.launch" not in one.cmdline()]
    job.send_signal(signal.SIGKILL)
    job.wait()
    _, alive = psutil.wait_procs(trainers, timeout=GONE_S)
    _, launchers = psutil.wait_procs(started, timeout=GONE_S)
    for process in {*alive, *launchers}:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return SimpleNamespace(
        folder=folder, log=log, trainers=trainers, alive=alive, launchers=launchers
    )


@pytest.fixture(scope="module")
def trained(killed, machine, arguments, tmp_path_factory):
    """The same training by one process, and by two that go on where the killed ones stopped."""
    folder = tmp_path_factory.mktemp("trained")
    alone = {
        **arguments,
        "run": TrainingRun(folder / "state", code="tests"),
        "out": folder / "alone",
    }
    launched(finetune, alone, processes=1, threads=1)
    left = read_json(arguments["run"].folder / "progress.json")["history"]
    out_before = arguments["out"].exists()
    with open(folder / "log", "w", encoding="utf-8") as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", log)
        launched(finetune, arguments, processes=2, threads=2)
    return SimpleNamespace(
        alone=folder / "alone",
        together=arguments["out"],
        left=left,
        out_before=out_before,
        log=(folder / "log").read_text("utf-8"),
    )


def test_no_process_outlives_its_job(killed):
    """Kill -9 of the job alone: its trainers are gone long before their epoch is over, and the launcher."""
    assert len(killed.trainers) == 2
    assert killed.alive == [] and killed.launchers == []


def test_an_unfinished_training_goes_on(trained, arguments):
    assert 1 <= len(trained.left) < EPOCHS and not trained.out_before
    assert trained.log.count(f"training: resumed after epoch {len(trained.left)}") == 2  # both
    assert {path.name for path in trained.together.parent.iterdir()} == {"checkpoint"}  # no state


def test_two_processes_train_what_one_does(trained):
    """Float sums are in another order, nothing else: class weights, accumulation, a batch of one text."""
    histories = [read_json(d / "training.json") for d in (trained.alone, trained.together)]
    one, two = ([[row[key] for row in rows] for key in rows[0]] for rows in histories)
    assert one[0] == two[0] == list(range(1, EPOCHS + 1))
    assert one[1] == pytest.approx(two[1], rel=1e-4)
    assert one[2] == pytest.approx(two[2], abs=0.05)  # the macro F1 of one text that is a near tie
    assert one[1][-1] < one[1][0] - 0.02  # it has learnt: equal weights are not those it began with
    first, second = (load_file(d / "model.safetensors") for d in (trained.alone, trained.together))
    assert first.keys() == second.keys()
    for name in first:
        # softmax does not see a bias of the keys: its gradient is rounding noise, which AdamW enlarges
        tolerance = 0.01 if name.endswith("key.bias") else 2e-5
        assert torch.allclose(first[name], second[name], rtol=1e-3, atol=tolerance), name
    facts = [read_json(d / "checkpoint.json") for d in (trained.alone, trained.together)]
    assert [f["trained_on"]["processes"] for f in facts] == [1, 2]
    assert facts[0]["data_sha256"] == facts[1]["data_sha256"]


def test_the_first_process_alone_tells_and_writes(trained):
    epochs = range(len(trained.left) + 1, EPOCHS + 1)
    assert [trained.log.count(f"epoch {n}/{EPOCHS}  loss") for n in epochs] == [1] * len(epochs)


@pytest.fixture(scope="module")
def found(killed):
    """What each of the two processes found."""
    return [read_json(killed.folder / f"{rank}.json") for rank in (0, 1)]


@pytest.mark.parametrize("name", slow_training.BATCHES)
def test_the_gradient_is_that_of_the_whole_batch(found, name):
    """Of a loss weighted by class too; frozen layers have none, and a layer that is not used has none."""
    expected = slow_training.gradients(slow_training.BATCHES[name], alone=True)
    assert [g is None for g in expected] == [True, True, False, False, True, True]
    for told in found:
        for one, other in zip(expected, told["gradients"][name], strict=True):
            assert (one is None) == (other is None)
            assert one is None or torch.allclose(torch.tensor(one), torch.tensor(other), atol=1e-6)
    assert found[0]["gradients"] == found[1]["gradients"]  # to the last bit, or they would drift


def test_what_the_first_process_says_holds(found):
    assert [told["ranks"] for told in found] == [[0, 2], [1, 2]]
    assert [told["from_first"] for told in found] == [[0.25, 2.0]] * 2
    assert [told["weights"] for told in found] == [slow_training.layers()[1].weight.tolist()] * 2
    assert [told["refused"] for told in found] == ["", "process 1 resumed after epoch 1, not 0"]
    assert [told["threads"] for told in found] == [1, 1]  # of the job's two


def test_trainers_side_by_side_do_not_meet(found):
    """They talk through a free port, and not through the launcher's usual one."""
    assert found[0]["port"] == found[1]["port"] != "29500"


def test_a_training_that_diverges_is_told_in_one_line(machine, training, tmp_path, monkeypatch):
    settings = training(epochs=3, batch_size=4, learning_rate=1e30, max_grad_norm=1e9)
    given = {
        "device": "cpu",
        "settings": settings,
        "run": TrainingRun(tmp_path / "state", code="tests"),
    }
    monkeypatch.setattr(processes, "WORKER", "slow_training")
    monkeypatch.setattr(processes, "PACKAGE", "slow_training")
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    line = r"^training: the [a-z' ]+ is (nan|-?inf) in epoch \d, step \d \(learning rate .*$"
    with (
        open(tmp_path / "log", "w") as log,
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(UserError, match=line) as caught,
    ):
        patch.setattr(sys, "stderr", log)
        launched(slow_training.diverge, given, processes=2, threads=2)
    assert "\n" not in str(caught.value) and not (tmp_path / "state").exists()


@pytest.mark.parametrize(("count", "world"), [(0, 2), (1, 2), (5, 2), (6, 3), (7, 3), (2, 4)])
def test_a_batch_is_split_whole_and_evenly(count, world):
    indices = [10 * n for n in range(count)]
    shares = [Ranks(rank, world).share(indices) for rank in range(world)]
    assert sorted(index for share in shares for index in share) == indices
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_split_or_sent():
    alone = Ranks.here()
    assert (alone.rank, alone.world, alone.first) == (0, 1, True)
    assert alone.share([3, 1]) == [3, 1] and alone.from_first([2.5]) == [2.5]
    assert alone.seed(500_020) == 500_020


def test_every_process_drops_other_units():
    largest = 999_999 * 100_003 + 1000  # the last seed, the last epoch
    drawn = set()
    with torch.random.fork_rng():
        for rank in range(64):
            torch.manual_seed(Ranks(rank, 64).seed(largest))
            drawn.add(tuple(torch.rand(4).tolist()))
    assert len(drawn) == 64
    assert Ranks(0, 64).seed(largest) == largest


def test_sums_are_of_one_type_and_not_too_long(monkeypatch):
    monkeypatch.setattr("emopress.train.ranks.BUCKET", 5)
    tensors = [torch.zeros(n) for n in (2, 3, 1, 9, 1)] + [torch.zeros(1, dtype=torch.bfloat16)]
    assert [[t.numel() for t in bucket] for bucket in _buckets(tensors)] == [
        [2, 3],
        [1],
        [9],
        [1],
        [1],
    ]


def launcher(monkeypatch, code):
    """Put Python code in the launcher's place; FOLDER is that of the order."""
    command = [sys.executable, "-c", code, "FOLDER"]
    monkeypatch.setattr(processes, "_command", lambda folder: [*command[:-1], str(folder)])


def test_an_error_that_nobody_foresaw_is_in_the_log(monkeypatch, arguments, tmp_path):
    launcher(monkeypatch, "import sys; print('Traceback of it'); sys.exit(3)")
    message = r"^training in 2 processes failed \(accelerate launch: exit code 3\); the rule's log"
    with open(tmp_path / "log", "w") as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", log)
        with pytest.raises(RuntimeError, match=message):
            launched(finetune, arguments, processes=2, threads=2)
    assert (tmp_path / "log").read_text() == "Traceback of it\n"


@pytest.mark.parametrize("code", [0, 1])
def test_an_error_of_any_process_is_the_jobs(monkeypatch, arguments, capfd, code):
    told = "open(sys.argv[1] + '/error-1.json', 'w').write('\"make room\"')"
    launcher(monkeypatch, f"import sys; {told}; sys.exit({code})")
    with pytest.raises(UserError, match=r"^make room$"):
        launched(finetune, arguments, processes=2, threads=2)


def test_an_interrupted_job_ends_its_launcher(tmp_path):
    """Ctrl-C in the terminal reaches both; here the job alone has it."""
    code = (
        "import os, signal, sys\nfrom emopress.jobs.processes import _run\n"
        # Whoever runs the tests in the background may have it ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "_run([sys.executable, '-c', 'import time; print(flush=True); time.sleep(3600)'], os.environ)\n"
    )
    job = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    job.stderr.readline()  # the launcher is there
    (started,) = psutil.Process(job.pid).children()
    job.send_signal(signal.SIGINT)
    assert job.wait(timeout=GONE_S) != 0
    _, alive = psutil.wait_procs([started], timeout=GONE_S)
    job.stderr.close()
    assert alive == []


@pytest.mark.parametrize(
    "maker", ["posix:system", "emopress:a.b", "emopress:", "emopress_other.a:b"]
)
def test_only_makers_of_the_library_are_started(tmp_path, maker):
    module, _, name = maker.partition(":")

    def function():
        """Stand in for what has this name."""

    function.__module__, function.__qualname__ = module, name
    with pytest.raises(ValueError, match=f"{maker} is not a maker of emopress"):
        launched(function, {}, processes=2, threads=2)
    order = {"maker": maker, "arguments": {}, "threads": 1}
    (tmp_path / processes.ORDER).write_text(json.dumps(order))
    with pytest.raises(ValueError, match=f"{maker} is not a maker of emopress"):
        ordered(tmp_path)


def test_arguments_arrive_as_they_were(tmp_path, arguments):
    given = {**arguments, "teacher_logits": [Path("a/b"), Path("c")]}
    order = {"maker": "emopress.train.finetune:finetune", "arguments": given, "threads": 3}
    text = json.dumps(order, default=processes._written)
    (tmp_path / processes.ORDER).write_text(text, "utf-8")
    assert ordered(tmp_path) == (finetune, given, 3)
    unwatched = {**given, "run": TrainingRun(Path("state"), code="tests")}
    text = json.dumps({**order, "arguments": unwatched}, default=processes._written)
    (tmp_path / processes.ORDER).write_text(text, "utf-8")
    assert ordered(tmp_path)[1] == unwatched
    with pytest.raises(TypeError, match="cannot be an argument of a training run"):
        json.dumps({"device": torch.device("cpu")}, default=processes._written)
