"""The exceptions that are shown to a user as a single readable line, without a traceback."""


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
