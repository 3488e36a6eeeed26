"""Reads a data set's published files into one table of rows, or says what is wrong and where."""

import csv
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.errors import UserError

Record = tuple[int, Any, Any]  # row, text, label as the file has them
COLUMNS = ["id", "row", "text", "label", "given_split", "numeric"]


def read_rows(raw: Path, dataset: dict[str, Any], name: str) -> pd.DataFrame:
    """Return the rows of every file of data set `name` that lies in folder `raw`, in file order.

    Columns: `id` (unique: name and row, and the split between them if the files are the splits),
    `row` (1-based row or line of the file; a header counts), `text` and `label` (str, unchanged),
    `given_split` (train, validation, test or None) and `numeric` (the text cell held a number,
    which became text). The suffix decides the format: `.xlsx` (first sheet), `.csv` and `.tsv` have
    a header with the columns of `dataset["columns"]`; a `.txt` line is `text;label`, split at its
    last semicolon. Rows of a sheet without any value are passed over. Anything else that is not a
    text with a label of `dataset["labels"]` is a UserError naming file, row, column and what is
    allowed.
    """
    labels = list(dataset["labels"])
    rows = []
    for entry in dataset["source"]["files"]:
        path, split = raw / entry["name"], entry.get("split")
        if not path.is_file():
            raise UserError(f"{path}: no such file; delete {raw} to have it fetched again")
        prefix = f"{name}-{split}" if split else name
        text_column, label_column = _column_names(dataset, path)
        for number, text, label in records(path, text_column, label_column):
            numeric = isinstance(text, int | float) and not isinstance(text, bool)
            place = f"{path}, row {number}, column"
            rows.append(
                (
                    f"{prefix}-{number:05d}",
                    number,
                    checked_text(text, f"{place} '{text_column}'"),
                    checked_label(label, labels, f"{place} '{label_column}'"),
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


def _column_names(dataset: dict[str, Any], path: Path) -> tuple[str, str]:
    if path.suffix == ".txt":
        return "text", "label"
    columns = dataset.get("columns") or {}
    return columns.get("text", "text"), columns.get("label", "label")


def records(path: Path, text_column: str, label_column: str) -> Iterator[Record]:
    """Return row, text and label of a file as its cells hold them; UserError for what cannot be read."""
    if path.suffix == ".xlsx":
        return _table_records(_xlsx_rows(path), path, text_column, label_column)
    if path.suffix in (".csv", ".tsv"):
        return _table_records(_csv_rows(path), path, text_column, label_column)
    if path.suffix == ".txt":
        return _line_records(path)
    raise UserError(f"{path}: unknown format '{path.suffix}'; allowed: .xlsx, .csv, .tsv, .txt")


def _table_records(
    rows: Iterator[tuple[Any, ...]], path: Path, text_column: str, label_column: str
) -> Iterator[Record]:
    """Yield the two named columns of a table whose first row is the header."""
    header = list(next(rows, ()))
    for column in (text_column, label_column):
        if column not in header:
            found = ", ".join(f"'{cell}'" for cell in header if cell is not None) or "nothing"
            raise UserError(f"{path}, row 1: no column '{column}'; the header has {found}")
    text_at, label_at = header.index(text_column), header.index(label_column)
    for number, row in enumerate(rows, start=2):
        if all(cell is None for cell in row):
            continue
        cells = [*row, *([None] * len(header))]  # a short row lacks its last cells
        yield number, cells[text_at], cells[label_at]


def _xlsx_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        raise UserError(f"{path}: not a readable .xlsx workbook ({_first_line(error)})") from error
    try:
        yield from book[book.sheetnames[0]].iter_rows(values_only=True)
    finally:
        book.close()


def _csv_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    from io import StringIO

    number, delimiter = 0, "\t" if path.suffix == ".tsv" else ","
    try:
        lines = StringIO(_text_of(path), newline="")
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), start=1):
            if number == 1:
                width = len(row)
            elif row and len(row) != width:
                raise UserError(
                    f"{path}, row {number}: {len(row)} cells where the header has {width}; "
                    f"put a text with {'tabs' if delimiter != ',' else 'commas'} between double quotes"
                )
            yield tuple(row) if row else (None,)
    except csv.Error as error:
        raise UserError(
            f"{path}, row {number + 1}: not a readable {path.suffix} ({error})"
        ) from error


def _line_records(path: Path) -> Iterator[Record]:
    lines = _text_of(path).replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        text, semicolon, label = line.rpartition(";")
        if not semicolon:
            raise UserError(f"{path}, row {number}: no ';'; each line is `text;label`")
        yield number, text, label


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}: {error.reason})") from error


def checked_text(cell: Any, place: str) -> str:
    """Return a cell's text, a number's as one writes it; UserError for an empty cell."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a workbook stores the number 1 as 1.0 but shows 1
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return str(cell)
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise UserError(f"{place}: empty; every row needs a text")
    if not isinstance(cell, str):
        raise UserError(f"{place}: {cell!r} is a {type(cell).__name__}; allowed: text, numbers")
    return cell


def checked_label(cell: Any, labels: list[str], place: str) -> str:
    """Return a cell that is one of `labels`; UserError for any other."""
    allowed = f"allowed: {', '.join(labels)}"
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        raise UserError(f"{place}: empty label; {allowed}")
    if isinstance(cell, str) and cell in labels:
        return cell
    by_folded = {label.casefold(): label for label in labels}
    folded = str(cell).strip().casefold()
    close = difflib.get_close_matches(folded, by_folded, n=1)
    hint = f" (meant '{by_folded[close[0]]}'?)" if close else ""
    raise UserError(f"{place}: unknown label {str(cell)!r}{hint}; {allowed}")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
