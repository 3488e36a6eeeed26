"""Config files given by several flags, and words that flags of several values swallow."""

import os

import pytest

from bad_commands import SNAKEMAKE, TARGETS
from emopress.study.command_line import check_configfiles, repeated_configfiles, targets
from emopress.study.targets import target_errors


def test_files_of_all_flags_but_the_last_are_found():
    cases = {
        "snakemake -n": [],
        "snakemake --configfile a.yaml -- report": [],
        "snakemake --configfile a.yaml b.yaml -- report": [],
        "snakemake --configfile a.yaml --configfile b.yaml -n -- report": ["a.yaml"],
        "snakemake --configfile=a.yaml --cores 2 --configfiles b.yaml c.yaml --configfile d.yaml": [
            *("a.yaml", "b.yaml", "c.yaml")
        ],
        "snakemake --config mirror=x --configfile a.yaml -- configfile": [],
    }
    for line, files in cases.items():
        assert repeated_configfiles(line.split()) == [os.path.abspath(f) for f in files], line


@pytest.mark.parametrize("what", SNAKEMAKE)
def test_a_swallowed_word_is_told_with_what_to_type(tmp_path, monkeypatch, what):
    line, message = SNAKEMAKE[what]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("name: my\n")
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit) as told:
        check_configfiles(line.split()[1:])
    assert told.value.code == message


@pytest.mark.parametrize(
    "line",
    [
        "snakemake --configfile my.yaml -- report",
        "snakemake --config device=cpu seeds=[0] -- report",
        "snakemake report --configfile my.yaml",
        "snakemake -C device=cpu -n report",
        "snakemake --configfile my.yaml --cores 2 report",
    ],
)
def test_good_lines_pass(tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("name: my\n")
    check_configfiles(line.split()[1:])


STUDY = {
    "datasets": ["demo-en"],
    "models": ["linear", "tiny"],
    "passes": ["int8", "kd", "mag50"],
}


@pytest.mark.parametrize("what", TARGETS)
def test_a_target_that_nothing_makes(what):
    target, message = TARGETS[what]
    assert list(target_errors([target], ["report", "bundles", "data"], **STUDY)) == [message]


@pytest.mark.parametrize(
    "target",
    [
        "report",
        "results/report.md",
        "./results/report.md",
        "results/data/demo-en/card.json",
        "results/demo-en/tiny+mag50+int8/seed3/bundle/bundle.json",
        "results/logs/x",
        "/elsewhere/x",
    ],
)
def test_other_targets_are_left_to_snakemake(target):
    assert list(target_errors([target], ["report"], **STUDY)) == []


def test_targets_are_those_that_snakemake_takes():
    cases = {
        "snakemake -n": [],
        "snakemake --cores 4 report": ["report"],
        "/x/snakemake/__main__.py -n a b --cores 2": ["a", "b"],
        "bin/snakemake --configfile a.yaml b.yaml -- report": ["report"],
        "bin/snakemake --cores 2 --config device=cpu --resources gpu=2 -- data bundles": [
            *("data", "bundles")
        ],
        "bin/pytest -q tests": [],
    }
    for line, found in cases.items():
        assert targets(line.split()) == found, line


@pytest.mark.parametrize("flags", ["--workflow-profile profiles/slurm", "--executor=slurm"])
def test_slurm_without_its_plugin_is_told(monkeypatch, flags):
    monkeypatch.setattr("emopress.study.command_line.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="an extra: make setup EXTRAS=slurm"):
        check_configfiles([*flags.split(), "report"])
    monkeypatch.setattr("emopress.study.command_line.find_spec", lambda name: name)
    check_configfiles([*flags.split(), "report"])
