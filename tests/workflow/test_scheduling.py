"""What jobs ask of a scheduler: memory that grows, run times, GPUs; groups of small jobs; plans of many jobs."""

import re
import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import yaml
from tests.conftest import ROOT

GROUPED = yaml.safe_load((ROOT / "profiles" / "grouped" / "config.yaml").read_text("utf-8"))
SLURM = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text("utf-8"))
LOCAL = yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text("utf-8"))
CORES, NODE_MB = 2, 16_000


@contextmanager
def lines_run():
    """Yield a list of one number: how many lines of the project's own code have run by then.

    A turn of a loop is one, a comprehension's too. Unlike seconds they are the same on every machine.
    """
    own, count = str(ROOT / "workflow"), [0]

    def line(frame, event, argument):
        count[0] += event == "line"
        return line

    def call(frame, event, argument):
        return line if frame.f_code.co_filename.startswith(own) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield count
    finally:
        sys.settrace(before)


@pytest.fixture(scope="module")
def planned(snakemake, tmp_path_factory):
    """Return a function that plans a study and returns its jobs and groups, as objects of Snakemake's."""
    types, tmp_path = snakemake.types, tmp_path_factory.mktemp("planned")

    def run(config, *, nodes=None, resources=(), groups=(), counted=False):
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
        output = types.OutputSettings(quiet={types.Quietness.ALL}, dryrun=True)
        with snakemake.api.SnakemakeApi(output) as api:
            workflow = api.workflow(
                resource_settings=types.ResourceSettings(
                    cores=CORES, nodes=nodes, resources=dict(resources)
                ),
                config_settings=types.ConfigSettings(configfiles=[path]),
                snakefile=ROOT / "Snakefile",
                workdir=tmp_path,
            )
            dag = workflow.dag(types.DAGSettings())
            overwrite = types.GroupSettings(overwrite_groups=dict(p.split("=") for p in groups))
            with lines_run() if counted else nullcontext([0]) as lines:
                dag.execute_workflow(executor="dryrun", group_settings=overwrite)
            inner = workflow._workflow.dag
            return SimpleNamespace(
                jobs={(job.rule.name, *map(str, job.wildcards)): job for job in inner.jobs},
                groups=list({id(group): group for group in inner._group.values()}.values()),
                lines=lines[0],
            )

    return run


@pytest.fixture(scope="module")
def study():
    """The miniature study, on GPUs."""
    text = (ROOT / "tests" / "miniature.yaml").read_text("utf-8")
    return {**yaml.safe_load(text), "device": "cuda"}


@pytest.fixture(scope="module")
def local(planned, study):
    """The plan of `profiles/default`."""
    return planned(study, resources={"gpu": 1})


@pytest.fixture(scope="module")
def grouped(planned, study):
    """The plan of `profiles/grouped` and `profiles/slurm`, on nodes of 2 CPUs."""
    return planned(study, nodes=10, groups=GROUPED["groups"], resources={"mem_mb": NODE_MB})


def asked(job, attempt=1):
    """Return the resources of a job in its first or a later attempt."""
    job.attempt = attempt
    job.reset_params_and_resources()
    return job.resources


def test_memory_grows_by_attempt_and_nothing_else_does(local):
    for name, job in local.jobs.items():
        if job.rule.name == "report":
            continue
        first, third = dict(asked(job).items()), dict(asked(job, 3).items())
        assert first["mem_mb"] >= 1000 and third["mem_mb"] == 3 * first["mem_mb"], name
        assert 30 <= first["runtime"] <= 1440, name
        changed = {key for key in first if first[key] != third[key]}
        assert changed <= {"mem_mb", "mem_mib", "mem"}, name


def gpus_of(plan):
    """Return how many GPUs the jobs of each rule ask for, of those that ask."""
    return {j.rule.name: j.resources.gpu for j in plan.jobs.values() if j.resources.get("gpu")}


TRAININGS = {
    *("finetune", "train_dense", "distill", "distill_whitebox", "prune_magnitude"),
    *("prune_structured", "low_rank", "adapt", "qat"),
}


def test_under_a_scheduler_trainings_on_cuda_ask_for_a_gpu(local, grouped):
    assert gpus_of(grouped) == dict.fromkeys(TRAININGS, 1)
    assert gpus_of(local) == {}  # on one machine's only GPU small training runs go side by side


SEVERAL = {"finetune", "distill", "adapt"}  # training runs that can use several GPUs at once


@pytest.mark.parametrize(
    "how", [{"nodes": 10}, {"resources": {"gpu": 2}}, {}], ids=["scheduler", "gpu=2", "no limit"]
)
def test_some_trainings_ask_for_several_gpus(planned, study, local, how):
    plan = planned({**study, "gpus": 2}, **how)
    assert gpus_of(plan) == {name: 2 if name in SEVERAL else 1 for name in TRAININGS}
    assert {"export", "predict", "time"} <= {job.rule.name for job in plan.jobs.values()}  # none
    for name, job in plan.jobs.items():
        before = local.jobs[name]
        assert job.non_derived_params == before.non_derived_params, name  # nothing is made again
        if job.rule.name != "report":
            shares = 2 if job.rule.name in SEVERAL else 1  # a process each, with a model each
            assert asked(job).mem_mb == shares * asked(before).mem_mb, name


def test_fewer_gpus_than_a_training_takes_are_one_line(planned, study):
    """Snakemake would cut the request to what there is, and say nothing."""
    from snakemake.exceptions import WorkflowError

    with pytest.raises(WorkflowError) as caught:
        planned({**study, "gpus": 2}, resources={"gpu": 1})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(
        "config: gpus: 2 GPUs for each training run, and Snakemake may give out 1"
    )
    assert line.endswith("call it with --resources gpu=2 or more, or lower gpus")


def test_groups_are_a_models_export_and_what_is_made_of_it(local, grouped):
    assert set(grouped.jobs) == set(local.jobs)  # the same work, and the same files
    small = [group.jobs for group in grouped.groups if group.groupid == "small"]
    for jobs in small:
        starts = [job for job in jobs if re.match("export|convert_qat|train_linear", job.rule.name)]
        assert len({job.wildcards.seed for job in jobs}) == 1
        assert {job.rule.name for job in starts} <= {"train_linear", "export_linear"} or len(
            starts
        ) == 1
    names = [Counter(job.rule.name for job in jobs) for jobs in small]
    assert {"export": 1, "quantize": 2, "quantize_half": 1, "predict": 4} in names  # of `tiny`
    small_rules = [p.split("=")[0] for p in GROUPED["groups"] if p.endswith("=small")]
    assert sum(map(len, small)) == sum(
        job.rule.name in small_rules for job in grouped.jobs.values()
    )


def test_a_group_asks_for_no_more_than_a_node_has(grouped):
    """Without limits groups ask for the sum of their jobs' threads and memory, which waits for ever."""
    from snakemake.resources import GroupResources

    assert len(grouped.groups) >= 10
    for group in grouped.groups:
        group.finalize()
        asked = GroupResources.basic_layered(  # as for a scheduler: a dry run is "local", and sums
            group.toposorted, constraints=group.global_resources, run_local=False
        )
        assert asked["_cores"] <= CORES and asked["mem_mb"] <= NODE_MB, asked


def test_grouped_rules_exist_and_train_nothing_long(planned_rules):
    rules = {pair.split("=")[0] for pair in GROUPED["groups"]}
    assert rules <= planned_rules.keys()
    assert not rules & TRAININGS


def test_the_slurm_profile_keeps_what_the_local_one_sets():
    """It takes the other's place; only the number of GPUs is the scheduler's to limit."""
    kept = {key: value for key, value in LOCAL.items() if key != "resources"}
    assert kept.items() <= SLURM.items() and "resources" not in SLURM


def many(jobs):
    """Return a study of about so many jobs: quantizations of one small model, with 5 seeds."""
    names = [f"q{number}" for number in range(jobs // 10 - 2)]
    return {
        "name": "many",
        "seeds": list(range(5)),
        "study": [
            {"dataset": "demo-en", "variants": ["tiny", *(f"tiny+{name}" for name in names)]}
        ],
        "models": {
            "tiny": {
                "family": "transformer",
                "init": {"architecture": "bert", "layers": 1, "width": 16, "heads": 2, "ffn": 32},
                "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
            }
        },
        "passes": {
            name: {"kind": "quantize", "method": "static", "calibration": {"texts": 10 + number}}
            for number, name in enumerate(names)
        },
    }


def test_planning_is_work_in_proportion_to_the_jobs(planned):
    few, more = (planned(many(jobs), counted=True) for jobs in (100, 600))
    ratio = len(more.jobs) / len(few.jobs)
    assert len(more.jobs) > 550 and ratio > 4
    # A scan of all variants per job makes it 4 times that. (`make bench` times the full study's plan.)
    assert 1000 < more.lines < 1.2 * ratio * few.lines
