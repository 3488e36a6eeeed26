"""Atomic writing, reading, hashing and manifests of the files and folders that rules pass to each other."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from emopress.errors import UserError

BUNDLE = "bundle.json"  # the manifest of a bundle
PROVENANCE = (
    "provenance.json"  # beside bundle.json: how the bundle was made, which prediction does not read
)
SHORT = 32  # hex digits of a SHA-256 in bundle.json, which is shipped: no two files can be made that share 128 bits
Table = Mapping[
    str, Any
]  # file name -> its size_bytes and sha256, or the sha256's first digits alone


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
    """Remove what replaced_file and replaced_folder of killed jobs left beside `path`.

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
    """Remove a folder, if it exists. A job that is killed meanwhile leaves all of it or, under its name, nothing."""
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


def write_json(path: Path | str, value: Any, *, compact: bool = False) -> None:
    """Write `value` as UTF-8 JSON, readable or `compact`; a NaN or infinity is an error, not a file."""
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, **layout) + "\n"
    with replaced_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path | str, *, cure: str = "delete it and run the workflow again") -> Any:
    """Read a JSON file; UserError names the file if it is absent or damaged, and then the cure."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: damaged ({error}); {cure}") from None


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds, read by libyaml: PyYAML's own parser takes 0.3 s for the schema alone.

    OSError, UnicodeDecodeError or yaml.YAMLError where it cannot be read.
    """
    import yaml  # prediction needs no YAML

    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


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


def short_hashes(folder: Path) -> dict[str, str]:
    """Return the table of a folder's files that is shipped: relative name -> `short_hash`."""
    return {name: facts["sha256"][:SHORT] for name, facts in file_table(folder).items()}


def short_hash(path: Path) -> str:
    """Return the first SHORT digits of a file's SHA-256."""
    return sha256_of(path)[:SHORT]


def is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether a manifest's value is a table of files that `damages` can compare."""
    return isinstance(value, dict) and all(
        re.fullmatch(rf"[0-9a-f]{{{SHORT}}}", facts)
        if isinstance(facts, str)
        else isinstance(facts, dict) and {"sha256", "size_bytes"} <= set(facts)
        for facts in value.values()
    )


def damages(folder: Path, table: Table) -> Iterator[tuple[Path, str]]:
    """Yield each file of `folder` that is absent or differs from `table`, and what is wrong with it."""
    for name, facts in table.items():
        path = folder / name
        if not path.is_file():
            yield path, "missing"
            continue
        found, short = sha256_of(path), isinstance(facts, str)
        expected = facts if short else facts["sha256"]
        if (found[:SHORT] if short else found) != expected:
            size = "" if short else f" of {facts.get('size_bytes', 'unknown')}"
            yield (
                path,
                f"damaged (expected sha256 {expected}{'...' if short else ''}, found {found}), "
                f"{path.stat().st_size} bytes{size}",
            )


def check_files(folder: Path, table: Table, *, cure: str | None = None) -> None:
    """Raise UserError naming the first file of `folder` that is absent or differs from `table`, and the cure."""
    for path, why in damages(folder, table):
        raise UserError(f"{path}: {why}; {cure or f'delete {folder} and run the workflow again'}")
