"""One miniature study, really run on the command line in a copy of the project, for all end-to-end tests."""

import os
import re
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import yaml

from command_line import snakemake
from emopress.families import pass_jobs
from project_copy import ROOT, copy_project

STUDY = ROOT / "tests" / "miniature.yaml"

# In the environment of every run; test_secrets looks for them in all that is written and printed.
SECRETS = {
    name: f"secret-of-{name.lower().replace('_', '-')}-5d1f"
    for name in (
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "WANDB_API_KEY",
        "MLFLOW_TRACKING_PASSWORD",
        "AWS_SECRET_ACCESS_KEY",
    )
}

# Models as small as these train as fast with one thread as with two, and beside other work many times as fast.
ONE_THREAD = ["--set-threads", *(f"{job.rule}=1" for job, _ in pass_jobs() if job.cost.threads > 1)]
ONE_THREAD.append("finetune=1")


class Project:
    """A copy of the project that commands run in."""

    def __init__(self, folder):
        self.folder = folder
        copy_project(folder)
        self.config = folder / "miniature.yaml"
        shutil.copy2(STUDY, self.config)
        self.results = folder / "results"

    def snakemake(self, *targets, dry=False, check=True):
        """Run snakemake with the miniature config; returns the finished process."""
        options = ["--cores", "2", *ONE_THREAD, *["-n"] * dry, "--configfile", self.config.name]
        done = snakemake(self.folder, *options, "--", *targets, **SECRETS)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, target="report"):
        """Return the messages of the jobs that would run now."""
        told = self.snakemake(target, dry=True)
        return re.findall(r"^Job \d+: (.*)$", told.stdout + told.stderr, flags=re.MULTILINE)

    @contextmanager
    def changed(self, path, change):
        """Change a file's text for a while; afterwards it is what it was, its time stamp too."""
        path = self.folder / path
        kept = path.with_name(path.name + ".kept")
        shutil.copy2(path, kept)
        try:
            path.write_text(change(path.read_text("utf-8")), "utf-8")
            yield
        finally:
            os.replace(kept, path)


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The project after `snakemake report`; `told` is what that printed."""
    made = Project(tmp_path_factory.mktemp("project"))
    told = made.snakemake("report")
    made.told = told.stdout + told.stderr
    return made


@pytest.fixture(scope="session")
def study():
    """The miniature study: its data set, variants and label names."""
    block = yaml.safe_load(STUDY.read_text("utf-8"))["study"][0]
    catalogue = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text("utf-8"))
    name = block["dataset"]
    return SimpleNamespace(
        dataset=name, variants=block["variants"], labels=catalogue[name]["labels"]
    )
