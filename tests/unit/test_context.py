"""What the jobs of a run know of it: decided by the user's Snakemake, read by those of scheduled jobs."""

import json
from types import SimpleNamespace

import pytest

from emopress.errors import UserError
from emopress.jobs.context import FILE, Context, context_of_run, saved_context


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_OUTPUT_CACHE", raising=False)


def workflow(*, main=True, cores=3, nodes=None, gpu=None, cache=None):
    """Return what is read of Snakemake's workflow object."""
    return SimpleNamespace(
        is_main_process=main,
        resource_settings=SimpleNamespace(cores=cores, nodes=nodes),
        global_resources={"gpu": SimpleNamespace(value=gpu)} if gpu else {},
        workflow_settings=SimpleNamespace(cache=cache),
    )


STUDY = {
    **{"study": "s", "tracking": "mlflow", "mirrors": ["m", "/n"]},
    **{"device": "cuda", "gpus": 1, "large": False},
}


def test_the_run_of_the_user(tmp_path):
    context = context_of_run(workflow(), **STUDY)
    assert context == Context("s", "mlflow", (f"{tmp_path}/m", "/n"), cores=3)
    assert [str(path) for path in context.mirror_paths] == [f"{tmp_path}/m", "/n"]
    assert hash(context) and not FILE.exists()  # nothing is written by a look


@pytest.mark.parametrize(
    ("how", "gpus", "scheduled"),
    [({}, 0, False), ({"gpu": 2}, 1, False), ({"nodes": 9}, 1, True), ({"cores": None}, 0, False)],
)
def test_gpus_and_scheduler(how, gpus, scheduled):
    context = context_of_run(workflow(**how), **STUDY)
    assert (context.gpus, context.scheduled) == (gpus, scheduled)
    assert context.cores == (how.get("cores", 3) or 1) and context.gpu_limit == how.get("gpu")


def test_a_run_with_too_few_gpus_does_not_start(tmp_path):
    context = context_of_run(workflow(gpu=1), **{**STUDY, "gpus": 2})
    with pytest.raises(
        UserError, match="2 GPUs for each training run, and Snakemake may give out 1"
    ):
        context.start()
    assert not FILE.exists()


def test_a_run_that_cannot_write_its_results_does_not_start(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("os.access", lambda folder, mode: folder != "results")
    with pytest.raises(UserError, match=r"^results: not writable; give yourself the right"):
        Context().start()
    assert not FILE.exists()


def test_the_cache_is_used_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SNAKEMAKE_OUTPUT_CACHE", "store")
    assert context_of_run(workflow(), **STUDY).cache is None
    assert context_of_run(workflow(cache=[]), **STUDY).cache == f"{tmp_path}/store"
    monkeypatch.delenv("SNAKEMAKE_OUTPUT_CACHE")
    assert context_of_run(workflow(cache=[]), **STUDY).cache is None


def test_a_node_that_does_not_share_the_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such file; the machines that run jobs must share") as e:
        context_of_run(workflow(main=False), **STUDY)
    assert str(e.value).startswith(str(tmp_path)) and "\n" not in str(e.value)


def test_a_scheduled_job_has_the_context_of_the_run(tmp_path):
    context = context_of_run(workflow(nodes=9, cores=8), **STUDY)
    context.start()
    assert context_of_run(workflow(main=False, cores=1), **{**STUDY, "mirrors": []}) == context
    assert saved_context() == context
    assert set(json.loads((tmp_path / FILE).read_text())) == set(Context.__dataclass_fields__)
