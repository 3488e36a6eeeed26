"""Reads the texts for `predict` from the command line, a file or standard input."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emopress.cli.lines import UTF16, Lines
from emopress.cli.options import form_in, form_on_disk, warn
from emopress.errors import MissingColumn, UserError

TABLES = (".csv", ".tsv", ".xlsx", ".parquet")
READ = f"texts come from a .txt, one per line, or a table ({', '.join(TABLES)})"
STDIN = "-"
# A single word that must be meant as a file, by its suffix.
FILE_NAME = re.compile(r"\S+\.(txt|csv|tsv|xlsx?|parquet|jsonl?|log|md)", re.IGNORECASE)


def texts_in(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the texts, up to `arguments.batch_size` at a time; UserError for an unreadable file."""
    words, file, size = arguments.text, arguments.file, arguments.batch_size
    if words and file:
        raise UserError(f"--file {file} and {words[0]!r}: give a file or texts, not both")
    if words == [STDIN] or file == STDIN:
        words, file = [], None
    if words and (file := _meant_file(words)):
        words = []
    if file is None and (option := _table_option(arguments)):
        raise UserError(f"{option} is for a table; give one with --file FILE")
    if file is not None:
        return _of_file(Path(file), arguments)
    if words:
        return _in_batches([_readable(text, n) for n, text in enumerate(words, start=1)], size)
    return _of_standard_input(size)


def _meant_file(words: list[str]) -> str | None:
    """Return the file that a single word names, if it does; UserError if it is meant as one but cannot be read."""
    first = words[0]
    if len(words) > 1:
        named = next((w for w in words if FILE_NAME.fullmatch(w) and os.path.isfile(w)), None)
        if named:
            raise UserError(
                f"{named}: a file among {len(words)} texts; give one file at a time with --file "
                f"{shlex.quote(named)}, or join text files: cat FILE FILE | emopress predict BUNDLE"
            )
        return None
    itself = f"to predict the word itself: echo {shlex.quote(first)} | emopress predict BUNDLE"
    if os.path.isdir(first):
        raise UserError(f"{first}: a folder; {READ} ({itself})")
    if os.path.isfile(first):
        print(f"note: {first} is a file; its texts are read ({itself})", file=sys.stderr)
        return first
    if FILE_NAME.fullmatch(first):
        raise UserError(f"{first}: no such file; {READ} ({itself})")
    return None


def _table_option(arguments: argparse.Namespace) -> str | None:
    """Return one of the given options that are for tables, None if there is none."""
    if arguments.text_column is not None:
        return "--text-column"
    return next((f"--{key}" for key in form_in(arguments)), None)


def _of_file(path: Path, arguments: argparse.Namespace) -> Iterator[list[str]]:
    ending, size = path.suffix.lower(), arguments.batch_size
    if path.is_dir():
        raise UserError(f"{path}: a folder; {READ}")
    if not path.is_file():
        raise UserError(f"{path}: no such file; {READ}")
    if ending in TABLES:
        return _in_batches(list(_of_table(path, arguments)), size)
    if option := _table_option(arguments):
        raise UserError(f"{path}: {option} is for a table ({', '.join(TABLES)})")
    if ending in (".json", ".jsonl"):
        raise UserError(f"{path}: JSON; {READ} (jq -r .text {path} | emopress predict BUNDLE)")
    with path.open("rb") as stream:
        start = stream.read(4096)
    if b"\0" in start and not start.startswith(UTF16):  # `Lines` reports UTF-16
        raise UserError(f"{path}: not text; {READ}")
    return _of_lines(path, size)


def _of_table(path: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the texts of a column of a table; an empty cell or an empty row is an empty text."""
    from emopress.data.records import checked_text, records

    column = arguments.text_column or "text"
    form = form_on_disk(path, form_in(arguments))
    last = 1  # the header's row
    try:
        for row, (cell,) in records(path, [column], form, _no_labels, warn, keep_empty=True):
            yield from [""] * (row - last - 1)
            last = row
            blank = cell is None or (isinstance(cell, str) and not cell.strip())
            yield "" if blank else checked_text(cell, f"{path}, row {row}, column '{column}'")
    except MissingColumn as error:
        raise UserError(f"{error}; name the column of the texts with --text-column") from None


def _no_labels(cells: list[Any], place: str) -> Any:
    raise UserError(f"{place}: texts without labels")


def _of_lines(path: Path, size: int) -> Iterator[list[str]]:
    with path.open("rb") as stream:
        yield from Lines(stream, name=str(path), warn=warn).batches(size)


def _of_standard_input(size: int) -> Iterator[list[str]]:
    if sys.stdin is None:
        raise UserError("standard input is closed; give texts on the command line")
    if sys.stdin.isatty():
        print("one text per line; Ctrl-D ends", file=sys.stderr)
    yield from Lines(sys.stdin, name="standard input", warn=warn).batches(size)


def _in_batches(texts: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def _readable(text: str, number: int) -> str:
    """Return a text of the command line; Python represents bytes that are not UTF-8 as lone surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        warn(f"TEXT {number}: not UTF-8; unreadable bytes become U+FFFD")
        return os.fsencode(text).decode("utf-8", "replace")
    return text
