"""Runs Snakemake's own command line, as a user types it."""

import json
import os
import select
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

STUCK_S = 3600  # what takes longer hangs. A test on a busy machine takes its time, so this measures nothing.


@cache
def _warm():
    """Return the process that forks for each command; it ends with this one, whose pipe it reads."""
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("warm_snakemake.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run_warm(folder, arguments, environment, *, together=False):
    """Return the finished process of `python -m snakemake ARGUMENTS` in `folder`, what it printed as text.

    `environment` is the whole one. `together`: stdout holds both streams. It is a fork of a process that has imported
    Snakemake (`warm_snakemake`).
    """
    process = _warm()
    with tempfile.TemporaryDirectory() as scratch:
        names = ("out", "out") if together else ("out", "err")
        out, err = (Path(scratch, name) for name in names)
        for path in (out, err):
            path.touch()
        request = {
            "cwd": str(folder),
            "env": environment,
            "arguments": list(map(str, arguments)),
            "out": str(out),
            "err": str(err),
        }
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], STUCK_S)[0]:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, STUCK_S)
        code = int(process.stdout.readline())
        told = [path.read_text("utf-8") for path in (out, err)]
    return subprocess.CompletedProcess(arguments, code, told[0], None if together else told[1])


def snakemake(folder, *arguments, **environment):
    """Return the finished process of `snakemake ARGUMENTS` in `folder`, what it printed as text."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return run_warm(folder, arguments, {**os.environ, "PATH": path, **environment})
