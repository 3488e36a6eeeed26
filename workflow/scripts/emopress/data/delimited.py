"""Reads .csv and .tsv files: every row, or one error line that says where a quotation mark is wrong."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from emopress.data.formats import Form, form_of
from emopress.errors import UserError

NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons"}
CANDIDATES = ("\t", ",", ";", "|")  # delimiters that a header is tried with
SHOWN = 40  # characters of a cell in a message
QUOTED = re.compile(r'"(?:[^"]++|"")*+"')  # a cell as CSV writes one with quotes in it
RULE = "allowed: a whole cell between quotation marks, with each one inside it doubled (RFC 4180)"


def delimited_rows(
    text: str,
    path: Path,
    form: Form,
    *,
    header: bool,
    keep_empty: bool,
    warn: Callable[[str], None],
) -> Iterator[tuple[str | None, ...]]:
    """Yield the rows of a file's text, cells as they are; an empty line as (None,).

    So are rows of several cells that are all empty, which spreadsheets leave behind, unless `keep_empty`.

    A row ends with LF or CR LF, or in a text without any LF with CR; nothing else ends one. Each has
    as many cells as the first; below a `header` empty cells at its end may be missing or too many.
    UserError names the row (the line too, where cells hold line breaks) for any other number of
    cells, for what RFC 4180 does not allow, and, unless `quoting` is multiline, for a cell with a
    line break and a delimiter in it: a stray quotation mark swallows rows so. `warn` is called with a line
    where a file that is read without quoting looks as if it had been written with.
    """
    if "\n" not in text:
        text = text.replace("\r", "\n")
    plain = form.quoting == "none"
    rows = _plain_rows(text, form) if plain else _quoted_rows(text, path, form)
    least = most = whole = doubled = (
        0  # cells between quotation marks, and those with doubled ones inside
    )
    stray, everywhere = (
        False,
        True,
    )  # whether a mark opens what CSV never writes; whether each row has one
    for number, (place, row) in enumerate(rows, start=1):
        if number == 1:
            most = len(row)
            least = _length(row) if header else most
        if not row or (len(row) > 1 and not any(row) and not keep_empty):
            yield (None,)
            continue
        row = row if any(row[most:]) else row[:most]
        if not least <= len(row) <= most:
            raise UserError(
                f"{path}, {place}: {len(row)} cells where row 1 has {most}; {_parting(form)}"
            )
        if plain and form.assumed:
            marked = [cell for cell in row if cell.startswith('"')]
            quoted = [cell for cell in marked if QUOTED.fullmatch(cell)]
            whole += len(quoted)
            doubled += sum('""' in cell[1:-1] for cell in quoted)
            stray = stray or len(quoted) < len(marked)
            everywhere = everywhere and (bool(quoted) or (header and number == 1))
        yield tuple(row)
    if whole and not stray and (doubled or everywhere):
        have = "have doubled ones inside" if doubled else "are in every row"
        warn(
            f"{path.name}: cells ({doubled or whole}) are between quotation marks and {have}, as in a CSV "
            "file; these marks are read as part of the text; if they are not part of it, "
            f"set {form.option('quoting', 'csv')}, and if they are, {form.option('quoting', 'none')}"
        )


def lines_within(row: Sequence[str | None]) -> Iterator[str]:
    """Yield each line of the cells that hold several."""
    for cell in row:
        if cell is not None and "\n" in cell:
            yield from (line.removesuffix("\r") for line in cell.split("\n"))


def other_form(text: str, columns: Sequence[str | int], form: Form) -> str:
    """Return the settings with which the first line of a file has the expected columns; '' if there are none."""
    lines = re.split(r"\r\n|\n|\r", text, maxsplit=2)
    for delimiter in dict.fromkeys((form.delimiter, *CANDIDATES)):
        cells, *more = (line.split(delimiter) for line in lines[:2])
        bare = [_unquoted(cell) for cell in cells]
        if isinstance(columns[0], int):
            wide = len(cells) >= max(2, *map(int, columns))
            fits = wide and all(len(row) == len(cells) for row in more if any(row))
        else:
            fits = all(column in bare for column in columns)
        usual = form_of(form.ending, {"delimiter": delimiter}).quoting
        unquoted = bare != cells and usual == "none"
        if fits and delimiter != form.delimiter:
            settings = [form.option("delimiter", delimiter)]
            settings += [form.option("quoting", "csv")] if unquoted else []
            return (
                f"; row 1 has these columns if split at {delimiter!r}: set {' and '.join(settings)}"
            )
        if fits and bare != cells and form.quoting == "none":
            return (
                "; row 1 has these columns between quotation marks: "
                f"set {form.option('quoting', 'csv')}"
            )
    return ""


def other_cells(text: str, form: Form) -> str:
    """Return which delimiter makes several cells of a header that is one; '' if it is not, or none does."""
    first, *more = re.split(r"\r\n|\n|\r", text, maxsplit=2)[:2]
    if form.delimiter in first:
        return ""
    for delimiter in CANDIDATES:
        cells, *others = (line.split(delimiter) for line in (first, *more))
        if len(cells) > 1 and all(len(row) == len(cells) for row in others if any(row)):
            shown = ", ".join(repr(_unquoted(cell)) for cell in cells)
            return f"; split at {delimiter!r} it has {shown}: set {form.option('delimiter', delimiter)}"
    return ""


def _unquoted(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _length(row: list[str]) -> int:
    """Return the number of cells up to the last that is not empty."""
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


def _parting(form: Form) -> str:
    """Say what to do about a row with more or fewer cells than there are columns."""
    name = NAMES.get(form.delimiter, repr(form.delimiter))
    if form.quoting != "none":
        return f"put a text with {name} between double quotes"
    return (
        f"no text may hold {name} or a line break; where texts are between quotation marks, set "
        f"{form.option('quoting', 'csv')}"
    )


def _plain_rows(text: str, form: Form) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the cells (an empty line has none) of each line; no quotation mark means anything."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        content = line.removesuffix("\r")
        yield f"row {number}", content.split(form.delimiter) if content else []


def _quoted_rows(text: str, path: Path, form: Form) -> Iterator[tuple[str, list[str]]]:
    """Yield the name (row, line) and the cells (an empty line has none) of each row, by RFC 4180."""
    delimiter = re.escape(form.delimiter)
    cell = re.compile(rf'"(?P<quoted>(?:[^"]++|"")*+)"|(?P<bare>[^"\n{delimiter}]*+)')
    end = re.compile(rf"{delimiter}|\r?\n|\r?\Z")
    position, line, number = 0, 1, 0
    while position < len(text):
        row: list[str] = []
        empty = text.startswith(("\n", "\r\n"), position)
        number, begun = number + 1, line
        place = f"row {number}" if number == begun else f"row {number} (line {begun})"
        more = True
        while more:
            match = cell.match(text, position)
            assert match is not None  # it matches an empty cell at least
            ending = end.match(text, match.end())
            if ending is None:
                raise UserError(f"{path}, {place}: {_fault(text, match, form)}")
            more = ending[0] == form.delimiter
            position = ending.end()
            if match["quoted"] is None:
                row.append(match["bare"] if more else match["bare"].removesuffix("\r"))
                continue
            content = match["quoted"].replace('""', '"')
            line += content.count("\n")
            if form.quoting == "csv" and "\n" in content and form.delimiter in content:
                raise UserError(
                    f"{path}, {place}: {_shown(content)} is a cell with a line break and "
                    f"{NAMES.get(form.delimiter, repr(form.delimiter))} in it, as a stray quotation mark "
                    "makes of the rows that it swallows; correct that, or if there are such texts, "
                    f"set {form.option('quoting', 'multiline')}"
                )
            row.append(content)
        line += 1
        yield place, [] if empty else row


def _fault(text: str, match: re.Match[str], form: Form) -> str:
    """Say what RFC 4180 does not allow after `match`, a cell of a text."""
    if match["quoted"] is not None:
        what = f"text after the closing quotation mark of {_shown(match['quoted'])}"
    elif match["bare"]:
        cell = match["bare"] + text[match.end() :][:SHOWN]
        what = f"a quotation mark inside {_shown(cell)}, which does not begin with one"
    else:
        what = f"nothing closes the quotation mark before {_shown(text[match.end() + 1 :][:SHOWN])}"
    return (
        f"{what}; {RULE}; correct it, or, if quotation marks are characters like any other, "
        f"set {form.option('quoting', 'none')}"
    )


def _shown(text: str) -> str:
    first = text.split("\n", 1)[0].rstrip("\r")
    return repr(first[:SHOWN]) + ("..." if len(text) > len(first[:SHOWN]) else "")
