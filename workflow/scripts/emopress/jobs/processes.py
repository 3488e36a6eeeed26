"""Starts a training run in several processes, with a GPU each, by `accelerate launch`; each of them runs this module.

python -m accelerate.commands.launch ... --module emopress.jobs.processes FOLDER   (what `launched` starts)

The processes live no longer than the job: each waits in a thread for a lock that the job holds, which
the operating system releases when the job ends, however it ends.
"""

import fcntl
import importlib
import inspect
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from emopress.artifact import read_json, write_json
from emopress.errors import UserError
from emopress.jobs.job import THREAD_VARIABLES, error_line
from emopress.jobs.ledger import LOCKS_HELD
from emopress.jobs.watching import LogWatch
from emopress.train.run import TrainingRun, unwatched

PACKAGE = "emopress"  # whose makers may be started so
WORKER = "emopress.jobs.processes"
LOCK, ORDER, SETTINGS, ERROR = "job.lock", "order.json", "accelerate.json", "error-{rank}.json"
PATH, RUN = "path/", "run/"  # the keys of these in ORDER; no name in a config has a slash
# What would change the launcher's ways, or those of the processes: torchrun's and accelerate's variables.
FOREIGN = ("ACCELERATE_", "PET_", "TORCHELASTIC_", "MASTER_")
FOREIGN_NAMES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK")
PATIENCE = timedelta(days=7)  # the others wait while the first process judges the model
STOPPING_S = 10.0
TYPED_STEPS = {  # a maker's annotation -> the function of `entries.step` that makes such a step
    "Step": "typed_step",
    "Distillation": "typed_step",
    "ModelStep": "model_step",
}


def call(maker: Callable[..., None], arguments: dict[str, Any]) -> None:
    """Call a maker with keyword `arguments`; one that asks for a typed step gets `step` as such."""
    step = inspect.signature(maker).parameters.get("step")
    typed = TYPED_STEPS.get(str(step.annotation).partition("[")[0]) if step else None
    if typed:
        # Here, because building the models of all entries takes longer than many a job without a step.
        from emopress.entries import step as steps

        arguments = {**arguments, "step": getattr(steps, typed)(arguments["step"])}
    maker(**arguments)


def launched(
    function: Callable[..., None], arguments: dict[str, Any], *, processes: int, threads: int
) -> None:
    """Call `function`, a maker, with keyword `arguments`: here, or in `processes` > 1 processes.

    They share the `threads` of the job, at least one each, and their output goes to this process's
    stderr. An error that a job reports in one line is raised as a UserError with that line; any other
    error is in the output, and a RuntimeError here.
    """
    if processes <= 1:
        if "torch" in sys.modules:  # a maker that does not use it need not wait for its import
            from emopress.train.loop import set_threads

            set_threads(threads)
        call(function, arguments)
        return
    maker = f"{function.__module__}:{function.__qualname__}"
    _check(maker)
    with tempfile.TemporaryDirectory(prefix="emopress-training-") as name:
        folder = Path(name)
        each = max(1, threads // processes)
        order = {"maker": maker, "arguments": arguments, "threads": each}
        (folder / ORDER).write_text(json.dumps(order, default=_written), encoding="utf-8")
        write_json(folder / SETTINGS, _settings(processes))
        with open(folder / LOCK, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            code = _run(_command(folder), _environment(each))
        for rank in range(processes):
            if (folder / ERROR.format(rank=rank)).is_file():
                raise UserError(read_json(folder / ERROR.format(rank=rank)))
    if code:
        raise RuntimeError(
            f"training in {processes} processes failed (accelerate launch: exit code {code}); "
            "the rule's log says what happened"
        )


def _check(maker: str) -> None:
    """Raise ValueError unless this names a function of one of the library's modules."""
    module, _, name = maker.partition(":")
    if module.split(".")[0] != PACKAGE or not name.isidentifier():
        raise ValueError(f"{maker} is not a maker of {PACKAGE}")


def _written(value: Any) -> dict[str, Any]:
    """Return what stands for a path or a training run in JSON; TypeError for any other object."""
    if isinstance(value, TrainingRun):
        watch = asdict(value.watch) if isinstance(value.watch, LogWatch) else None
        return {RUN: {"folder": value.folder, "code": value.code, "watch": watch}}
    if not isinstance(value, Path):
        raise TypeError(f"{value!r} cannot be an argument of a training run")
    return {PATH: str(value)}


def _read(value: dict[str, Any]) -> Any:
    """Return what a JSON object stands for."""
    if value.keys() == {PATH}:
        return Path(value[PATH])
    if value.keys() == {RUN}:
        watch = value[RUN]["watch"]
        return TrainingRun(**value[RUN] | {"watch": LogWatch(**watch) if watch else unwatched})
    return value


def _settings(processes: int) -> dict[str, Any]:
    """Return a whole config of accelerate's, so that it does not read the user's own."""
    return {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU",
        "num_processes": processes,
        "num_machines": 1,
        "gpu_ids": "all",
        "main_process_port": 0,  # a free one
        "mixed_precision": "no",  # the training loop does this itself
    }


def _command(folder: Path) -> list[str]:
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    settings = ["--multi_gpu", "--config_file", str(folder / SETTINGS)]
    return [*launcher, *settings, "--module", WORKER, str(folder)]


def _environment(threads: int) -> dict[str, str]:
    """Return the environment of the processes: this library, and nothing of the working folder, is imported."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and name not in FOREIGN_NAMES
    }
    library = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        **kept,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "PYTHONPATH": os.pathsep.join(filter(None, library)),
        "PYTHONSAFEPATH": "1",
    }


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Return the exit code of a command whose output goes to stderr; end it when this process is interrupted.

    It inherits the locks of this job's outputs, and outlives the processes that it starts: no other job
    writes there before all have ended.
    """
    sys.stderr.flush()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        stderr=sys.stderr,
        pass_fds=LOCKS_HELD,
    )
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOPPING_S)
            process.kill()


def end_with_the_job(folder: Path) -> None:
    """Have this process end as soon as the job that holds the lock in `folder` has ended."""

    def watch() -> None:
        try:
            with open(folder / LOCK) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
        except FileNotFoundError:
            pass  # the job has tidied up
        except OSError as error:
            print(f"{folder}: no file locks here ({error.strerror})", file=sys.stderr, flush=True)
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def ordered(folder: Path) -> tuple[Callable[..., None], dict[str, Any], int]:
    """Return what `launched` wrote: a maker (ValueError for any other function), its arguments, the threads."""
    order = json.loads((folder / ORDER).read_text(encoding="utf-8"), object_hook=_read)
    _check(order["maker"])
    module, _, name = order["maker"].partition(":")
    return getattr(importlib.import_module(module), name), order["arguments"], order["threads"]


def main(folder: Path) -> int:
    """Train as one of the processes that `launched` started; return the exit code."""
    end_with_the_job(folder)
    rank = int(os.environ["RANK"])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if rank == 0 else logging.WARNING)
    arguments: dict[str, Any] = {}
    try:
        function, arguments, threads = ordered(folder)
        _join(arguments["device"], threads)
        call(function, arguments)
        return 0
    except Exception as error:
        line = error_line(error, str(arguments.get("out", "an output")))
        if not isinstance(error, UserError):
            logging.exception("training process %s failed", rank)
        if line is not None:
            write_json(folder / ERROR.format(rank=rank), line)
        return 1


def _join(device: str, threads: int) -> None:
    """Enter the group of the processes, with one GPU for each process unless `device` is the CPU."""
    import torch
    from torch import distributed

    from emopress.devices import pick_device
    from emopress.train.loop import set_threads

    set_threads(threads)
    backend = "gloo"
    if pick_device(device).type == "cuda":
        backend = "nccl"
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group(backend, timeout=PATIENCE)


if __name__ == "__main__":
    exit_code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: an ordinary end may wait for the other processes, which may be dead or hang in a collective call.
    os._exit(exit_code)
