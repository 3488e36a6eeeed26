"""How large the files of a data set may be, so that a hostile one ends in an error line, not in a full memory."""

import re
import zipfile
from pathlib import Path

from emopress.errors import UserError

MAX_TEXT = 1_000_000  # characters of one text
MAX_TEXTS = 500_000_000  # characters of all texts of a data set
MAX_UNPACKED = 2_000_000_000  # bytes that a .xlsx or .parquet may unpack to
MAX_RATIO = 200  # times its size on disk that a zip's file may have: texts and vectors take 2 to 10
SURROGATE = re.compile("[\ud800-\udfff]")


def check_zip(archive: zipfile.ZipFile, path: Path, members: list[str] | None = None) -> None:
    """Raise UserError for a zip bomb, by the sizes that the archive states; Python unpacks no more than those.

    Of the files `members`, or of all: together no more than MAX_UNPACKED (not asked of `members`, which
    are read line by line), and none of a megabyte that is MAX_RATIO times larger than it is packed.
    """
    files = [archive.getinfo(name) for name in members] if members else archive.infolist()
    unpacked = sum(file.file_size for file in files)
    if not members and unpacked > MAX_UNPACKED:
        raise UserError(
            f"{path}: unpacks to {unpacked} bytes; allowed: {MAX_UNPACKED}; save it as .csv"
        )
    for file in files:
        if file.file_size > max(1_000_000, MAX_RATIO * file.compress_size):
            raise UserError(
                f"{path}: {file.filename!r} in it unpacks from {file.compress_size} to {file.file_size} "
                f"bytes; allowed: {MAX_RATIO} times as many; it is damaged or made to exhaust the memory"
            )


def check_text(text: str, place: str) -> None:
    """Raise UserError for a text that is too long, or that holds NUL or half a character (a surrogate)."""
    if len(text) > MAX_TEXT:
        raise UserError(f"{place}: a text of {len(text)} characters; allowed: {MAX_TEXT}")
    if "\0" in text:
        raise UserError(f"{place}: a NUL character; the file is damaged or not a text file")
    if half := SURROGATE.search(text):
        raise UserError(
            f"{place}: half a character (U+{ord(half[0]):04X}); a program cut the text inside it; correct it"
        )


class Total:
    """Counts the characters of a data set's texts."""

    def __init__(self) -> None:
        self.characters = 0

    def add(self, text: str, place: str) -> None:
        """Raise UserError when the texts up to this one are too many."""
        self.characters += len(text)
        if self.characters > MAX_TEXTS:
            raise UserError(f"{place}: the texts up to here have more than {MAX_TEXTS} characters")
