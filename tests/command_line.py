"""Runs Snakemake's own command line, as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

STUCK_S = 3600  # what takes longer hangs. A test on a busy machine takes its time, so this measures nothing.


def snakemake(folder, *arguments, **environment):
    """Return the finished process of `snakemake ARGUMENTS` in `folder`, what it printed as text."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=STUCK_S,
    )
