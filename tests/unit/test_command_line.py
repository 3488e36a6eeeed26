"""Flags that are given twice, words that flags of several values take, and targets that nothing makes."""

import shlex
import sys

import pytest

from bad_commands import SNAKEMAKE, TARGETS
from emopress.study.command_line import command_error, typed_command, typed_targets
from emopress.study.targets import target_errors


@pytest.fixture
def typed(monkeypatch):
    """Return a function that makes a line this process's command."""

    def run(line):
        monkeypatch.setattr(sys, "argv", shlex.split(line))
        typed_command.cache_clear()

    yield run
    typed_command.cache_clear()


@pytest.mark.parametrize("what", SNAKEMAKE)
def test_a_wrong_command_is_one_line_that_says_what_to_type(typed, tmp_path, monkeypatch, what):
    line, message = SNAKEMAKE[what]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("name: my\n")
    (tmp_path / "data").mkdir()
    typed(line)
    assert command_error() == message


@pytest.mark.parametrize(
    "line",
    [
        "snakemake --configfile my.yaml -- report",
        "snakemake --configfile my.yaml my.yaml -n -- report",
        "snakemake --config device=cpu seeds=[0] -- report",
        "snakemake --config mirror=x --configfile my.yaml -- --configfile",
        "snakemake report --configfile my.yaml",
        "snakemake -C device=cpu -n report",
        "snakemake --configfile my.yaml --cores 2 report",
        "pytest --configfile none.yaml --configfile none.yaml",
    ],
)
def test_good_lines_pass(typed, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("name: my\n")
    typed(line)
    assert command_error() is None


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


def test_targets_are_those_that_snakemake_takes(typed):
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
    for line, expected in cases.items():
        typed(line)
        assert typed_targets() == expected, line


@pytest.mark.parametrize("flags", ["--workflow-profile profiles/slurm", "--executor=slurm"])
def test_slurm_without_its_plugin_is_one_line(typed, monkeypatch, flags):
    typed(f"snakemake {flags} report")
    monkeypatch.setattr("emopress.study.command_line.find_spec", lambda name: None)
    assert command_error().startswith("the executor slurm is an extra: make setup EXTRAS=slurm")
    monkeypatch.setattr("emopress.study.command_line.find_spec", lambda name: name)
    assert command_error() is None
