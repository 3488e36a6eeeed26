"""Reads texts from a stream, one per line, whatever its bytes, in constant memory and without delay."""

import codecs
import os
import select
from collections.abc import Callable, Iterator
from typing import Any

from emopress.errors import UserError

LONGEST_BYTES = 1_000_000  # of a line; the rest of it is skipped
CHUNK_BYTES = 65_536
PATIENCE_S = 0.02  # how long an incomplete batch waits for its next line

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Warn = Callable[[str], None]


class Lines:
    """The lines of a stream with a file descriptor, from which nothing else may read.

    Lines end with LF or CR LF; a byte order mark at the start is removed. Bytes that are not UTF-8
    become U+FFFD, and a line is cut off after LONGEST_BYTES; `warn` is called for the first line of
    either sort. `name` stands for the stream in messages.
    """

    def __init__(self, stream: Any, *, name: str, warn: Warn) -> None:
        self.descriptor, self.name, self.warn = stream.fileno(), name, warn
        self.reported: set[str] = set()

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield up to `size` texts at a time, in order; fewer if the next one has not arrived yet."""
        batch: list[str] = []
        for line in self._lines():
            if line is not None:
                batch.append(line)
            if batch and (line is None or len(batch) == size):
                yield batch
                batch = []
        if batch:
            yield batch

    def _lines(self) -> Iterator[str | None]:
        """Yield the text of each line, and None while the next one has not arrived."""
        number, line, cut = 1, bytearray(), False
        while True:
            if not self._ready():
                yield None
            chunk = os.read(self.descriptor, CHUNK_BYTES)
            if not chunk:
                break
            *ends, rest = chunk.split(b"\n")
            for part in ends:
                cut |= _extend(line, part)
                yield self._text(bytes(line), number, cut=cut)
                number, line, cut = number + 1, bytearray(), False
            cut |= _extend(line, rest)
        if line:
            yield self._text(bytes(line), number, cut=cut)

    def _ready(self) -> bool:
        try:
            return bool(select.select([self.descriptor], [], [], PATIENCE_S)[0])
        except (OSError, ValueError):  # not every stream can be polled; then wait for it
            return True

    def _text(self, line: bytes, number: int, *, cut: bool) -> str:
        if number == 1 and line.startswith(UTF16):
            raise UserError(f"{self.name}: UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8)")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if cut:
            self._warn(number, f"more than {LONGEST_BYTES} bytes; the rest of it is ignored")
        else:
            line = line.removesuffix(b"\r")
        try:
            return _decoded(line, "strict", whole=not cut)
        except UnicodeDecodeError:
            self._warn(number, "not UTF-8; unreadable bytes become U+FFFD")
            return _decoded(line, "replace", whole=not cut)

    def _warn(self, number: int, what: str) -> None:
        if what not in self.reported:
            self.reported.add(what)
            self.warn(f"{self.name}, line {number}: {what} (further such lines are not reported)")


def _extend(line: bytearray, part: bytes) -> bool:
    """Append as much of `part` to `line` as LONGEST_BYTES allow; return whether something was left out."""
    room = LONGEST_BYTES - len(line)
    line += part[:room]
    return len(part) > room


def _decoded(line: bytes, errors: str, *, whole: bool) -> str:
    """Decode UTF-8; of a line that was cut off, an incomplete last character is dropped."""
    return codecs.getincrementaldecoder("utf-8")(errors).decode(line, whole)
