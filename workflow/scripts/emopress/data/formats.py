"""The formats that data files are read in, and how a file's ending tells which."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

FORMATS = (".xlsx", ".csv", ".tsv", ".parquet", ".txt")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rar", ".tar")


def ending_of(file: Mapping[str, Any]) -> str:
    """Return the ending, in lower case, that says how a file of the config's `source.files` is to be read.

    It is the file's own: that of its `path`, or of its `url`; of its `name` where these end in nothing
    known, as addresses may. The name is what it is kept as, and need not end in anything.
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
        else f"no ending that tells its format; {allowed}"
    )
