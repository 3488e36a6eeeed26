"""Dry runs in this process, through Snakemake's API: a quarter of a second each."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def snakemake():
    """Return Snakemake's API, imported once (3 s)."""
    from snakemake import api
    from snakemake.settings import types

    return SimpleNamespace(api=api, types=types)


@pytest.fixture
def plan(snakemake, tmp_path):
    """Return a function that plans a study in an empty folder."""
    return planner(snakemake, tmp_path)


@pytest.fixture(scope="session")
def planned_rules(snakemake, tmp_path_factory):
    """Return all rules of the miniature study by their names, as objects of Snakemake's."""
    plan = planner(snakemake, tmp_path_factory.mktemp("rules"))
    return {rule.name: rule for rule in plan(ROOT / "tests" / "miniature.yaml").rules}


def planner(snakemake, tmp_path):
    """Return a function that plans a study in a folder.

    It takes a config (a dict, or the path of one, or a list of paths) and targets and returns `rules`, `jobs`
    as (rule, wildcards), `counts` of jobs per rule, the rules of those `needed`, and the files of all (`made`)
    and of those needed (`to_make`). With `executor="local"` these have run.
    Errors come out as the exceptions they are.
    """
    types = snakemake.types

    def run(config, *targets, cores=2, executor="dryrun"):
        if isinstance(config, dict):
            path = tmp_path / "config.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
            paths = [path]
        else:
            paths = config if isinstance(config, list) else [config] if config else []
        output = types.OutputSettings(quiet={types.Quietness.ALL}, dryrun=executor == "dryrun")
        with snakemake.api.SnakemakeApi(output) as api:
            workflow = api.workflow(
                resource_settings=types.ResourceSettings(cores=cores),
                config_settings=types.ConfigSettings(configfiles=paths),
                snakefile=ROOT / "Snakefile",
                workdir=tmp_path,
            )
            dag = workflow.dag(types.DAGSettings(targets=set(targets)))
            dag.execute_workflow(executor=executor)
            inner = workflow._workflow
            jobs = [(job.rule.name, dict(job.wildcards_dict)) for job in inner.dag.jobs]
            return SimpleNamespace(
                jobs=jobs,
                counts=Counter(name for name, _ in jobs),
                needed={job.rule.name for job in inner.dag.jobs if inner.dag.needrun(job)},
                to_make={
                    str(f) for job in inner.dag.jobs if inner.dag.needrun(job) for f in job.output
                },
                rules=list(inner.rules),
                made={str(f) for job in inner.dag.jobs for f in job.output},
            )

    return run
