"""From `gpus: 2` in a config to training runs in two processes, through snakemake and accelerate launch.

There is no GPU here: two devices are named, and `device: auto` has the processes train on the CPU.
"""

import json
import shutil

import pytest
import yaml

from command_line import snakemake
from project_copy import ROOT, copy_project

ADAPTED = "results/demo-en/tiny+lora/seed0/checkpoint/checkpoint.json"
TRAIN = {"epochs": 1, "batch_size": 64, "learning_rate": 0.002}


@pytest.fixture
def project(tmp_path):
    copy_project(tmp_path)
    study = yaml.safe_load((ROOT / "tests" / "cluster" / "study.yaml").read_text("utf-8"))
    study |= {"study": [{"dataset": "demo-en", "variants": ["tiny", "tiny+lora"]}], "gpus": 2}
    study["models"] = {"tiny": {**study["models"]["tiny"], "train": TRAIN}}
    study["passes"] = {"lora": {"kind": "adapt", "method": "lora", "rank": 2, "train": TRAIN}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), "utf-8")
    return tmp_path


def adapted(project, gpus):
    """Return snakemake's exit code and all that it printed."""
    options = ["--cores", "2", "--resources", f"gpu={gpus}", "--configfile", "study.yaml"]
    command = [*options, "--", ADAPTED]
    done = snakemake(project, *command, CUDA_VISIBLE_DEVICES="0,1")
    return done.returncode, done.stdout + done.stderr


def test_fine_tuning_and_adapters_in_two_processes(project):
    code, told = adapted(project, gpus=1)  # a run, not a dry one
    assert code == 1 and "Traceback" not in told, told
    (line,) = [line for line in told.splitlines() if "gpus: 2 GPUs" in line]
    assert "call it with --resources gpu=2 or more" in line
    assert not (project / "results" / "demo-en").exists()
    shutil.rmtree(project / "results", ignore_errors=True)

    code, told = adapted(project, gpus=2)
    assert code == 0, told
    for variant in ("tiny", "tiny+lora"):
        folder = project / "results" / "demo-en" / variant / "seed0"
        manifest = json.loads((folder / "checkpoint" / "checkpoint.json").read_text("utf-8"))
        assert manifest["trained_on"]["processes"] == 2
        assert [path.name for path in folder.iterdir()] == ["checkpoint"]
