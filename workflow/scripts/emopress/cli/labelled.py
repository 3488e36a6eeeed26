"""Reads a user's own labelled texts: one label per text, or any number of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.errors import UserError

if TYPE_CHECKING:
    import numpy as np


def read_labelled(
    path: Path, text_column: str, label_column: str, labels: list[str]
) -> tuple[list[str], "np.ndarray"]:
    """Return texts and class indices [N] of a user's file; UserError names row and column."""
    import numpy as np

    from emopress.data.read import checked_text

    texts, classes = [], []
    for row, (text, label) in rows_of(path, [text_column, label_column]):
        place = f"{path}, row {row}, column"
        texts.append(checked_text(text, f"{place} '{text_column}'"))
        classes.append(class_of(label, labels, f"{place} '{label_column}'"))
    return texts, np.array(classes)


def read_sets(
    path: Path,
    text_column: str,
    label_column: str | None,
    labels: list[str],
    *,
    separator: str,
) -> tuple[list[str], "np.ndarray"]:
    """Return texts and sets of labels, bools [N, C], of a user's file; UserError names row and column.

    A cell of `label_column` holds a text's labels by name, parted by `separator`, or nothing; without
    one there is a column of 0 and 1 for each label, called as the label is.
    """
    import numpy as np

    from emopress.data.labels import LabelCells
    from emopress.data.read import checked_text

    columns: dict[str, Any] = {"text": text_column, "separator": separator, "label": label_column}
    if label_column is None:
        columns = {"text": text_column, "labels": {label: label for label in labels}}
    cells = LabelCells(
        {"labels": labels, "columns": columns, "multilabel": True, "unlabelled": True}
    )
    texts, sets = [], []
    for row, (text, *found) in rows_of(path, [text_column, *cells.columns]):
        place = f"{path}, row {row}"
        texts.append(checked_text(text, f"{place}, column '{text_column}'"))
        given = cells.read(found, place)
        sets.append([label in given for label in labels])
    return texts, np.array(sets, dtype=bool)


def rows_of(path: Path, columns: list[Any]) -> list[tuple[int, list[Any]]]:
    """Return the rows of a file, their numbers and their cells; UserError if there are none."""
    from emopress.data.read import records

    if not path.is_file():
        raise UserError(f"{path}: no such file; expected labelled texts (.csv, .tsv, .xlsx, .txt)")
    rows = list(records(path, columns))
    if not rows:
        raise UserError(f"{path}: no texts; expected a header and at least one row")
    return rows


def class_of(cell: Any, labels: list[str], place: str) -> int:
    """Return the class that a cell names, by its label or by its index."""
    from emopress.data.labels import checked_label

    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)  # a workbook stores the number 1 as 1.0
    word = cell if cell is None else str(cell).strip()
    if word and word not in labels and word.isdecimal() and int(word) < len(labels):
        return int(word)
    return labels.index(checked_label(word, labels, place))
