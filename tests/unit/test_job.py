"""What scripts do first: fair threads, a whole log, one line for a user's mistake."""

import pytest

from emopress.jobs.job import fair_threads

SCRIPT = """
import sys
from types import SimpleNamespace
from emopress.errors import UserError
from emopress.jobs.context import Context
from emopress.jobs.job import job
params = SimpleNamespace(context=Context())
with job(SimpleNamespace(threads=2, input=[], output=[], params=params, log=[sys.argv[1]], rule="prune")) as threads:
    import os
    print("to the log", threads == int(os.environ["OMP_NUM_THREADS"]))
    print("progress", file=sys.stderr)
    {what}
"""


@pytest.mark.parametrize(
    ("requested", "cores", "processors", "expected"),
    [
        (2, 2, 2, 2),  # as much as there is
        (2, 4, 2, 1),  # four cores promised on two processors: half of what was asked for
        (4, 4, 2, 2),
        (1, 4, 2, 1),  # never none
        (1, 64, 2, 1),
        (2, 4, 8, 2),  # a rule's threads are what it asks for, not all that there is
        (8, 8, 64, 8),
        (3, 4, 2, 1),
        (16, 16, 1, 1),
    ],
)
def test_fair_threads(requested, cores, processors, expected):
    assert fair_threads(requested, cores, processors) == expected


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 64])
@pytest.mark.parametrize("processors", [1, 2, 4, 16])
@pytest.mark.parametrize("requested", [1, 2, 4])
def test_jobs_that_run_together_do_not_thrash(cores, processors, requested):
    requested = min(requested, cores)  # as Snakemake does
    threads = fair_threads(requested, cores, processors)
    together = cores // requested
    assert together * threads <= max(processors, together)  # one thread each is the least


def run(python, tmp_path, what):
    log = tmp_path / "rule.log"
    done = python(SCRIPT.format(what=what), log, check=False)
    return done, log.read_text("utf-8")


def test_output_goes_to_the_log(python, tmp_path):
    done, log = run(python, tmp_path, "pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log == "to the log True\nprogress\n"


def test_a_users_mistake_is_one_line(python, tmp_path):
    done, log = run(python, tmp_path, "raise UserError('a.csv: row 3: no label খুশি')")
    assert done.returncode == 1
    assert done.stderr == "error in rule prune: a.csv: row 3: no label খুশি\n"
    assert log.endswith("progress\nerror: a.csv: row 3: no label খুশি\n")


def test_any_other_error_keeps_its_traceback(python, tmp_path):
    done, log = run(python, tmp_path, "1 / 0")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr and "Traceback" in done.stderr
    assert "rule prune failed" in log and "ZeroDivisionError" in log


def test_threads_of_a_timing_job_are_its_own(python, tmp_path):
    code = SCRIPT.replace('rule="prune")', 'rule="time"), threads=3').format(
        what="assert threads == 3 and os.environ['RAYON_NUM_THREADS'] == '3'"
    )
    python(code, tmp_path / "rule.log")


@pytest.mark.parametrize(("context", "threads"), [("cores=64", 1), ("cores=64, scheduled=True", 2)])
def test_a_scheduled_job_shares_its_processors_with_nobody(python, tmp_path, context, threads):
    code = SCRIPT.replace("Context()", f"Context({context})").replace(
        "import sys", "import os, sys\nos.sched_getaffinity = lambda _: {{0, 1}}"
    )
    python(code.format(what=f"assert threads == {threads}"), tmp_path / "rule.log")
