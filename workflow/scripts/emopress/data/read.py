"""Reads a data set's published files into one table of rows, or says what is wrong and where."""

import csv
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.data.formats import ending_of, refusal
from emopress.data.labels import Column, LabelCells
from emopress.data.limits import MAX_TEXT, MAX_UNPACKED, Total, check_text, check_zip
from emopress.errors import UserError

Record = tuple[int, list[Any]]  # row, and its cells as the file has them
COLUMNS = ["id", "row", "text", "label", "given_split", "numeric"]
BATCH = 64  # rows of a .parquet at a time: one value may stand in all of them
SHEET_ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A")


def read_rows(raw: Path, dataset: dict[str, Any], name: str) -> pd.DataFrame:
    """Return the rows of every file of data set `name` that lies in folder `raw`, in file order.

    Columns: `id` (unique: name and row, and the split between them if the files are the splits),
    `row` (1-based row or line of the file; a header counts), `text` (str, unchanged), `label` (str;
    with `multilabel` a tuple of them, in the order of the classes), `given_split` (train,
    validation, test or None) and `numeric` (the text cell held a number, which became text). The
    file's own ending decides the format (`formats.ending_of`): `.xlsx` (first sheet), `.csv`, `.tsv`
    and `.parquet` have a header with the columns of `dataset["columns"]`, unless these are numbers:
    then the first row is a row like any other. A `.txt` line is `text;label`, split at its last
    semicolon. Rows of a sheet without any value are passed over. Anything else that is not a text
    with labels of the data set is a UserError naming file, row, column and what is allowed.
    """
    cells = LabelCells(dataset)
    text_column = (dataset.get("columns") or {}).get("text", "text")
    rows, total = [], Total()
    for entry in dataset["source"]["files"]:
        path, split = raw / entry["name"], entry.get("split")
        if not path.is_file():
            raise UserError(f"{path}: no such file; delete {raw} to have it fetched again")
        prefix = f"{name}-{split}" if split else name
        for number, (text, *found) in records(
            path, [text_column, *cells.columns], ending_of(entry)
        ):
            numeric = isinstance(text, int | float) and not isinstance(text, bool)
            place = f"{path}, row {number}"
            read = checked_text(text, f"{place}, column {text_column!r}")
            total.add(read, place)
            rows.append(
                (
                    f"{prefix}-{number:05d}",
                    number,
                    read,
                    cells.read(found, place),
                    split,
                    numeric,
                )
            )
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"given_split": object})
    if table.empty:
        raise UserError(f"{raw}: data set '{name}' has no rows")
    repeated = table["id"][table["id"].duplicated()]
    if not repeated.empty:
        raise UserError(
            f"data set '{name}': two files give the id {repeated.iloc[0]}; "
            "give each file its own `split`, or join them into one file"
        )
    return table


def records(path: Path, columns: Sequence[Column], ending: str | None = None) -> Iterator[Record]:
    """Yield each row of a file and its cells in `columns`; UserError for what cannot be read.

    `ending` (of `formats.FORMATS`) decides the format, where it is not the file's own. A `.txt` file has
    a text and a label, whatever the columns are called.
    """
    ending = path.suffix.lower() if ending is None else ending
    if why := refusal(ending):
        raise UserError(f"{path}: {why}")
    if ending == ".txt":
        return _line_records(path)
    if ending == ".xlsx":
        return _table_records(_xlsx_rows(path), path, columns, SHEET_ERRORS)
    if ending == ".parquet":
        return _table_records(_parquet_rows(path), path, columns)
    return _table_records(_csv_rows(path, ending), path, columns)


def _table_records(
    rows: Iterator[tuple[Any, ...]],
    path: Path,
    columns: Sequence[Column],
    errors: Sequence[str] = (),
) -> Iterator[Record]:
    """Yield the wanted columns of a table, by the names in its first row or by their places.

    A cell that is one of `errors` holds no value: a UserError.
    """
    first = list(next(rows, ()))
    by_place = isinstance(columns[0], int)
    places = [_place(column, first, path) for column in columns]
    numbered = enumerate([first, *rows] if by_place else rows, start=1 if by_place else 2)
    for number, row in numbered:
        if all(cell is None for cell in row):
            continue
        cells = [*row, *([None] * len(first))]  # a short row lacks its last cells
        wanted = [cells[place] for place in places]
        for column, cell in zip(columns, wanted, strict=True):
            if cell in errors:
                raise UserError(
                    f"{path}, row {number}, column {column!r}: the error {cell}; correct it"
                )
        yield number, wanted


def _place(column: Column, first: list[Any], path: Path) -> int:
    if isinstance(column, int):
        if column > len(first):
            raise UserError(f"{path}, row 1: no column {column}; it has {len(first)}")
        return column - 1
    if column not in first:
        found = ", ".join(repr(cell) for cell in first if cell is not None) or "nothing"
        raise UserError(f"{path}, row 1: no column '{column}'; the header has {found}")
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
        raise UserError(f"{path}: not a readable .parquet ({_first_line(error)})") from error


def _xlsx_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    import openpyxl

    book = None
    try:
        with zipfile.ZipFile(path) as archive:
            check_zip(archive, path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book[book.sheetnames[0]]
        sheet.reset_dimensions()  # what it says of its size may be untrue
        yield from sheet.iter_rows(values_only=True)
    except UserError:
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        why = "XML entities, which no workbook needs" if _is_entity(error) else _first_line(error)
        raise UserError(f"{path}: not a readable .xlsx workbook ({why})") from error
    finally:
        if book is not None:
            book.close()


def _is_entity(error: Exception) -> bool:
    """Return whether it is about XML entities: of expat, which limits them, or of defusedxml where it is there."""
    found: BaseException | None = error
    while found is not None:  # openpyxl raises some errors anew
        refused = type(found).__module__.startswith("defusedxml")
        if refused or any(word in str(found) for word in ("amplification", "undefined entity")):
            return True
        found = found.__cause__ or found.__context__
    return False


def _csv_rows(path: Path, ending: str) -> Iterator[tuple[Any, ...]]:
    from io import StringIO

    number, delimiter = 0, "\t" if ending == ".tsv" else ","
    csv.field_size_limit(2 * MAX_TEXT)  # above it, so that a long text is told as such
    try:
        lines = StringIO(_text_of(path), newline="")
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), start=1):
            if number == 1:
                width = len(row)
            elif row and len(row) != width:
                raise UserError(
                    f"{path}, row {number}: {len(row)} cells where row 1 has {width}; "
                    f"put a text with {'tabs' if delimiter != ',' else 'commas'} between double quotes"
                )
            yield tuple(row) if row else (None,)
    except csv.Error as error:
        raise UserError(f"{path}, row {number + 1}: not a readable {ending} ({error})") from error


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
    """Return a cell's text, a number's as one writes it; UserError for an empty cell."""
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


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
