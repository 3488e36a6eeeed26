"""Atomic writing: what is there is whole, what fails leaves the old; damage is named."""

import pytest

from emopress.artifact import (
    check_files,
    file_table,
    read_json,
    replaced_file,
    replaced_folder,
    sha256_of,
    write_json,
)
from emopress.errors import UserError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2's example


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == ABC


def test_file_appears_when_the_block_succeeds(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with replaced_file(path) as temporary:
        temporary.write_text("one")
        assert not path.exists() and temporary.parent == path.parent
    assert path.read_text() == "one"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replaced_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "checkpoint"
    for name in ("one", "two"):
        with replaced_folder(path) as folder:
            (folder / name).write_text(name)
    assert [p.name for p in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "checkpoint"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(RuntimeError), replaced_folder(path) as folder:
        (folder / "half").write_text("half")
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_round_trip(tmp_path):
    value = {"লেবেল": ["খুশি", 1, 0.5, None]}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "খুশি" in (tmp_path / "a.json").read_text("utf-8")


def test_nan_is_an_error_not_a_file(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00"])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json: damaged .*run the workflow again"):
        read_json(tmp_path / "a.json")


def test_absent_json_is_named(tmp_path):
    with pytest.raises(UserError, match=r"a\.json: no such file"):
        read_json(tmp_path / "a.json")


def test_file_table(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(b"")
    table = file_table(tmp_path)
    assert list(table) == ["a", "sub/b"]
    assert table["sub/b"] == {"size_bytes": 3, "sha256": ABC}
    check_files(tmp_path, table)


def test_changed_and_missing_files_are_named(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    table = file_table(tmp_path)
    (tmp_path / "a").write_bytes(b"abd")
    with pytest.raises(UserError, match=rf"/a: damaged \(expected sha256 {ABC}, found [0-9a-f]+\)"):
        check_files(tmp_path, table)
    (tmp_path / "a").unlink()
    with pytest.raises(UserError, match="/a: missing; delete"):
        check_files(tmp_path, table)
