"""Config files given by several flags, and words that flags of several values swallow."""

import os

import pytest

from bad_commands import SNAKEMAKE
from emopress.commandline import check_configfiles, repeated_configfiles


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
