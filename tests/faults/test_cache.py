"""The cache that workflows share: what is served is what would be made; a stale or torn artifact never is."""

import copy
import multiprocessing
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from faultstudy import FaultStudy

from emopress.artifact import check_files, file_table, read_json, replaced_folder, write_json
from emopress.jobs import cache
from emopress.jobs.cache import cached, key_of
from emopress.jobs.context import Context

TEACHER = "results/few/linear/seed0/checkpoint/checkpoint.json"
WRITERS, ROUNDS = 4, 25


class Named(dict):
    """Files, params or wildcards of a job: by name and as attributes, as Snakemake gives them."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


CODE = ("train.py", "loop.py", "script.py")  # what the stamp lists


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job with a script, two library files, an input, params, a wildcard and a checkpoint as output."""
    monkeypatch.chdir(tmp_path)
    for name in (*CODE, "train.parquet"):
        Path(name).write_text(name)
    monkeypatch.setattr("emopress.jobs.code.SCRIPTS", tmp_path)
    Path("stamp.txt").write_text("".join(f"{'0' * 64}  {name}\n" for name in CODE))
    return SimpleNamespace(
        rule="train",
        input=Named(code="stamp.txt", train="train.parquet"),
        output=Named(checkpoint="results/few/tiny/seed0/checkpoint/checkpoint.json"),
        params=Named(
            step={"name": "tiny", "epochs": 3}, context=Context(cache=str(tmp_path / "cache"))
        ),
        wildcards=Named(dataset="few", seed="0"),
    )


def maker(job, *texts):
    """Return a function that writes the job's checkpoint, two files of one content, and counts its calls."""
    calls = []

    def make():
        text = texts[len(calls)] if len(calls) < len(texts) else "made"
        calls.append(text)
        with replaced_folder(Path(job.output.checkpoint).parent) as folder:
            (folder / "model.safetensors").write_text(text)
            (folder / "config.json").write_text(text)
            write_json(folder / "checkpoint.json", {"text": text, "files": file_table(folder)})

    return make, calls


def content(job):
    """Return the text in a job's checkpoint, after checking that it is whole."""
    manifest = Path(job.output.checkpoint)
    facts = read_json(manifest)
    check_files(manifest.parent, facts["files"])
    assert set(facts["files"]) == {"model.safetensors", "config.json"}
    return facts["text"]


def elsewhere(job, folder):
    """Return the same job in another folder."""
    other = copy.deepcopy(job)
    other.output = Named(checkpoint=f"{folder}/{job.output.checkpoint}")
    return other


def test_the_second_takes_what_the_first_made(job, tmp_path):
    make, calls = maker(job)
    cached(job, make)
    state = tmp_path / "other" / "results/few/tiny/seed0/unfinished-training"
    state.mkdir(parents=True)
    other = elsewhere(job, "other")
    cached(other, maker(other)[0])
    assert calls == ["made"] and content(other) == "made"
    assert not state.exists() and not Path(other.output.checkpoint).is_symlink()
    assert (
        Path(other.output.checkpoint).stat().st_nlink == 1
    )  # a copy: nothing in common with the cache


def changed_module(job):
    Path("loop.py").write_text("changed")


def changed_script(job):
    Path("script.py").write_text("changed")


def changed_input(job):
    Path("train.parquet").write_text("changed")


def changed_parameter(job):
    job.params["step"]["epochs"] = 4


def changed_seed(job):
    job.wildcards["seed"] = "1"


@pytest.mark.parametrize(
    "change", [changed_module, changed_script, changed_input, changed_parameter, changed_seed]
)
def test_nothing_stale_is_served(job, change):
    cached(job, maker(job)[0])
    change(job)
    make, calls = maker(job, "afresh")
    cached(job, make)
    assert calls == ["afresh"] and content(job) == "afresh"


def test_threads_library_versions_and_facts_are_part_of_the_key(job, monkeypatch):
    keys = {
        key_of(job, 1, {}),
        key_of(job, 2, {}),
        key_of(job, 1, {"a": 1}),
    }
    monkeypatch.setattr(cache, "version", lambda name: "0.0.1")
    assert len(keys | {key_of(job, 1, {})}) == 4


def test_paths_and_file_names_of_inputs_are_not(job):
    before = key_of(job, 1, {})
    shutil.copy("train.parquet", "renamed.parquet")
    job.input["train"] = "renamed.parquet"
    assert key_of(job, 1, {}) == before


def test_what_a_job_makes_besides_is_not(job):
    before = key_of(job, 1, {})
    job.params["ahead"] = ["emopress.bundle.export:export", "code.txt"]
    assert key_of(job, 1, {}) == before
    job.params["other"] = 1
    assert key_of(job, 1, {}) != before


@pytest.mark.parametrize("how", ["flipped", "truncated", "gone", "too many", "entry"])
def test_a_damaged_entry_is_thrown_away_and_made_again(job, tmp_path, capfd, how):
    cached(job, maker(job)[0])
    entry = next((tmp_path / "cache").iterdir())
    file = entry / ("entry.json" if how == "entry" else "checkpoint/config.json")
    match how:
        case "flipped" | "entry":
            file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
        case "truncated":
            file.write_bytes(file.read_bytes()[:-1])
        case "gone":
            file.unlink()
        case "too many":
            file.with_name("more.json").write_text("{}")
    make, calls = maker(job, "afresh")
    cached(job, make)
    assert calls == ["afresh"] and content(job) == "afresh"
    assert str(entry) in capfd.readouterr().err
    other = elsewhere(job, "other")
    cached(other, maker(other, "never")[0])
    assert content(other) == "afresh"


def test_what_is_not_pinned_is_not_cached(job, tmp_path):
    make, calls = maker(job)
    cached(job, make, pinned=False)
    cached(job, make, pinned=False)
    assert len(calls) == 2 and not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_told_and_fails_nothing(job, tmp_path, capfd):
    (tmp_path / "cache").write_text("a file")
    cached(job, maker(job)[0])
    assert content(job) == "made" and "not kept in the cache" in capfd.readouterr().err


def write_again_and_again(job, number, barrier, report):
    """Make artifacts of one key that no other writer makes alike, all writers at once."""
    try:
        own = elsewhere(job, f"writer{number}")
        for turn in range(ROUNDS):
            own.params["turn"] = turn
            barrier.wait()
            cached(own, maker(own, f"writer {number}, {turn}" * 1000)[0])
            content(own)
        report.put(None)
    except BaseException as error:
        barrier.abort()
        report.put(repr(error))


def test_concurrent_writers_do_not_mix_their_files(job, tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, report = context.Barrier(WRITERS), context.SimpleQueue()
    writers = [
        context.Process(target=write_again_and_again, args=(job, i, barrier, report))
        for i in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    assert [report.get() for _ in writers] == [None] * WRITERS
    for writer in writers:
        writer.join()
    assert len(list((tmp_path / "cache").iterdir())) == ROUNDS  # nothing unfinished is left
    for turn in range(ROUNDS):
        job.params["turn"] = turn
        cached(job, maker(job, "never")[0])
        assert content(job).startswith("writer ")


def test_two_clones_share_a_teacher_and_a_change_in_one_of_them_makes_its_own(tmp_path):
    where = {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    clones = [FaultStudy(tmp_path / name, ["linear"]) for name in ("one", "two")]
    first, second = (c.snakemake(TEACHER, options=["--cache"], **where).stdout for c in clones)
    assert "from the cache" not in first
    for rule in ("fetch_data", "prepare_data", "train_linear"):
        assert f"{rule}: from the cache" in second
    assert clones[0].hashes() == clones[1].hashes()
    assert not any(path.is_symlink() for path in clones[1].results.rglob("*"))
    module = clones[1].folder / "workflow/scripts/emopress/linear/train.py"
    before = module.read_text("utf-8")
    after = before.replace("scaled = scale * margins", "scaled = margins * scale")
    assert after != before
    module.write_text(after, "utf-8")
    third = clones[1].snakemake(TEACHER, options=["--cache"], **where).stdout
    assert "train linear (seed 0)" in third and "from the cache" not in third
