"""Damage on disk: it is found by its hash and named, no job reads it, and it is rebuilt on request."""

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from faultstudy import ROOT

from emopress.errors import UserError
from emopress.jobs.damage import verify
from emopress.jobs.ledger import guarded, record_of

TRIALS = 60
BUNDLE = "few/linear/seed0/bundle/model.npz"
LOCAL = [  # a file of every sort
    *("data/few/raw/few.csv", "data/few/raw/manifest.json", "data/few/train.parquet"),
    *("data/few/counts.json", "few/linear/seed0/checkpoint/model.npz"),
    *("few/dense/seed0/checkpoint/checkpoint.json", "few/dense/seed0/checkpoint/training.json"),
    *(BUNDLE, "few/linear+int8-weights/seed0/bundle/bundle.json"),
]


def flip(path, rng):
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut(path, rng):
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def gone(path, rng):
    path.unlink()


def command(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "emopress", "verify", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        capture_output=True,
        text=True,
    )


def test_a_finished_run_is_sound_and_all_of_it_is_recorded(undisturbed):
    verdict = verify(undisturbed.results)
    assert verdict.damaged == [] and verdict.unrecorded == []
    kept = [name for name in undisturbed.expected if not name.startswith("checksums/")]
    assert verdict.checked == len(kept) > 15


def test_every_damage_is_found_and_nothing_else(copied):
    """At random places of random files: a bit, the end, or all of it."""
    rng = random.Random(0)
    files = [copied.results / name for name in copied.expected if not name.startswith("checksums/")]
    for trial in range(TRIALS):
        path, harm = files[trial % len(files)], rng.choice([flip, cut, gone])
        whole = path.read_bytes()
        harm(path, rng)
        named = {file for file, _ in verify(copied.results).damaged}
        assert path in named, (path, harm)
        # A manifest that does not tell what its files are leaves these unjudged; no sound one is blamed.
        assert named == {path} or path.name in ("bundle.json", "checkpoint.json", "manifest.json")
        path.write_bytes(whole)
    assert verify(copied.results).damaged == []


def test_a_damaged_record_is_told(copied):
    path = copied.results / "data/few/train.parquet"
    record = record_of(path, copied.results)
    record.write_text("")
    assert [file for file, _ in verify(copied.results).damaged] == [path]


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("harm", [flip, cut])
def test_no_job_starts_on_a_damaged_input(copied, monkeypatch, name, harm):
    monkeypatch.chdir(copied.folder)
    path, ran = Path("results", name), []
    manifests = ("manifest.json", "checkpoint.json", "bundle.json")
    beside = [path.with_name(m) for m in manifests if path.with_name(m).exists()]
    declared = beside[0] if beside else path
    harm(path, random.Random(name))
    output = "results/few/other/seed0/checkpoint/checkpoint.json"
    with pytest.raises(UserError) as raised, guarded([str(declared)], [output]):
        ran.append(True)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value) and not ran


def test_damage_is_one_line_and_nothing_is_made_of_it(copied):
    path = copied.results / "data/few/train.parquet"
    flip(path, random.Random(1))
    shutil.rmtree(copied.results / "few/linear/seed0/checkpoint")
    done = copied.snakemake("results/few/linear/seed0/checkpoint/checkpoint.json", check=False)
    lines = [
        line for line in done.stdout.splitlines() if line.startswith("error in rule train_linear")
    ]
    assert done.returncode == 1 and len(lines) == 1 and "Traceback" not in done.stdout
    assert "results/data/few/train.parquet: damaged (expected sha256" in lines[0]
    assert not (copied.results / "few/linear/seed0/checkpoint").exists()


def test_what_is_damaged_is_rebuilt_on_request(copied):
    rng = random.Random(2)
    names = [
        "few/linear/seed0/checkpoint/model.npz",
        "few/linear+int8-weights/seed0/bundle/bundle.json",
    ]
    for name in names:
        flip(copied.results / name, rng)
    told = command("results", cwd=copied.folder)
    assert told.returncode == 1 and told.stderr == ""
    assert all(f"results/{name}: damaged" in told.stdout for name in names)
    removed = command("results", "--remove", cwd=copied.folder)
    assert removed.returncode == 0 and removed.stdout.count("\nremoved ") == len(names)
    gone_now = {name for name in copied.expected if not (copied.results / name).exists()}
    assert {name.split("/")[1] for name in gone_now if name.startswith("few/")} == {
        "linear",
        "linear+int8-weights",
    }
    assert (copied.results / BUNDLE).exists()  # what is sound stays
    targets = removed.stdout.splitlines()[-1].removeprefix("-- ").split()
    copied.snakemake("bundles", *targets)
    assert copied.hashes() == copied.expected
    assert command("results", cwd=copied.folder).returncode == 0


def test_no_folder_is_one_line(tmp_path):
    done = command("nothing", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("error: nothing: no such folder")


def test_verify_needs_neither_torch_nor_pandas(undisturbed):
    code = (
        "import sys; from emopress.cli import main; main(['verify', 'results']); "
        "print(sorted({'torch', 'pandas', 'numpy', 'transformers', 'snakemake'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=undisturbed.folder,
        env={"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
