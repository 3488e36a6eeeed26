"""Copies what a run of the workflow needs of the project into a folder, for tests that run it there."""

import compileall
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "profiles", "envs", "data/demo")


def copy_project(folder):
    """Copy PARTS into `folder`, which is made where it is not there."""
    # Once here, not by the first jobs of each copy; a compiled module counts while its source has the time it had.
    compileall.compile_dir(ROOT / "workflow" / "scripts", quiet=1)
    for part in PARTS:
        source, dest = ROOT / part, Path(folder, part)
        dest.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, dest)
        else:
            shutil.copy2(source, dest)
