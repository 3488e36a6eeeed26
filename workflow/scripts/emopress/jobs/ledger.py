"""The hashes of what rules made, kept in results/checksums/, so that damage is found and never read.

There is one file for each declared output, which a job writes after its success: no two jobs ever write
the same one. They have the format of `sha256sum`. The manifest itself has the hashes of the files beside it.
"""

import fcntl
import hashlib
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emopress.artifact import (
    PROVENANCE,
    check_files,
    is_table,
    read_json,
    remove_leftovers,
    replaced_file,
    sha256_of,
)
from emopress.errors import UserError
from emopress.jobs.code import STAMPS

RESULTS = Path("results")
CHECKSUMS = "checksums"
SUFFIX = ".sha256"
LOCKS = Path(".snakemake", "emopress-locks")
# File descriptors, for processes that write for this one and may outlive it.
LOCKS_HELD: list[int] = []
STATE = "unfinished-training"  # beside a checkpoint's folder
# Manifest -> its key for the table of the files beside it; None: it is that table.
TABLES = {
    "checkpoint.json": "files",
    "bundle.json": "files",
    "pretrained.json": "files",
    "state.json": "files",
    "manifest.json": None,
}


def table_of(manifest: Path) -> dict[str, Any]:
    """Return the table (`artifact.is_table`) of all files beside a manifest; UserError if it has none.

    A bundle's provenance is among them, though prediction does without it.
    """
    content, key = read_json(manifest), TABLES[manifest.name]
    table = content.get(key) if key and isinstance(content, dict) else content
    if isinstance(table, dict) and manifest.name == "bundle.json" and "provenance" in content:
        table = {**table, PROVENANCE: content["provenance"]}
    if not is_table(table):
        raise UserError(
            f"{manifest}: damaged (no table of files); delete {manifest.parent} and run the workflow again"
        )
    return table


def record_of(path: Path, results: Path = RESULTS) -> Path:
    """Return where the hash of a file below `results` is kept."""
    inner = path.relative_to(results)
    return results / CHECKSUMS / inner.with_name(inner.name + SUFFIX)


def record(path: Path, results: Path = RESULTS) -> None:
    """Keep the hash of a finished file."""
    line = f"{sha256_of(path)}  {path.relative_to(results).as_posix()}\n"
    with replaced_file(record_of(path, results)) as temporary:
        temporary.write_text(line, encoding="utf-8")


def recorded(path: Path, results: Path = RESULTS) -> str | None:
    """Return the recorded hash of a file, None if there is no record. UserError if the record is damaged."""
    place = record_of(path, results)
    try:
        words = place.read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return None
    if len(words) < 2 or len(words[0]) != 64:
        raise UserError(f"{place}: damaged; delete it, and {path} with it, and run again")
    return words[0]


def check_recorded(path: Path) -> None:
    """Raise UserError if a file is not what was recorded of it. (One without a record passes.)"""
    expected = recorded(path)
    if expected is None or not path.is_file():
        return
    actual = sha256_of(path)
    if actual != expected:
        raise UserError(
            f"{path}: damaged (expected sha256 {expected}, found {actual}); `emopress verify {RESULTS}` "
            "lists all damage, and with --remove deletes it, so that the next run makes it again"
        )


@contextmanager
def only_maker(output: Path) -> Iterator[None]:
    """Hold the lock of an output: two processes that make the same one take turns.

    Snakemake starts a job once; but a job whose snakemake was killed runs on, and the next snakemake starts it again.
    The lock is released when its process ends, however it ends.
    """
    LOCKS.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(output.as_posix().encode()).hexdigest()[:16]
    with open(LOCKS / f"{name}-{output.name}", "w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            for stderr in (sys.stderr, sys.__stderr__):  # a job's log, and the terminal
                print(f"{output}: waiting for another process that makes it", file=stderr)
            fcntl.flock(stream, fcntl.LOCK_EX)
        except OSError as error:
            logging.warning("%s: no file locks here (%s)", LOCKS, error.strerror)
        LOCKS_HELD.append(stream.fileno())
        try:
            yield
        finally:
            LOCKS_HELD.remove(stream.fileno())


def _below(folder: Path, paths: Iterable[Any]) -> list[Path]:
    """Return those of some paths that are below a folder."""
    normal = (Path(os.path.normpath(str(path))) for path in paths)
    return [path for path in normal if path.is_relative_to(folder)]


def _not_younger(inputs: Iterable[Any], made: list[Path]) -> None:
    """Set inputs that the workflow wrote, and that are younger than the outputs `made`, to the time of these.

    A clock that was set back, or that of another machine, causes this. Snakemake fails a job whose output is older than
    one of its inputs. The user's files keep their times. (Younger outputs would hide a later change of an input; older
    inputs may at worst be made again.)
    """
    oldest = min(path.stat().st_mtime_ns for path in made)
    for path in _below(RESULTS, inputs) + _below(STAMPS, inputs):
        if path.is_file() and path.stat().st_mtime_ns > oldest:
            try:
                os.utime(path, ns=(oldest, oldest))
            except PermissionError:  # another user's file: Snakemake reports the clocks
                logging.warning("%s: younger than what was made from it", path)


@contextmanager
def guarded(
    inputs: Iterable[Any], outputs: Iterable[Any], *, folders: bool = True
) -> Iterator[None]:
    """Run a job's block on sound inputs, as the only maker of its outputs, and record these.

    UserError names an input that differs from its record. With `folders` the files beside a manifest are checked too; a
    job that reads nothing but manifests does without.
    """
    made = _below(RESULTS, outputs)
    if not made:
        yield
        return
    with only_maker(made[0]):
        for path in _below(RESULTS, inputs):
            check_recorded(path)
            if folders and path.name in TABLES and path.is_file():
                check_files(path.parent, table_of(path))
        for path in made:
            record_of(path).unlink(missing_ok=True)
            place = path.parent if path.name in TABLES else path
            remove_leftovers(place)
            if path.name == "checkpoint.json":
                remove_leftovers(place.with_name(STATE))
        yield
        for path in made:
            record(path)
        _not_younger(inputs, made)
