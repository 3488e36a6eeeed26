"""Reads a user's own labelled texts: one label per text, or any number of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.errors import MissingColumn, UserError, unknown

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Labelled:
    """A file of labelled texts and the options for reading it.

    `form`: delimiter, quoting and sheet, as far as given, as in a config's `columns`. `numbered`: number ->
    label; if empty, a number that is not a label is an index, counted from 0. `warn` is called with a line
    about anything ambiguous.
    """

    path: Path
    warn: Callable[[str], None]
    text_column: str = "text"
    label_column: str = "label"
    form: Mapping[str, str] = field(default_factory=dict)
    numbered: Mapping[str, str] = field(default_factory=dict)


def read_labelled(file: Labelled, labels: list[str]) -> tuple[list[str], "np.ndarray"]:
    """Return texts and class indices [N] of a file; UserError names row and column."""
    import numpy as np

    from emopress.data.formats import on_command_line
    from emopress.data.labels import LabelCells
    from emopress.data.records import checked_text

    for named in sorted(set(file.numbered.values()) - set(labels)):
        raise UserError(f"--numbered: {unknown('label', named, labels)}")
    columns = {"label": file.label_column, "numbered": file.numbered}
    by_number = LabelCells({"labels": labels, "columns": columns}, on_command_line)

    def class_in(cells: list[Any], place: str) -> int:
        if file.numbered:
            return labels.index(str(by_number.read(cells, place)))
        return class_of(cells[0], labels, f"{place}, column '{file.label_column}'")

    texts, classes, cells = [], [], []
    for row, (text, *label) in _rows(file, [file.label_column], class_in):
        place = f"{file.path}, row {row}"
        texts.append(checked_text(text, f"{place}, column '{file.text_column}'"))
        classes.append(class_in(label, place))
        cells += label
    if not file.numbered:
        _warn_of_indices(file, cells, labels)
    return texts, np.array(classes)


def read_sets(
    file: Labelled, labels: list[str], *, separator: str | None
) -> tuple[list[str], "np.ndarray"]:
    """Return texts and sets of labels, bools [N, C], of a file; UserError names row and column.

    A cell of the label column holds the names of a text's labels, separated by `separator`, or nothing.
    Without a separator there is a column of 0 and 1 for each label, named like the label.
    """
    import numpy as np

    from emopress.data.formats import on_command_line
    from emopress.data.labels import LabelCells
    from emopress.data.records import checked_text

    columns: dict[str, Any] = {"labels": {label: label for label in labels}}
    if separator is not None:
        columns = {"label": file.label_column, "separator": separator, "numbered": file.numbered}
    known = {"labels": labels, "columns": columns, "multilabel": True, "unlabelled": True}
    cells = LabelCells(known, on_command_line)
    texts, sets = [], []
    for row, (text, *values) in _rows(file, cells.columns, cells.read, several=True):
        place = f"{file.path}, row {row}"
        texts.append(checked_text(text, f"{place}, column '{file.text_column}'"))
        names = cells.read(values, place)
        sets.append([label in names for label in labels])
    return texts, np.array(sets, dtype=bool)


def _option_for(column: str, file: Labelled, several: bool) -> str:
    """Say with which option to name the column that `column` was expected to be."""
    if column == file.text_column:
        return "name the column of the texts with --text-column"
    if column == file.label_column:
        way = "name the column of the labels with --label-column"
        return f"{way}, or use --label-columns if each label has its own column" if several else way
    return "with --label-columns, each label needs a column of its name"


def _rows(
    file: Labelled,
    label_columns: list[Any],
    read: Callable[[list[Any], str], Any],
    *,
    several: bool = False,
) -> list[tuple[int, list[Any]]]:
    """Return number and cells of each row of a file; UserError if there are none.

    `read` reads the cells of the label columns or raises UserError. `several`: a text may have several
    labels.
    """
    from emopress.cli.options import form_on_disk
    from emopress.data.records import records

    if not file.path.is_file():
        problem = "a folder" if file.path.is_dir() else "no such file"
        raise UserError(
            f"{file.path}: {problem}; expected labelled texts (.csv, .tsv, .xlsx, .parquet, .txt)"
        )
    form = form_on_disk(file.path, file.form)
    columns = [file.text_column, *label_columns]
    try:
        rows = list(records(file.path, columns, form, read, file.warn))
    except MissingColumn as error:
        raise UserError(f"{error}; {_option_for(error.column, file, several)}") from None
    if not rows:
        raise UserError(f"{file.path}: no texts; expected a header and at least one row")
    return rows


def class_of(cell: Any, labels: list[str], place: str) -> int:
    """Return the class that a cell names by label or by index."""
    from emopress.data.formats import on_command_line
    from emopress.data.labels import checked_label

    cell = cell.strip() if isinstance(cell, str) else cell
    index = _index_in(cell, labels)
    if index is not None:
        return index
    return labels.index(checked_label(cell, labels, place, on_command_line))


def _index_in(cell: Any, labels: list[str]) -> int | None:
    """Return the class index in a cell; None for anything else, and if labels are numbers themselves."""
    from emopress.data.labels import number_of

    number = number_of(cell.strip() if isinstance(cell, str) else cell)
    if number is None or any(number_of(label) is not None for label in labels):
        return None
    return int(number) if number in range(len(labels)) else None


def _warn_of_indices(file: Labelled, cells: list[Any], labels: list[str]) -> None:
    """Warn if numbers are read as indices although none is 0: they may be counted from 1."""
    indices = {index for cell in cells if (index := _index_in(cell, labels)) is not None}
    if indices and min(indices) > 0:
        first = min(indices)
        file.warn(
            f"{file.path}: labels are numbers and none is 0; they are read as indices, {first} as "
            f"{labels[first]!r}; if {first} stands for another label, use --numbered LABEL={first} ..."
        )
