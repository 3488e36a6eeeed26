"""House rules for rules, seen in what is planned: what each must state, and that the tables' rows are rules."""

import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

from emopress.families import FAMILIES, pass_jobs
from emopress.jobs.code import stamp_path
from emopress.jobs.makers import maker_of
from emopress.passes import PASSES

ROOT = Path(__file__).parents[2]
TARGETS = {"report", "bundles", "data"}
SCRIPTS = ROOT / "workflow" / "scripts"
# What the rules of the tables hand to makers beside `Job.takes`.
OF_PASSES = {"step", "seed", "threads", "run", "out"}
OF_SPANS = {"texts", "folds"}


@pytest.fixture(scope="module")
def rules(planned_rules):
    """All rules but those that only name targets, by their names."""
    return {name: rule for name, rule in planned_rules.items() if name not in TARGETS}


def jobs():
    """Return every job of the two tables, by the name of its rule."""
    of_families = [job for row in FAMILIES.values() for job in (row.train, row.export)]
    of_families += [row.out_of_fold for row in FAMILIES.values() if row.out_of_fold]
    exports = [row.export for row in PASSES.values() if row.export]
    return {job.rule: job for job in [*of_families, *exports, *(job for job, _ in pass_jobs())]}


def test_every_rule_has_what_a_rule_states(rules):
    assert len(rules) > 40
    for name, rule in rules.items():
        assert rule.message and rule.conda_env, name
        assert [str(log) for log in rule.log] and str(rule.log[0]).startswith("results/logs/"), name
        assert str(rule.benchmark).startswith(f"results/benchmarks/{name}"), name
        assert {"_cores", "mem_mb", "runtime"} <= rule.resources.keys(), name
        assert bool(rule.script) != bool(rule.shellcmd) and not rule.is_run, name
        assert "context" in dict(rule.params._allitems()) or rule.shellcmd, name


def test_a_rule_logs_and_counts_under_its_own_name(rules):
    for name, rule in rules.items():
        log, benchmark = (Path(str(path)) for path in (rule.log[0], rule.benchmark))
        assert name in (log.parts[2], log.stem) and name in (benchmark.parts[2], benchmark.stem)
        inner = [
            path.with_suffix("").relative_to(path.parts[0]).parts[1:] for path in (log, benchmark)
        ]
        assert inner[0] == inner[1], name


def test_every_file_of_a_rule_has_a_name(rules):
    for name, rule in rules.items():
        for files in (rule.input, rule.output):
            for key, value in files._allitems():
                unpacked = getattr(value, "flags", {}).get("unpack") or callable(value)
                assert key or unpacked, f"{name}: {value} has no name"


def test_every_rule_with_a_script_takes_its_library_code_as_input(rules):
    for name, rule in rules.items():
        if not rule.script:
            continue
        script, code = Path(rule.script).name, dict(rule.input._allitems())["code"]
        maker = dict(rule.params._allitems()).get("maker")
        assert (script == "make.py") == (maker is not None), name
        if callable(code):  # which of its runtimes a job needs, its bundle decides
            code = code(SimpleNamespace(variant="linear"))
        assert Path(str(code)).stem.startswith(stamp_path(maker or script).stem), name
        assert (SCRIPTS / script).is_file(), name


def test_the_rules_of_the_tables_are_planned_with_what_their_rows_say(rules):
    for name, job in jobs().items():
        rule = rules[name]
        assert rule.resources["runtime"] == job.cost.runtime, name
        assert f"envs/{job.environment}.yaml" in str(rule.conda_env) or name == "search"
        if name != "search":  # whose rule is written out
            params = dict(rule.params._allitems())
            assert (params["maker"], params["cached"]) == (job.maker, job.cached), name
            threads = rule.resources["_cores"]
            if threads.is_evaluable():  # a small model takes fewer; a linear one is none of these
                threads = threads.evaluate(SimpleNamespace(get={"model": "linear"}.get))
            assert threads.value == job.cost.threads, name


def test_rows_that_share_a_rule_read_and_leave_the_same():
    for sort, row in PASSES.items():
        shared = [other for other in PASSES.values() if other.job == row.job and row.job]
        assert len({(other.reads, other.leaves, other.export) for other in shared}) <= 1, sort
    assert len({job.rule for job in jobs().values()}) == len({*map(repr, jobs().values())})


@pytest.mark.parametrize("job", jobs().values(), ids=lambda job: job.rule)
def test_a_maker_takes_what_its_row_hands_it(job):
    """Or the job would fail after all that comes before it was made."""
    parameters = inspect.signature(maker_of(job.maker)).parameters
    if job.rule == "search":
        return
    handed, labelling = {*job.takes} - {"pretrained"}, [r.out_of_fold for r in FAMILIES.values()]
    reads = {"parent", "teacher", "checkpoint"}
    assert handed <= set(parameters), job.rule
    for name, parameter in parameters.items():
        known = name in handed | reads | OF_PASSES | (OF_SPANS if job in labelling else set())
        assert known or parameter.default is None, f"{job.maker}: nothing hands it {name}"
    assert job.maker.endswith(f":{job.rule}") or job.doing == "distil" or job.rule == "finetune"


def test_no_script_reads_the_config():
    for path in SCRIPTS.rglob("*.py"):
        assert "snakemake.config" not in path.read_text("utf-8"), path
