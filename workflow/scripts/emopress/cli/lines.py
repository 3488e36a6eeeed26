"""Reads texts from a stream, one a line, whatever its bytes: in constant memory, and without waiting."""

import codecs
import os
import select
from collections.abc import Callable, Iterator
from typing import Any

from emopress.errors import UserError

LONGEST_BYTES = 1_000_000  # of one line; what comes after them is passed over
CHUNK_BYTES = 65_536
PATIENCE_S = 0.02  # so long a part of a batch waits for its next line

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Warn = Callable[[str], None]


class Lines:
    """The lines of a stream with a file descriptor (read here only: nothing else may have read from it).

    A line ends with LF or CR LF, and a byte order mark at the start goes. Bytes that are not UTF-8
    become U+FFFD, and of a line of more than LONGEST_BYTES only these are read; `warn` is told the
    first line of either sort. `name` is what messages call the stream.
    """

    def __init__(self, stream: Any, *, name: str, warn: Warn) -> None:
        self.descriptor, self.name, self.tell = stream.fileno(), name, warn
        self.told: set[str] = set()

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield up to `size` texts at a time, in order; fewer where the next one is not there yet."""
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
        """Yield each line's text, and None where the next one lets wait."""
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
        except (OSError, ValueError):  # a stream that cannot be asked is waited for
            return True

    def _text(self, line: bytes, number: int, *, cut: bool) -> str:
        if number == 1 and line.startswith(UTF16):
            raise UserError(f"{self.name}: UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8)")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if cut:
            self._warn(
                number, f"more than {LONGEST_BYTES} bytes; what comes after them is left out"
            )
        else:
            line = line.removesuffix(b"\r")
        try:
            return _decoded(line, "strict", whole=not cut)
        except UnicodeDecodeError:
            self._warn(number, "not UTF-8; what cannot be read becomes U+FFFD")
            return _decoded(line, "replace", whole=not cut)

    def _warn(self, number: int, what: str) -> None:
        if what not in self.told:
            self.told.add(what)
            self.tell(f"{self.name}, line {number}: {what} (later lines of this sort are not told)")


def _extend(line: bytearray, part: bytes) -> bool:
    """Append to `line` what LONGEST_BYTES leave room for; return whether something was left out."""
    room = LONGEST_BYTES - len(line)
    line += part[:room]
    return len(part) > room


def _decoded(line: bytes, errors: str, *, whole: bool) -> str:
    """Decode UTF-8; of a line that was cut, a character that the cut went through goes."""
    return codecs.getincrementaldecoder("utf-8")(errors).decode(line, whole)
