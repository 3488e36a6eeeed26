"""Reads a data set's published files into one table of rows, or says what is wrong and where."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.data.formats import Form, file_form
from emopress.data.labels import Column, LabelCells
from emopress.data.limits import Total
from emopress.data.records import Record, Warn, checked_text, records
from emopress.errors import MissingColumn, UserError

COLUMNS = ["id", "row", "text", "label", "given_split", "numeric"]


def read_rows(
    raw: Path, dataset: dict[str, Any], name: str, warn: Warn = logging.warning
) -> pd.DataFrame:
    """Return the rows of every file of data set `name` that lies in folder `raw`, in file order.

    Columns: `id` (unique: name and row, and the split between them if the files are the splits), `row` (1-based row or
    line of the file; a header counts), `text` (str, unchanged), `label` (str; with `multilabel` a tuple of them, in the
    order of the classes), `given_split` (train, validation, test or None) and `numeric` (the text cell held a number,
    which became text). The file's own ending decides the format (`formats.file_form`): `.xlsx`, `.csv`, `.tsv` and
    `.parquet` have a header with the columns of `dataset["columns"]`, unless these are numbers: then the first row is a
    row like any other. A `.txt` line is `text;label`, split at its last semicolon. Rows without any value are skipped.
    Anything else that is not a text with labels of the data set is a UserError naming file, row, column and what is
    allowed. `warn` is called with a line for content that may be meant differently than it is read.
    """
    cells = LabelCells(dataset)
    text_column = (dataset.get("columns") or {}).get("text", "text")
    columns = [text_column, *cells.columns]
    rows, total = [], Total()
    for entry in dataset["source"]["files"]:
        path, split = raw / entry["name"], entry.get("split")
        if not path.is_file():
            raise UserError(f"{path}: no such file; delete {raw} to have it fetched again")
        prefix = f"{name}-{split}" if split else name
        form = file_form(dataset, entry)
        for number, (text, *label_cells) in _records_of(path, columns, form, cells, warn):
            numeric = isinstance(text, int | float) and not isinstance(text, bool)
            place = f"{path}, row {number}"
            read = checked_text(text, f"{place}, column {text_column!r}")
            total.add(read, place)
            rows.append(
                (
                    f"{prefix}-{number:05d}",
                    number,
                    read,
                    cells.read(label_cells, place),
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


def _records_of(
    path: Path, columns: Sequence[Column], form: Form, cells: LabelCells, warn: Warn
) -> Iterator[Record]:
    """Yield the `records` of a data set's file; UserError says which key names a column that it lacks."""
    try:
        yield from records(path, columns, form, cells.read, warn)
    except MissingColumn as error:
        way = "columns.labels names a column for each label"
        if error.column == columns[0]:
            way = "name the column of the texts in columns.text"
        elif not cells.bits:
            way = "name the column of the labels in columns.label"
        raise UserError(f"{error}; {way}") from None
