"""The command that a report prints must repeat its study."""

import pytest

from emopress.report.environment import command_of, environment


@pytest.mark.parametrize(
    ("files", "mirror", "expected"),
    [
        (["config/config.yaml"], False, "snakemake --cores 4 report"),
        (["config/config.yaml"], True, "snakemake --cores 4 --config mirror=DIR -- report"),
        (["config/a.yaml"], False, "snakemake --cores 4 --configfile config/a.yaml -- report"),
        (
            ["config/config.yaml", "my own.yaml"],
            True,
            "snakemake --cores 4 --configfile config/config.yaml 'my own.yaml' "
            "--config mirror=DIR -- report",
        ),
    ],
)
def test_command(files, mirror, expected):
    assert command_of(files, 4, mirror=mirror) == expected


def test_cores_are_those_of_the_run():
    assert command_of(["config/config.yaml"], "12") == "snakemake --cores 12 report"


def test_no_commit_outside_a_repository(tmp_path):
    facts = environment(tmp_path)
    assert facts["git_commit"] is None and facts["git_dirty"] is False
    assert facts["packages"]["numpy"][0].isdigit()
