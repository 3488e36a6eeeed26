"""One undisturbed run of the tiny study, for all tests that damage, move or interrupt it."""

import shutil

import pytest
from faultstudy import FaultStudy, slow_server


@pytest.fixture(scope="session")
def server():
    """The address of a slow server of the study's texts."""
    with slow_server() as url:
        yield url


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, server):
    """The study, run to its end; `expected` are the hashes of its files."""
    study = FaultStudy(tmp_path_factory.mktemp("undisturbed") / "a user's study", url=server)
    study.snakemake()
    study.expected = study.hashes()
    return study


@pytest.fixture
def copied(undisturbed, tmp_path):
    """A copy of the finished study, to do harm to."""
    study = FaultStudy.__new__(FaultStudy)
    study.folder, study.results = tmp_path / "moved", tmp_path / "moved" / "results"
    study.config, study.expected = undisturbed.config, undisturbed.expected
    shutil.copytree(undisturbed.folder, study.folder)
    return study
