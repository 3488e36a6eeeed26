"""A copy of the project whose jobs a real Slurm runs, through profiles/slurm."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cluster import slurm as one_node

from project_copy import ROOT, copy_project

# The profile's are for a cluster with many users and nodes of 8 CPUs. (A check that finds nothing
# finished puts the next one off by 10 s more, so checking early is no help.)
HERE = ["--slurm-init-seconds-before-status-checks", "8", "--cores", str(one_node.CPUS)]
GROUPED = ["--profile", "profiles/grouped", "--resources", f"mem_mb={one_node.MEMORY_MB}"]
LINEAR = "results/demo-en/linear/seed0/checkpoint/checkpoint.json"
DENSE = "results/demo-en/dense/seed0/checkpoint/checkpoint.json"
LOCAL = ["--workflow-profile", "profiles/default", "--cores", str(one_node.CPUS)]


class Project:
    """A copy of the project and the miniature study of these tests."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"
        copy_project(folder)
        shutil.copy2(ROOT / "tests" / "cluster" / "study.yaml", folder / "study.yaml")

    def start(self, *options, targets=("report",), local=False, config="study.yaml"):
        """Start snakemake and return the process; its output goes to `output.txt`."""
        how = LOCAL if local else ["--workflow-profile", "profiles/slurm", *HERE]
        command = [sys.executable, "-m", "snakemake", *how]
        bin_folder = Path(sys.executable).parent
        self.output = self.folder / "output.txt"
        with open(self.output, "w", encoding="utf-8") as stream:
            return subprocess.Popen(
                [*command, *options, "--configfile", config, "--", *targets],
                cwd=self.folder,
                env={**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, process, *, seconds=1500, fails=False):
        """Wait for `start`'s process and return its output; it must (or must not) succeed."""
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not done in {seconds} s:\n{self.output.read_text()}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)  # so it cancels its Slurm jobs
                process.wait(60)
        output = self.output.read_text("utf-8")
        assert (code != 0) == fails, output
        return output

    def run(self, *options, targets=("report",), fails=False, **named):
        """Run snakemake to its end; returns its output."""
        return self.finish(self.start(*options, targets=targets, **named), fails=fails)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """The running Slurm of one node with two CPUs and a fake GPU."""
    reason = one_node.missing()
    if not reason and not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        reason = "the extra `slurm` is not installed (make setup EXTRAS=slurm)"
    if reason:
        pytest.skip(f"NO SLURM, NOTHING OF profiles/slurm IS TESTED: {reason}")
    with one_node.started(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project, nothing made yet."""
    return Project(tmp_path_factory.mktemp("cluster-project"))


@pytest.fixture(scope="session")
def trained(slurm, project):
    """The project with a linear and a dense model, trained in a Slurm job each."""
    project.run(targets=[LINEAR, DENSE])
    return project


@pytest.fixture(scope="session")
def study(slurm, project):
    """The project after a report through Slurm, in groups: `seconds` it took, and its `printed` output.

    The tests that ask for it come first: it is made from nothing.
    """
    start = time.perf_counter()
    project.printed = project.run(*GROUPED)
    project.seconds = time.perf_counter() - start
    return project


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """Another copy after the same report without Slurm."""
    made = Project(tmp_path_factory.mktemp("local-project"))
    start = time.perf_counter()
    made.run(local=True)
    made.seconds = time.perf_counter() - start
    return made
