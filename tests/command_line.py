"""Runs Snakemake's own command line, as a user types it."""

import os
import subprocess
import sys
from pathlib import Path


def snakemake(folder, *arguments, seconds, **environment):
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
        timeout=seconds,
    )
