"""Reads the vectors of some words out of a GloVe text file, line by line: the file is never held whole."""

import codecs
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from emopress.data.limits import check_zip
from emopress.errors import UserError
from emopress.runtime.lexicon import folded
from emopress.runtime.normalise import normalise_text

LONGEST_WORD = 4096  # bytes; a longer line is not a word and its numbers
LONGEST_NUMBER = 32
FIRST_WORDS = 3  # of the file, for a message
MANY_WORDS = 0.5  # a smaller share of the words with a vector is warned of in the log and in the report's answer


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


class FileVectors(NamedTuple):
    """The vectors that a file has for some words.

    vectors: word -> float32 [dimension]; respelled: how many of these words the file has in another
    spelling only; passed_over: lines that come out as one of the words too, and did not count;
    begins: the file's first words.
    """

    vectors: dict[str, np.ndarray]
    respelled: int
    passed_over: int
    begins: list[str]


def spelling(word: str, normalise: str) -> str:
    """Return what all spellings of a word share: normalised as the texts are, in lower case, composed.

    Canonically equivalent spellings (Unicode's NFC: a letter and its mark in one or in two code points)
    are one word whatever the method `normalise` does.
    """
    return unicodedata.normalize("NFC", folded(normalise_text(word, normalise)))


def read_vectors(
    path: Path,
    words: Collection[str],
    *,
    dimension: int,
    normalise: str = "none",
    member: str | None = None,
) -> FileVectors:
    """Return the vectors of those of `words` that a text file has.

    A line is a word and `dimension` numbers, parted by single spaces (Pennington, Socher, Manning 2014, "GloVe"); a
    byte order mark and a first line of two whole numbers (word2vec's and fastText's count and dimension) are skipped;
    words with spaces in them are ignored. A word that the file does not have as it is gets the vector of the first line
    with its `spelling`, `normalise` being the method of the texts. Of lines with the same word the first counts. With
    `member` the text file lies in the zip file `path`. UserError names the file and the line that is not like this.
    """
    spellings = {word: spelling(word, normalise) for word in words}
    exact: dict[str, tuple[int, np.ndarray]] = {}  # with the line's number
    others: dict[str, tuple[int, np.ndarray]] = {}  # the first line with a spelling
    shared, matching = set(spellings.values()), 0
    begins: list[str] = []
    name = path.name if member is None else f"{path.name}:{member}"
    with _opened(path, member) as stream:
        for number, (raw, *numbers) in _lines(stream, name, dimension):
            word = raw.decode("utf-8", "replace")
            if len(begins) < FIRST_WORDS:
                begins.append(word)
            key = spellings.get(word) or spelling(word, normalise)
            if key not in shared:
                continue
            matching += 1
            if key not in others or (word in spellings and word not in exact):
                read = number, _vector(numbers, name, number)
                others.setdefault(key, read)
                if word in spellings:
                    exact.setdefault(word, read)
    matches = {word: exact.get(word) or others.get(key) for word, key in spellings.items()}
    lines = {word: line for word, line in matches.items() if line is not None}
    return FileVectors(
        vectors={word: vector for word, (_, vector) in lines.items()},
        respelled=len(set(lines) - set(exact)),
        passed_over=matching - len({number for number, _ in lines.values()}),
        begins=begins,
    )


def _lines(stream: IO[bytes], name: str, dimension: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield each line's number, word and numbers; UserError for a line of another shape."""
    longest = LONGEST_WORD + dimension * LONGEST_NUMBER
    for number in count(1):
        line = stream.readline(longest)
        if not line:
            return
        if number == 1:
            if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise UserError(f"{name}: UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8)")
            line = line.removeprefix(codecs.BOM_UTF8)
            if len(head := line.split()) == 2 and all(part.isdigit() for part in head):
                if int(head[1]) != dimension:
                    raise UserError(_misfit(name, number, int(head[1]), dimension))
                continue
        line = line.rstrip(b"\r\n ") if line.endswith((b"\n", b" ", b"\r")) else line
        parts = line.rsplit(b" ", dimension)
        if len(parts) <= dimension or (number == 1 and line.count(b" ") != dimension):
            raise UserError(_misfit(name, number, line.count(b" "), dimension))
        if len(line) >= longest:
            raise UserError(f"{name}, line {number}: longer than {longest} bytes")
        yield number, parts


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
