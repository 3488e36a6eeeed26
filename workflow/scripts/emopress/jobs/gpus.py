"""How many GPUs a job asks for, and which of this machine's a job gets: one job per device.

Under a scheduler such as Slurm the scheduler assigns devices. On one machine Snakemake counts them
(`--resources gpu=N`) but assigns none, so a job takes a free device by a lock file. The operating
system releases the lock when the job ends, however it ends.
"""

import fcntl
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from emopress.errors import UserError

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
WAIT_S = 1.0


def gpus_per_run(
    device: str, *, large: bool, limit: int | None, scheduled: bool, gpus: int = 1
) -> int:
    """Return how many GPUs a training run that can use several asks for; any other asks for at most one.

    That is `gpus` where it is above 1. Else it is 1 where runs may not share a GPU (`large`: the study has
    large decoders), where a scheduler assigns GPUs and `device` is cuda, and where the user offers several
    (`limit`, from `--resources gpu=N`). Else 0: on a machine with one GPU, small training runs share it.
    """
    if device == "cpu":
        return 0
    if gpus > 1:
        return gpus
    return int(large or (scheduled and device == "cuda") or (not scheduled and (limit or 0) > 1))


def demand_gpus(requested: int, *, limit: int | None, scheduled: bool) -> None:
    """Raise UserError if Snakemake would give a job on this machine fewer GPUs than it requests.

    It would cut the request to `limit` (from `--resources gpu=N`) without a word.
    """
    if not scheduled and requested > 1 and limit is not None and limit < requested:
        default = ", which is what profiles/default says" if limit == 1 else ""
        raise UserError(
            f"config: gpus: {requested} GPUs for each training run, and Snakemake may give out {limit} "
            f"(--resources gpu={limit}{default}); "
            f"call it with --resources gpu={requested} or more, or lower gpus"
        )


def visible_devices() -> list[str]:
    """Return the ids of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES takes them.

    Those of CUDA_VISIBLE_DEVICES where it is set, else all that nvidia-smi lists; [] without any.
    UserError if nvidia-smi is there and fails.
    """
    visible = os.environ.get(VISIBLE_VARIABLE)
    if visible is not None:
        return [part.strip() for part in visible.split(",") if part.strip()]
    if not shutil.which("nvidia-smi"):
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(
            "nvidia-smi did not answer within 30 s, so free GPUs are not known"
        ) from None
    if done.returncode:
        raise UserError(f"nvidia-smi failed: {(done.stderr or done.stdout).strip()}")
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def lock_folder() -> Path:
    """Return the folder of this user's lock files, on this machine's own disk."""
    return Path(tempfile.gettempdir()) / f"emopress-gpus-{getpass.getuser()}"


def _locked(path: Path) -> IO[str] | None:
    """Return the open, locked file, None if another job holds it."""
    stream = open(path, "a", encoding="utf-8")  # noqa: SIM115  # open as long as the job holds it
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream


def _take(devices: Sequence[str], requested: int, folder: Path, held: ExitStack) -> list[str]:
    """Return `requested` devices whose locks `held` now has, [] (and no lock) if fewer are free."""
    taken: list[str] = []
    for device in devices:
        stream = _locked(folder / f"{device.replace(os.sep, '_')}.lock")
        if stream:
            held.enter_context(stream)
            taken.append(device)
        if len(taken) == requested:
            return taken
    held.close()  # all or none: two jobs that each hold one and need two would wait forever
    return []


@contextmanager
def held_gpus(requested: int, *, scheduled: bool = False) -> Iterator[list[str]]:
    """Hold `requested` GPUs for a block, in CUDA_VISIBLE_DEVICES, and yield their ids.

    Waits until that many are free. Where a scheduler starts the jobs (`scheduled`), they are those that it
    has put there. The list is empty on a machine without a GPU, and if none is requested. UserError if the
    machine has fewer.
    """
    devices = visible_devices() if requested else []
    if not devices:
        yield []
        return
    if scheduled:
        if requested > len(devices):
            raise UserError(
                f"{requested} GPUs are requested, but the scheduler assigned {len(devices)} on this node "
                f"({', '.join(devices)}); request fewer in `gpus`, or all on one node"
            )
        print(f"using GPU {', '.join(devices)}, assigned by the scheduler", file=sys.stderr)
        yield devices
        return
    if requested > len(devices):
        raise UserError(
            f"{requested} GPUs are requested, but this machine shows {len(devices)} "
            f"({', '.join(devices)}); request fewer in `gpus`, or set {VISIBLE_VARIABLE}"
        )
    folder = lock_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        waiting = False
        while not (taken := _take(devices, requested, folder, held)):
            if not waiting:
                print(f"waiting for {requested} of the GPUs {', '.join(devices)}", file=sys.stderr)
                waiting = True
            time.sleep(WAIT_S)
        before = os.environ.get(VISIBLE_VARIABLE)
        os.environ[VISIBLE_VARIABLE] = ",".join(taken)
        print(f"using GPU {', '.join(taken)}", file=sys.stderr)
        try:
            yield taken
        finally:
            if before is None:
                os.environ.pop(VISIBLE_VARIABLE, None)
            else:
                os.environ[VISIBLE_VARIABLE] = before
