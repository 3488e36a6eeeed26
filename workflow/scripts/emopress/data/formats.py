"""The formats of data files: which one a file's ending means, and what a user may set for a file."""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

FORMATS = (".xlsx", ".csv", ".tsv", ".parquet", ".txt")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar", ".tar")
KEYS = ("delimiter", "quoting", "sheet")  # of `columns`, or of one file of `source.files`
QUOTINGS = ("none", "csv", "multiline")
DELIMITED = (".csv", ".tsv")
TAB = r"\t"  # how a tab may be written too
Option = Callable[[str, str], str]  # says in a message how a user gives a key its value


def ending_of(file: Mapping[str, Any]) -> str:
    """Return the ending, in lower case, that says how a file of the config's `source.files` is to be read.

    That is the ending of its `path` or `url`, or of its `name` where these have no known ending. A `name` is what the
    file is stored as, and needs no ending.
    """
    places = [file.get("path", ""), urlsplit(file.get("url", "")).path, file["name"]]
    endings = [PurePosixPath(place).suffix.lower() for place in places if place]
    known = (ending for ending in endings if ending in FORMATS + PACKED)
    return next(known, endings[-1])


def refusal(ending: str) -> str | None:
    """Return in a few words why a file with this ending cannot be read; None if it can."""
    if ending in FORMATS:
        return None
    allowed = f"allowed: {', '.join(FORMATS)}"
    if ending in PACKED:
        return f"a packed file ('{ending}'); unpack it first; {allowed}"
    return (
        f"unknown format '{ending}'; {allowed}"
        if ending
        else f"no ending that says its format; {allowed}"
    )


def is_delimiter(text: str) -> bool:
    """Return whether a text can separate cells: one character, neither a quotation mark nor a line end."""
    return text == TAB or (len(text) == 1 and text not in '"\r\n')


def endings_of(key: str) -> tuple[str, ...]:
    """Return the endings of the files that a key of KEYS is for."""
    return (".xlsx",) if key == "sheet" else DELIMITED


def in_config(key: str, value: str) -> str:
    """Return a key of a data set's columns as written in a config; `numbered` with a number as `value`."""
    if key == "numbered":
        return f"columns.numbered: {{{value}: ...}}"
    plain = re.fullmatch("[a-z]+", value)
    return f"columns.{key}: {value if plain else json.dumps(value, ensure_ascii=False)}"


def on_command_line(key: str, value: str) -> str:
    """Return the same as a command-line option."""
    if key == "numbered":
        return f"--numbered LABEL={value} ..."
    return f"--{key} {shlex.quote(TAB if value == chr(9) else value)}"


@dataclass(frozen=True)
class Form:
    """The format of one file.

    `ending` says which, as `.csv`. `delimiter` is one character. `quoting`: none (a quotation mark is a
    character like any other), csv (RFC 4180) or multiline (the same, and a cell may hold line breaks
    together with delimiters); `assumed`: it was not set. `sheet`: name, or number from 1 on; None
    is the first one that is not hidden. `option` is how messages name these.
    """

    ending: str
    delimiter: str
    quoting: str
    assumed: bool
    sheet: str | int | None
    option: Option


def form_of(
    ending: str, keys: Mapping[str, Any], *, quoted: bool = False, option: Option = in_config
) -> Form:
    """Return the form of a file with this ending, where `keys` (those of KEYS) say no other.

    The cells of a `.tsv` file are separated by tabs, those of a `.csv` file by commas. With tabs a file is read without
    quoting, unless it is known to be `quoted`; with any other delimiter as CSV.
    """
    delimiter = keys.get("delimiter") or ("\t" if ending == ".tsv" else ",")
    delimiter = "\t" if delimiter == TAB else delimiter
    usual = "none" if delimiter == "\t" and not quoted else "csv"
    quoting = keys.get("quoting") or usual
    assumed = not quoted and "quoting" not in keys
    return Form(ending, delimiter, quoting, assumed, keys.get("sheet"), option)


def file_form(dataset: Mapping[str, Any], file: Mapping[str, Any]) -> Form:
    """Return the form of one of a data set's files: as its entry says, else as `columns` say.

    Rows of a data set from the hub are written by `fetch.py`, with quotation marks where CSV needs them.
    """
    settings = {**(dataset.get("columns") or {}), **file}
    from_hub = "hub" in dataset["source"] and not {"path", "url"} & set(file)
    keys = {key: settings[key] for key in KEYS if key in settings}
    return form_of(ending_of(file), keys, quoted=from_hub)
