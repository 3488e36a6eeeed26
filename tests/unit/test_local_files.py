"""Hashes of local files: an older version with its time is another file, and a large one is read once."""

import os

import pytest

from emopress.artifact import sha256_of
from emopress.data import local_files
from emopress.data.local_files import KNOWN, local_sha256
from emopress.errors import UserError


def put_back(path, content):
    """Give a file other content of the same size, and the times that it had, as rsync -a or tar do."""
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    new = path.with_name("new")
    new.write_bytes(content)
    os.replace(new, path)
    os.utime(path, ns=times)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(b"new")
    return path


@pytest.fixture
def reads(monkeypatch):
    """Return the list of the files that are read."""
    found = []
    monkeypatch.setattr(local_files, "sha256_of", lambda p: found.append(p) or sha256_of(p))
    return found


def in_a_new_process(path):
    """Return the hash as a process finds it that has asked for none before."""
    local_files._hashes.clear()
    return local_sha256(path)


@pytest.mark.parametrize("large", [False, True])
def test_a_file_that_is_put_back_with_its_time_is_another(file, monkeypatch, large):
    if large:
        monkeypatch.setattr(local_files, "LARGE_BYTES", 0)
        monkeypatch.setattr(local_files, "SETTLED_S", -3600)  # as if every change were long ago
    first = local_sha256(file)
    assert first == sha256_of(file) == local_sha256(str(file))
    put_back(file, b"old")
    assert local_sha256(file) == sha256_of(file) != first
    assert KNOWN.exists() == large


def test_a_large_file_is_read_once(file, reads, monkeypatch):
    monkeypatch.setattr(local_files, "LARGE_BYTES", 3)
    monkeypatch.setattr(local_files, "SETTLED_S", -3600)
    assert {in_a_new_process(file) for _ in range(3)} == {sha256_of(file)}
    assert len(reads) == 1
    KNOWN.write_text("no JSON")
    assert {in_a_new_process(file) for _ in range(3)} == {sha256_of(file)}
    assert len(reads) == 2
    os.utime(file)  # touched: looked at again
    assert {in_a_new_process(file) for _ in range(3)} == {sha256_of(file)}
    assert len(reads) == 3


def test_what_changed_a_moment_ago_is_not_kept(file, reads, monkeypatch):
    """Its next change could have the same time."""
    monkeypatch.setattr(local_files, "LARGE_BYTES", 0)
    monkeypatch.setattr(local_files, "SETTLED_S", 3600)
    for _ in range(2):
        in_a_new_process(file)
    assert len(reads) == 2 and not KNOWN.exists()


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none\.csv: No such file or directory"):
        local_sha256(tmp_path / "none.csv")
    with pytest.raises(UserError, match=r": Is a directory"):
        local_sha256(tmp_path)


def test_a_small_file_is_read_once_in_each_process(file, reads):
    for _ in range(2):
        in_a_new_process(file)
        local_sha256(file)
    assert len(reads) == 2 and not KNOWN.exists()
