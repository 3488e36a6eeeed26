"""Atomic writing, hashing and manifests of the files and folders that rules hand to each other."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emopress.errors import UserError


def sha256_of(path: Path | str) -> str:
    """Return the SHA-256 of a file as 64 lower-case hex digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replaced_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; it takes the place of `path` when the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's 0600 would lock out the other users of a shared results/
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replaced_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty temporary sibling folder; it takes the place of `path` when the block succeeds.

    A job that is killed inside the block leaves the old folder as it was, or moved aside, and a hidden
    temporary one beside it: `remove_leftovers` tidies up.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    temporary.chmod(0o755)
    try:
        yield temporary
        for file in filter(Path.is_file, temporary.rglob("*")):
            file.chmod(0o644)  # safetensors writes 0600, which would lock out other users
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-old-"))
            os.replace(path, old / path.name)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.exists():
            shutil.rmtree(temporary)


def remove_leftovers(path: Path | str) -> None:
    """Remove what killed jobs left beside `path` of replaced_file and replaced_folder.

    A folder that was moved aside when the job died is put back first. Nobody else may be writing `path`.
    """
    path = Path(path)
    names = re.compile(
        rf"\.({re.escape(path.stem)}|{re.escape(path.name)}(-old)?)-[a-z0-9_]{{8}}({re.escape(path.suffix)})?"
    )
    for left in list(path.parent.iterdir()) if path.parent.is_dir() else []:
        if not names.fullmatch(left.name):
            continue
        if (left / path.name).is_dir() and not path.exists():
            os.replace(left / path.name, path)
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def remove_folder(path: Path | str) -> None:
    """Remove a folder, if it is there. A job that is killed meanwhile leaves all of it or, under its name, nothing."""
    path = Path(path)
    if path.is_dir():
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
        os.replace(path, aside)  # remove_leftovers knows it by its name
        shutil.rmtree(aside)


def linked_or_copied(source: Path, dest: Path) -> None:
    """Make `dest` the same file as `source`, by a hard link, or a copy where there can be none.

    For files of gigabytes that artifacts have in common. No artifact's file is ever written into, so
    none can change through another's name.
    """
    try:
        os.link(source, dest)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, dest)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as readable UTF-8 JSON; a NaN or infinity is an error, not a file."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    with replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; UserError names the file if it is absent or damaged."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(
            f"{path}: damaged ({error}); delete it and run the workflow again"
        ) from None


def file_table(folder: Path) -> dict[str, dict[str, Any]]:
    """Describe every file below `folder`: relative name -> size_bytes and sha256, sorted by name."""
    return {
        path.relative_to(folder).as_posix(): {
            "size_bytes": path.stat().st_size,
            "sha256": sha256_of(path),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def damages(folder: Path, table: dict[str, dict[str, Any]]) -> Iterator[tuple[Path, str]]:
    """Yield each file of `folder` that is absent or differs from `table`, and what is wrong with it."""
    for name, facts in table.items():
        path = folder / name
        if not path.is_file():
            yield path, "missing"
        elif (found := sha256_of(path)) != facts["sha256"]:
            size = f"{path.stat().st_size} bytes of {facts.get('size_bytes', 'unknown')}"
            yield path, f"damaged (expected sha256 {facts['sha256']}, found {found}), {size}"


def check_files(folder: Path, table: dict[str, dict[str, Any]]) -> None:
    """Raise UserError naming the first file of `folder` that is absent or differs from `table`."""
    for path, why in damages(folder, table):
        raise UserError(f"{path}: {why}; delete {folder} and run the workflow again")
