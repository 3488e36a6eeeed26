"""Reads the vectors of some words out of a GloVe text file, line by line: the file is never held whole."""

import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from emopress.data.limits import check_zip
from emopress.errors import UserError

LONGEST_WORD = 4096  # bytes; what is longer is no line of words and numbers
LONGEST_NUMBER = 32


@contextmanager
def _opened(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    """Open a text file, or the text file `member` inside a zip file; UserError if it is not there."""
    if member is None:
        with open(path, "rb") as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive:
            if member not in archive.namelist():
                held = ", ".join(archive.namelist()[:8])
                raise UserError(f"{path}: no file {member!r} in it; it holds: {held}")
            check_zip(archive, path, [member])
            with archive.open(member) as stream:
                yield stream
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UserError(f"{path}: not a zip file, or a damaged one ({error})") from None
    except (RuntimeError, NotImplementedError) as error:  # a password; an unknown compression
        raise UserError(f"{path}: cannot be unpacked ({error})") from None


def read_vectors(
    path: Path, words: Collection[str], *, dimension: int, member: str | None = None
) -> dict[str, np.ndarray]:
    """Return the vectors, float32 [dimension], of those of `words` that a text file has.

    A line is a word and `dimension` numbers, parted by single spaces (Pennington, Socher, Manning
    2014, "GloVe"); a first line of two whole numbers (word2vec's and fastText's count and dimension)
    is skipped; of a word that stands there twice the first vector is taken; words with spaces in them
    are passed over. With `member` the text file lies in the zip file `path`. UserError names the file
    and the line that is not like this.
    """
    wanted = {word.encode("utf-8") for word in words}
    found: dict[str, np.ndarray] = {}
    name = path.name if member is None else f"{path.name}:{member}"
    longest = LONGEST_WORD + dimension * LONGEST_NUMBER
    with _opened(path, member) as stream:
        for number in range(1, 1 << 62):
            line = stream.readline(longest)
            if not line:
                break
            numbers = line.count(b" ")
            if number == 1 and numbers == 1 and all(part.isdigit() for part in line.split()):
                numbers = int(line.split()[1])
                if numbers != dimension:
                    raise UserError(_misfit(name, number, numbers, dimension))
                continue
            line = line.rstrip(b"\r\n ") if line.endswith((b"\n", b" ", b"\r")) else line
            parts = line.rsplit(b" ", dimension)
            if len(parts) <= dimension or (number == 1 and line.count(b" ") != dimension):
                raise UserError(_misfit(name, number, line.count(b" "), dimension))
            if len(line) >= longest:
                raise UserError(f"{name}, line {number}: longer than {longest} bytes")
            if parts[0] in wanted:
                wanted.remove(parts[0])
                found[parts[0].decode("utf-8")] = _vector(parts[1:], name, number)
    return found


def _misfit(name: str, line: int, numbers: int, dimension: int) -> str:
    return (
        f"{name}, line {line}: a word and {numbers} numbers, but vectors.dimension is {dimension}"
    )


def _vector(parts: list[bytes], name: str, line: int) -> np.ndarray:
    try:
        vector = np.array([float(part) for part in parts], dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{name}, line {line}: {error}") from None
    if not np.isfinite(vector).all():
        raise UserError(f"{name}, line {line}: a number is not finite")
    return vector
