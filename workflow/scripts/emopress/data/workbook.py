"""Reads one sheet of an .xlsx workbook, and reports which if there are several."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from emopress.data.formats import Form
from emopress.data.limits import check_zip
from emopress.errors import UserError

ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
PEEKED = 1000  # rows of another sheet that are looked at for a value
Row = tuple[Any, ...]


def workbook_rows(
    path: Path, form: Form, columns: Sequence[str | int], warn: Callable[[str], None]
) -> Iterator[Row]:
    """Yield the rows of the sheet that `form` names, or else of the first one that is not hidden.

    Texts are unescaped (`unescaped`). Where `form` names no sheet and others hold values, `warn` is
    called with a line that names the one that is read and these. UserError for a file that is not a workbook, for a
    sheet that it does not have, and for one without `columns` where another one has them.
    """
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            check_zip(archive, path)
            sheets = {unescaped(sheet.title): sheet for sheet in _opened(stream).worksheets}
            name = _chosen(sheets, path, form)
            others = {key: list(_rows(sheets[key], PEEKED)) for key in sheets if key != name}
            others = {key: rows for key, rows in others.items() if _has_values(rows)}
            if not isinstance(columns[0], int):
                heads = {key: rows[0] for key, rows in others.items()}
                place = f"{path}, sheet {name!r}, row 1"
                _check_head(next(_rows(sheets[name]), ()), heads, columns, place, form)
            if others and form.sheet is None:
                rest = ", ".join(map(repr, others))
                warn(
                    f"{path.name}: sheet {name!r} is read, and not {rest}; "
                    f"{form.option('sheet', next(iter(others)))} chooses another one"
                )
            yield from _rows(sheets[name])
    except (UserError, ModuleNotFoundError):  # openpyxl is not there: no fault of the file
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        why = "XML entities, which no workbook needs" if _is_entity(error) else first_line(error)
        raise UserError(f"{path}: not a readable .xlsx workbook ({why})") from error


def unescaped(text: str) -> str:
    """Return a workbook's text with each _xHHHH_ as the UTF-16 code unit that it stands for.

    So ECMA-376, part 1, 22.9.2.19 (ST_Xstring); _x005F_ is the underscore of a text that only looks like an escape.
    A code unit that is half of a character and lacks the other half stays as it is.
    """
    if "_x" not in text:
        return text
    text = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _opened(stream: BinaryIO) -> Any:
    """Return a workbook whose texts are as they are stored.

    openpyxl itself takes the escape of an underscore out of shared texts, after which an escaped
    escape looks like an escape.
    """
    from openpyxl.cell.text import Text
    from openpyxl.reader.excel import SHARED_STRINGS, ExcelReader
    from openpyxl.xml.constants import SHEET_MAIN_NS
    from openpyxl.xml.functions import iterparse

    class Reader(ExcelReader):  # type: ignore[misc] # openpyxl has no types
        def read_strings(self) -> None:
            part = self.package.find(SHARED_STRINGS)
            if part is None:
                return
            with self.archive.open(part.PartName[1:]) as stream:
                for _, node in iterparse(stream):
                    if node.tag == f"{{{SHEET_MAIN_NS}}}si":
                        self.shared_strings.append(Text.from_tree(node).content)
                        node.clear()

    reader = Reader(stream, read_only=True, data_only=True)
    reader.read()
    return reader.wb


def _chosen(sheets: dict[str, Any], path: Path, form: Form) -> str:
    """Return the name of the sheet to read."""
    stated, names = form.sheet, list(sheets)
    if stated is None:
        seen = [name for name in names if sheets[name].sheet_state == "visible"]
        return next(iter(seen or names))
    if stated in sheets:
        return str(stated)
    number = int(stated) if str(stated).isdecimal() else 0
    if str(stated) in sheets and number > len(names):
        return str(stated)  # a sheet that is called 2024
    if not 1 <= number <= len(names):
        there = ", ".join(f"{name!r} ({n})" for n, name in enumerate(names, start=1))
        raise UserError(f"{path}: no sheet {stated!r}; allowed: {there}")
    return names[number - 1]


def _rows(sheet: Any, most: int | None = None) -> Iterator[Row]:
    sheet.reset_dimensions()  # what it says of its size may be untrue
    for row in islice(sheet.iter_rows(values_only=True), most):
        yield tuple(unescaped(cell) if isinstance(cell, str) else cell for cell in row)


def _has_values(rows: list[Row]) -> bool:
    return any(cell is not None for row in rows for cell in row)


def _check_head(
    head: Row, others: dict[str, Row], columns: Sequence[str | int], place: str, form: Form
) -> None:
    """Raise UserError if a row 1 lacks columns that another sheet's has."""
    missing = [column for column in columns if column not in head]
    for name, row in others.items():
        if missing and all(column in row for column in columns):
            raise UserError(
                f"{place}: no column {missing[0]!r}; sheet {name!r} has it: "
                f"set {form.option('sheet', name)}"
            )


def _is_entity(error: Exception) -> bool:
    """Return whether it is about XML entities: of expat, which limits them, or of defusedxml where it is there."""
    cause: BaseException | None = error
    while cause is not None:  # openpyxl raises some errors anew
        refused = type(cause).__module__.startswith("defusedxml")
        if refused or any(word in str(cause) for word in ("amplification", "undefined entity")):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def first_line(error: Exception) -> str:
    """Return the first line of an error, or its kind if it has no text."""
    return str(error).strip().split("\n")[0] or type(error).__name__
