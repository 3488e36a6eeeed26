"""The exceptions that are shown to a user in one readable line, without a traceback; words for such lines."""

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


def nearest(word: object, known: Iterable[str], least: float = 0.6) -> str | None:
    """Return the one of the `known` words that `word` is most like, capitals aside; None if it is like none.

    `least` is how like it has to be, from 0 to 1.
    """
    by_folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(str(word).strip().casefold(), by_folded, n=1, cutoff=least)
    return by_folded[close[0]] if close else None


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of the `known` words, "" if none is near.

    Nearer than one letter of three: who writes `gpu` does not mean `cpu`.
    """
    near = nearest(word, known, least=0.7)
    return f"; did you mean {near!r}?" if near is not None else ""


def unknown(what: str, word: object, known: Iterable[str]) -> str:
    """Return one line: no `what` has this name, and which names there are."""
    allowed = list(known)
    hint = did_you_mean(word, allowed)
    listed = ", ".join(allowed) or "none"
    return f"unknown {what} {word!r}{hint or ';'} {'Allowed' if hint else 'allowed'}: {listed}"
