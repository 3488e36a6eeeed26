"""The input `code`: every module that a script or maker imports, however it does, and nothing else."""

import os
import re
from pathlib import Path

import pytest

from emopress.families import FAMILIES, pass_jobs
from emopress.jobs import code as closure
from emopress.jobs.code import code_hash, code_of, stamp_path, write_stamp
from emopress.passes import PASSES

ROOT = Path(__file__).parents[2]
FILES = {
    "script.py": "def main():\n    from emopress.one import thing\n    import json\n",
    "emopress/__init__.py": "",
    "emopress/one.py": "import numpy\nfrom emopress import two\n",
    "emopress/two.py": "import emopress.deep.three as three\n",
    "emopress/deep/__init__.py": "import emopress.four\n",
    "emopress/deep/three.py": "from emopress.two import loop\n",
    "emopress/four.py": "",
    "emopress/unused.py": "",
    "emopress_other.py": "",
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A little library: imports inside functions, of packages, in circles."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(closure, "SCRIPTS", tmp_path)
    closure._imports.cache_clear()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_closure(tree):
    assert code_of("script.py") == [
        "emopress/__init__.py",
        "emopress/deep/__init__.py",
        "emopress/deep/three.py",
        "emopress/four.py",
        "emopress/one.py",
        "emopress/two.py",
        "script.py",
    ]


def test_names_are_relative_to_where_the_workflow_runs(tree, monkeypatch):
    (tree / "elsewhere").mkdir()
    monkeypatch.chdir(tree / "elsewhere")
    assert "../emopress/one.py" in code_of("script.py")


def test_a_stamp_changes_with_the_code_and_with_nothing_else(tree):
    for name in FILES:
        os.utime(tree / name, (1000, 2000))
    stamp = stamp_path("script.py")
    write_stamp("script.py")
    assert [line.split()[1] for line in stamp.read_text().splitlines()] == code_of("script.py")
    assert stamp.stat().st_mtime == 2000  # no newer than the code: finished results stay finished
    before = stamp.read_text()
    os.utime(tree / "emopress" / "one.py")
    (tree / "emopress" / "unused.py").write_text("x = 1\n")
    write_stamp("script.py")
    assert stamp.read_text() == before and stamp.stat().st_mtime == 2000
    (tree / "emopress" / "deep" / "three.py").write_text("from emopress.two import loop\n\n")
    closure._imports.cache_clear()
    write_stamp("script.py")
    assert stamp.read_text() != before and stamp.stat().st_mtime > 2000


def test_a_stamp_says_the_same_from_everywhere(tree, monkeypatch):
    write_stamp("script.py")
    here = (tree / stamp_path("script.py")).read_text()
    (tree / "elsewhere").mkdir()
    monkeypatch.chdir(tree / "elsewhere")
    write_stamp("script.py")
    assert (tree / "elsewhere" / stamp_path("script.py")).read_text() == here


def test_the_hash_of_a_jobs_code_is_that_of_its_files_now(tree):
    """Not as they were when the stamp was written: a job of an edited library is another job."""
    write_stamp("script.py")
    stamp = stamp_path("script.py")
    before = code_hash(stamp)
    (tree / "emopress" / "unused.py").write_text("x = 1\n")
    assert code_hash(stamp) == before
    hashes = {before}
    for name in ("emopress/four.py", "script.py"):
        (tree / name).write_text(FILES[name] + "\n")
        hashes.add(code_hash(stamp))
    assert len(hashes) == 3


MAKER = "emopress.two:make"


def test_the_code_of_a_maker_starts_from_the_maker(tree):
    """The one script that serves all makers reaches them by text: no import tells that the rule needs them."""
    needed = [f"emopress/{name}" for name in ("__init__.py", "deep/__init__.py", "deep/three.py")]
    needed += ["emopress/four.py", "emopress/two.py"]
    assert code_of(MAKER) == needed
    write_stamp(MAKER)
    before = stamp_path(MAKER).read_text()
    (tree / "emopress" / "two.py").write_text(FILES["emopress/two.py"] + "\n")
    write_stamp(MAKER)
    assert stamp_path(MAKER).read_text() != before
    several = code_of("emopress.one:f", "emopress.four:g")
    assert several == sorted({*needed, "emopress/one.py"})


@pytest.mark.parametrize(
    "source", ["emopress.three:f", "trim", "os:getcwd", "emopress.jobs.job:job"]
)
def test_what_is_no_source_of_code_is_an_error(tree, source):
    with pytest.raises(ValueError, match="neither a script"):
        code_of(source)


def test_each_source_has_a_stamp_of_its_own():
    sources = [("emopress.a:b",), ("emopress.a:c",), ("emopress.a.b:c",), ("a.py",)]
    sources += [("emopress.a:b", "emopress.a:c")]
    assert len({stamp_path(*source) for source in sources}) == len(sources)
    assert stamp_path("emopress.a:c", "emopress.a:b") == stamp_path(*sources[-1])
    stamps = {stamp_path("a.py", named=named) for named in (None, [], ["emopress.a:b"])}
    assert len(stamps) == 3
    assert stamp_path("finetune.py").name == "finetune.txt"
    assert stamp_path("emopress.compress.trim:trim").name == "compress.trim.trim.txt"


def test_what_only_type_checkers_import_shapes_nothing(tree):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import emopress.unused\n"
    (tree / "emopress" / "four.py").write_text(text + "else:\n    import emopress.one\n")
    assert "emopress/unused.py" not in code_of("emopress.four:make")
    assert "emopress/one.py" in code_of("emopress.four:make")


def test_the_room_around_a_job_shapes_nothing(tree):
    (tree / "emopress" / "jobs").mkdir()
    (tree / "emopress" / "jobs" / "__init__.py").write_text("")
    (tree / "emopress" / "jobs" / "job.py").write_text("import emopress.unused\n")
    (tree / "emopress" / "four.py").write_text("from emopress.jobs.job import job\n")
    assert code_of("emopress.four:make") == ["emopress/__init__.py", "emopress/four.py"]


def test_a_module_that_imports_by_name_needs_all_that_it_names(tree):
    table = "TABLE = {'a': 'emopress.unused:A'}\n"
    (tree / "emopress" / "four.py").write_text(table)
    assert "emopress/unused.py" not in code_of("emopress.four:make")
    closure._imports.cache_clear()
    (tree / "emopress" / "four.py").write_text("from importlib import import_module\n" + table)
    assert "emopress/unused.py" in code_of("emopress.four:make")
    assert "emopress/unused.py" in code_of("emopress.four:make", named=["emopress.unused:A"])
    assert "emopress/unused.py" not in code_of("emopress.four:make", named=["emopress.one:A"])


def modules(source):
    library = ROOT / "workflow" / "scripts" / "emopress"
    paths = {Path(path).resolve() for path in code_of(source)} - {library.parent / source}
    return {path.relative_to(library).as_posix() for path in paths}


def test_pruning_hangs_from_the_loop_but_not_from_bundles():
    found = modules(PASSES["prune magnitude"].job.maker)
    assert {
        "compress/prune_magnitude.py",
        "train/loop.py",
        "errors.py",
    } <= found
    assert not {"bundle/quantize.py", "linear/train.py", "measure/timing.py"} & found


def test_fine_tuning_does_not_hang_from_pruning_or_the_report():
    found = modules(FAMILIES["transformer"].train.maker)
    assert "train/losses.py" in found
    assert not any(name.startswith(("compress/", "report/", "measure/")) for name in found)


MAKERS = {job.maker for job, _ in pass_jobs()} - {PASSES["search"].job.maker}
MAKERS |= {job.maker for row in FAMILIES.values() for job in (row.train, row.export)}
MAKERS |= {row.export.maker for row in PASSES.values() if row.export}


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_no_artifact_hangs_from_the_tables(maker):
    """Else another row, or a word of one, would make every model again."""
    assert not {"passes.py", "families.py", "recipe.py"} & modules(maker)


TRAININGS = sorted(
    {PASSES["trim"].job.maker}
    | {job.maker for job, _ in pass_jobs() if "train" in job.takes and "device" in job.takes}
    | {row.train.maker for row in FAMILIES.values()}
)
NOT_TRAINED_WITH = (
    *("report/", "measure/", "card/", "cli/", "study/", "data/languages.py", "data/local_files.py"),
    *("data/fetch.py", "data/hub.py", "data/mirrors.py", "data/pretrained", "data/records.py"),
)


@pytest.mark.parametrize("maker", TRAININGS)
def test_no_training_hangs_from_what_fetches_reads_or_tells(maker):
    """Else a word in a message, or the name of a language, would have every model trained again."""
    assert not [name for name in modules(maker) if name.startswith(NOT_TRAINED_WITH)]


RULES = "\n".join(path.read_text("utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))


SCRIPTS = set(re.findall(r'"\.\./scripts/(\w+\.py)"', RULES)) - {"make.py"}  # which calls makers


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_script_of_a_rule_has_library_code(script):
    assert f'code_of("{script}")' in RULES
    assert {"errors.py", "__init__.py"} <= modules(script)
    assert not [name for name in modules(script) if name.startswith("jobs/")]
