"""The exceptions that are shown to a user as a single readable line, without a traceback; words for such lines."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right; the message names the place and what is allowed."""


class MissingColumn(UserError):
    """A table whose header lacks a column."""

    def __init__(self, message: str, column: str) -> None:
        super().__init__(message)
        self.column = column


def kind_and_text(error: BaseException, most: int | None = None) -> str:
    """Return an error's kind and its text in one line, of the text at most `most` characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:most]}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of the `known` words, "" if none is near."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, word: object, known: Iterable[str]) -> str:
    """Return in a line that there is no such `what`, and which there are."""
    allowed = list(known)
    hint = did_you_mean(word, allowed)
    return f"unknown {what} {word!r}{hint or ';'} {'Allowed' if hint else 'allowed'}: {', '.join(allowed)}"
