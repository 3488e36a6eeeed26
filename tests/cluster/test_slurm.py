"""The workflow on a real Slurm: the report, retries with more memory, a lost node, GPUs, impossible requests."""

import json
import re
from collections import Counter

from tests.cluster.conftest import DENSE, LINEAR

ALONE = {"finetune", "train_dense", "time", "judge"}  # as profiles/grouped says
GROUPS = {"data", "small", "report"}
MODELS = ("tiny", "linear", "dense")


def made_by(jobs):
    """Return what each Slurm job ran: the name of a rule, or of a group (its rules' names follow it)."""
    comments = [re.match(r"rule_(.*?)(_wildcards_|$)", job["Comment"])[1] for job in jobs]
    return [name.split("_")[0] if name.split("_")[0] in GROUPS else name for name in comments]


def hashes(project):
    """Return the file hashes of all checkpoints and bundles, by manifest."""
    manifests = [
        path
        for name in ("checkpoint/checkpoint.json", "bundle/bundle.json")
        for path in project.results.glob(f"demo-en/*/seed0/{name}")
    ]
    return {
        str(path.relative_to(project.results)): json.loads(path.read_text("utf-8"))["files"]
        for path in manifests
    }


def files_of(project, manifest):
    """Return the hashes of a checkpoint's files."""
    return json.loads((project.folder / manifest).read_text("utf-8"))["files"]


def test_the_report_is_made_by_slurm_jobs(slurm, study):
    jobs = slurm.jobs()
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert {job["Requeue"] for job in jobs} == {"0"}
    submitted = re.findall(r"has been submitted with SLURM jobid (\d+)", study.printed)
    assert sorted(submitted, key=int) == [job["JobId"] for job in jobs]
    assert set(made_by(jobs)) == ALONE | GROUPS  # and what needs the network ran here
    for name in ("report.html", "report.md", "summary.csv"):
        assert (study.results / name).stat().st_size > 0


def test_a_group_is_one_job_per_model(slurm, study):
    counts = Counter(made_by(slurm.jobs()))
    assert counts == {**dict.fromkeys(ALONE | GROUPS, 1), "small": len(MODELS)}
    assert all(int(job["NumCPUs"]) <= slurm.cpus for job in slurm.jobs())


def test_jobs_ask_for_what_their_rules_say(slurm, study):
    (train,) = slurm.jobs_of("finetune")
    asked = ("CPUs/Task", "MinMemoryNode", "TimeLimit")
    # A small model trains with one thread (study/small.py); tests/workflow/test_plan.py has those of others.
    assert [train[key] for key in asked] == ["1", "8000M", "1-00:00:00"]
    (judge,) = slurm.jobs_of("judge")
    assert [judge[key] for key in asked] == ["1", "3000M", "02:00:00"]


def test_slurm_and_this_machine_make_the_same_files(study, local, capsys):
    files = hashes(study)
    assert len(files) == 7 and files == hashes(local)
    jobs = len(re.findall("has been submitted", study.printed))
    with capsys.disabled():
        print(f"\n{jobs} Slurm jobs: {study.seconds:.0f} s; locally: {local.seconds:.0f} s")


def test_nothing_is_left_to_do(study):
    """Nor locally: neither executor, nor what a job sees of the command line, is part of a result."""
    assert "Nothing to be done" in study.run("--dry-run", local=True)
    assert "Nothing to be done" in study.run("--dry-run")


def test_a_cancelled_job_is_retried_with_more_memory(slurm, trained):
    before = files_of(trained, LINEAR)
    known = len(slurm.jobs_of("train_linear"))
    process = trained.start("--forcerun", "train_linear", targets=[LINEAR])
    slurm.cancel(slurm.running("train_linear"))
    printed = trained.finish(process)
    first, second = slurm.jobs_of("train_linear")[known:]
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("4000M", "8000M")
    assert "Trying to restart" in printed
    assert files_of(trained, LINEAR) == before


def test_a_node_that_goes_down_and_comes_back_loses_nothing(slurm, trained):
    before = files_of(trained, DENSE)
    known = len(slurm.jobs_of("train_dense"))
    process = trained.start("--forcerun", "train_dense", targets=[DENSE])
    slurm.running("train_dense")
    slurm.set_node("down")
    slurm.set_node("resume")
    trained.finish(process)
    first, *others = slurm.jobs_of("train_dense")[known:]
    assert first["JobState"] == "NODE_FAIL"
    assert [job["JobState"] for job in others] == ["COMPLETED"]
    assert files_of(trained, DENSE) == before


def test_an_impossible_request_fails_and_says_why(slurm, trained):
    known = len(slurm.jobs())
    printed = trained.run(
        "--forcerun",
        "train_linear",
        "--set-resources",
        "train_linear:mem_mb=99000000",
        targets=[LINEAR],
        fails=True,
    )
    assert "Memory specification can not be satisfied" in printed
    assert "train_linear" in printed and "Traceback" not in printed
    assert not [job for job in slurm.jobs()[known:] if job["JobState"] == "PENDING"]


def test_a_training_on_cuda_gets_a_gpu(slurm, trained):
    """The request and what the job sees of it; no GPU code can run here, and the job says so."""
    text = (trained.folder / "study.yaml").read_text("utf-8")
    (trained.folder / "cuda.yaml").write_text(f"{text}device: cuda\n")
    known = len(slurm.jobs_of("train_dense"))
    printed = trained.run(
        *("--forcerun", "train_dense", "--retries", "0"),
        targets=[DENSE],
        config="cuda.yaml",
        fails=True,
    )
    (job,) = slurm.jobs_of("train_dense")[known:]
    assert job["TresPerJob"] == "gres:gpu:1"
    log = (trained.results / "logs/train_dense/demo-en/dense.seed0.log").read_text("utf-8")
    assert "using GPU 0, assigned by the scheduler" in log
    assert "device: cuda is requested, but torch finds no CUDA device" in printed
