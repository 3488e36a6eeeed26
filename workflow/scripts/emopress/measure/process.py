"""Starts fresh processes that load a bundle and predict one text: cold-start time and peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from emopress.errors import UserError

LIBRARY = Path(__file__).parents[2]  # the folder that holds the package
ORDER_SEED = 1


@dataclass(frozen=True)
class Start:
    """What one fresh process took: ms until its first prediction, bytes at its peak."""

    cold_start_ms: float
    peak_memory_bytes: int


def start_once(folder: Path, runtime: str, *, text: str, threads: int) -> Start:
    """Start a process that loads the bundle (or checkpoint) in `folder` and predicts `text`.

    The time goes from just before the process is made to its first prediction: starting Python,
    importing the runtime, verifying and loading the files, one text. The files are in the page cache
    if somebody read them before. UserError, with the last line that the process printed, if it fails.
    """
    command = [sys.executable, "-m", "emopress.measure.cold_start"]
    command += [str(folder), runtime, str(threads)]
    paths = [str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(text.encode("utf-8"))
        given.seek(0)
        start = time.perf_counter()
        child = subprocess.Popen(
            command, env=environment, stdin=given, stdout=subprocess.PIPE, stderr=errors
        )
        with child:
            assert child.stdout is not None
            elapsed, peak = 0.0, b""
            for line in child.stdout:
                if line.strip() == b"predicted":
                    elapsed = time.perf_counter() - start
                peak = line
        if child.returncode != 0:
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").strip().splitlines() or ["no message"]
            raise UserError(
                f"{folder}: a fresh process with runtime {runtime} could not predict "
                f"(exit status {child.returncode}): {lines[-1]}"
            )
    return Start(elapsed * 1e3, int(peak))


def start_processes(
    folders: Sequence[tuple[Path, str]], *, text: str, threads: int, times: int
) -> list[Start]:
    """Return the medians of `times` fresh processes for each (folder, runtime).

    One process runs after the other, in rounds that each have their own seeded order.
    """
    by_folder: list[list[Start]] = [[] for _ in folders]
    with tqdm(
        total=times * len(folders), desc="cold starts", file=sys.stderr, mininterval=2.0
    ) as bar:
        for turn in range(times):
            for index in np.random.default_rng([ORDER_SEED, turn]).permutation(len(folders)):
                folder, runtime = folders[index]
                by_folder[index].append(start_once(folder, runtime, text=text, threads=threads))
                bar.update()
    return [median(starts) for starts in by_folder]


def median(starts: Sequence[Start]) -> Start:
    """Return the median time and the median peak of several starts."""
    return Start(
        float(np.median([one.cold_start_ms for one in starts])),
        int(np.median([one.peak_memory_bytes for one in starts])),
    )
