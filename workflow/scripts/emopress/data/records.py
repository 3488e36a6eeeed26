"""Reads the rows of a file of any format: the cells of some columns, or one line that says what is wrong and where."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from emopress.data.delimited import RULE, delimited_rows, lines_within, other_cells, other_form
from emopress.data.formats import Form, refusal
from emopress.data.labels import Column
from emopress.data.limits import MAX_UNPACKED, check_text
from emopress.data.workbook import first_line, workbook_rows
from emopress.errors import MissingColumn, UserError

Row = tuple[Any, ...]
Record = tuple[int, list[Any]]  # row, and its cells as the file has them
ReadLabels = Callable[[list[Any], str], Any]  # cells, place -> labels; UserError for anything else
Warn = Callable[[str], None]
MAX_HEADER = 1000  # characters of one in a message
BATCH = 64  # rows of a .parquet at a time: one value may repeat in all of them
SHEET_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")


def records(
    path: Path,
    columns: Sequence[Column],
    form: Form,
    read: ReadLabels,
    warn: Warn,
    *,
    keep_empty: bool = False,
) -> Iterator[Record]:
    """Yield each row of a file and its cells in `columns`; UserError for what cannot be read.

    `columns`: that of the texts, then those of the labels, whose cells `read` reads. `warn` is called with a line for
    content that may be meant differently than it is read. A `.txt` file has a text and a label, whatever the columns
    are called. Rows without any value are skipped; with `keep_empty`, not those of a .csv or .tsv file that have
    delimiters or quotation marks.
    """
    if why := refusal(form.ending):
        raise UserError(f"{path}: {why}")
    if form.ending == ".txt":
        return _line_records(path)
    if form.ending == ".xlsx":
        return _sheet_records(workbook_rows(path, form, columns, warn), path, columns)
    if form.ending == ".parquet":
        return _table_records(_parquet_rows(path), path, columns)
    rows = _delimited_rows(path, columns, form, read, warn, keep_empty=keep_empty)
    return _table_records(rows, path, columns)


def _table_records(rows: Iterator[Row], path: Path, columns: Sequence[Column]) -> Iterator[Record]:
    """Yield the given columns of a table, by the names in its first row or by their places."""
    first = next(rows, ())
    places = _places(columns, first, path)
    by_place = isinstance(columns[0], int)
    numbered = enumerate(chain([first], rows) if by_place else rows, start=1 if by_place else 2)
    for number, row in numbered:
        if all(cell is None for cell in row):
            continue
        cells = [*row, *([None] * len(first))]  # a short row lacks its last cells
        yield number, [cells[place] for place in places]


def _sheet_records(rows: Iterator[Row], path: Path, columns: Sequence[Column]) -> Iterator[Record]:
    for number, cells in _table_records(rows, path, columns):
        for column, cell in zip(columns, cells, strict=True):
            if cell in SHEET_ERRORS:
                raise UserError(
                    f"{path}, row {number}, column {column!r}: the error {cell}; correct it"
                )
        yield number, cells


def _delimited_rows(
    path: Path,
    columns: Sequence[Column],
    form: Form,
    read: ReadLabels,
    warn: Warn,
    *,
    keep_empty: bool,
) -> Iterator[Row]:
    """Yield the rows of a .csv or .tsv file, its header first, after checking that no row has swallowed others."""
    text = _text_of(path)
    header = not isinstance(columns[0], int)
    rows = delimited_rows(text, path, form, header=header, keep_empty=keep_empty, warn=warn)
    try:
        first = next(rows, ())
        places = _places(columns, first, path)
    except UserError as error:
        hint = other_form(text, columns, form)
        if not hint and isinstance(error, MissingColumn):
            raise MissingColumn(f"{error}{other_cells(text, form)}", error.column) from None
        if not hint:
            raise
        fault = str(error).split(f"; {RULE}")[0]
        raise UserError(f"{fault}{hint}") from error
    for number, row in enumerate(chain([first], rows), start=1):
        for line in lines_within(row):
            cells = line.split(form.delimiter)
            if len(cells) == len(first) and _are_labels([cells[p] for p in places[1:]], read):
                raise UserError(
                    f"{path}, row {number}: the line {line[:80]!r} of a cell is a row with its label; "
                    "a stray quotation mark swallowed it; correct that"
                )
        yield row


def _are_labels(cells: list[Any], read: ReadLabels) -> bool:
    """Return whether cells give a row a label; an empty set of labels does not count."""
    try:
        return read(cells, "") != ()
    except UserError:
        return False


def _places(columns: Sequence[Column], first: Row, path: Path) -> list[int]:
    """Return the places of the columns in a row, from 0 on."""
    return [_place(column, list(first), path) for column in columns]


def _place(column: Column, first: list[Any], path: Path) -> int:
    if isinstance(column, int):
        if column > len(first):
            raise UserError(f"{path}, row 1: no column {column}; it has {len(first)}")
        return column - 1
    if column not in first:
        names = ", ".join(repr(cell) for cell in first if cell is not None)
        if not names:
            raise UserError(f"{path}, row 1: no column '{column}'; the header is empty")
        names = names if len(names) <= MAX_HEADER else f"{names[:MAX_HEADER]}..."
        message = f"{path}, row 1: no column '{column}'; the header has {names}"
        raise MissingColumn(message, column)
    if first.count(column) > 1:
        raise UserError(f"{path}, row 1: {first.count(column)} columns are called '{column}'")
    return first.index(column)


def _parquet_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the columns' names, then the rows; row 2 is the first of the table, as in a sheet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
        if unpacked > MAX_UNPACKED:
            raise UserError(f"{path}: unpacks to {unpacked} bytes; allowed: {MAX_UNPACKED}")
        yield tuple(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: not a readable .parquet ({first_line(error)})") from error


def _line_records(path: Path) -> Iterator[Record]:
    lines = _text_of(path).replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise UserError(f"{path}, row {number}: no ';'; each line is `text;label`")
        yield number, [text, label]


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = "it is UTF-16" if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else f"line {line}"
        raise UserError(
            f"{path}: not UTF-8 text (byte {error.start}: {error.reason}; {hint}); "
            "save the whole file as UTF-8"
        ) from error


def checked_text(cell: Any, place: str) -> str:
    """Return the text of a cell, numbers as usually written; UserError for an empty cell."""
    if isinstance(cell, float) and not math.isfinite(cell):
        cell = None if math.isnan(cell) else str(cell)
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a workbook stores the number 1 as 1.0 but shows 1
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return str(cell)
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise UserError(f"{place}: empty; every row needs a text")
    if not isinstance(cell, str):
        shown = repr(cell) if len(repr(cell)) < 80 else f"{repr(cell)[:77]}..."
        raise UserError(f"{place}: {shown} is a {type(cell).__name__}; allowed: text, numbers")
    check_text(cell, place)
    return cell
