"""Turns the label cells of a data set's files into labels: one per text, or with `multilabel` any number."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from emopress.data.formats import Option, in_config
from emopress.errors import UserError, unknown

Column = str | int  # its name in the header, or its place in a file without one, from 1 on
Labels = str | tuple[str, ...]
BITS = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}
SHOWN = 100  # characters of a cell in a message
SEPARATORS = ("|", ";", ",", "/", " ")  # that a cell of several labels is tried with
NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d\d?)?")


def file_labels(dataset: dict[str, Any]) -> list[str]:
    """Return the labels that a data set's files hold, before they are grouped.

    If numbers stand for labels, in the order of the numbers.
    """
    columns, groups = dataset.get("columns") or {}, dataset.get("groups") or {}
    grouped = [name for label in dataset["labels"] for name in groups.get(label, [])]
    by_number = sorted(numbered_labels(columns.get("numbered") or {}).items())
    return list(dict.fromkeys(name for _, name in by_number)) or grouped or list(dataset["labels"])


def numbered_labels(numbered: Sequence[str] | Mapping[Any, str]) -> dict[Decimal, str]:
    """Return number -> label, of `columns.numbered`: a list counts from 0, a mapping has any numbers."""
    if not isinstance(numbered, Mapping):
        return {Decimal(number): label for number, label in enumerate(numbered)}
    by_number = {number_of(key): str(label) for key, label in numbered.items()}
    return {number: label for number, label in by_number.items() if number is not None}


def is_empty(cell: Any) -> bool:
    """Return whether a cell holds nothing: no value, a NaN, or white space."""
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def number_of(cell: Any) -> Decimal | None:
    """Return the number that a cell holds, as a number or written out (1, 1.0, "1"); None for all else."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | str):
        return None
    word = cell[:99].strip() if isinstance(cell, str) else str(cell)
    return Decimal(word) if NUMBER.fullmatch(word) else None


def label_columns(columns: dict[str, Any]) -> dict[str, Column]:
    """Return label -> its column of 0 and 1, of `columns` in the config; empty without such columns.

    Columns that are given as a list have the names of the labels.
    """
    stated = columns.get("labels") or {}
    return {name: name for name in stated} if isinstance(stated, list) else dict(stated)


class LabelCells:
    """Reads the label cells of a row as the entry `dataset` of the config says.

    `columns`: the columns that hold them: that of the labels' names, or one of 0 and 1 per label.
    `option` is how messages name a key of `dataset["columns"]`.
    """

    def __init__(self, dataset: dict[str, Any], option: Option = in_config) -> None:
        self.option = option
        columns, groups = dataset.get("columns") or {}, dataset.get("groups") or {}
        self.labels = list(dataset["labels"])
        self.known = file_labels(dataset)
        numbered = columns.get("numbered") or {}
        self.by_number = numbered_labels(numbered)
        self.counted = not isinstance(numbered, Mapping)
        self.separator: str | None = columns.get("separator")
        self.multilabel = bool(dataset.get("multilabel"))
        self.unlabelled = bool(dataset.get("unlabelled"))
        self.bits = label_columns(columns)
        self.columns = list(self.bits.values()) or [columns.get("label", "label")]
        self.group = {name: label for label, names in groups.items() for name in names}

    def read(self, cells: Sequence[Any], place: str) -> Labels:
        """Return the label of a row, or with `multilabel` its labels, in the order of the classes.

        `cells` are those of `self.columns`; `place` names file and row. UserError for a label that
        the data set does not have, one that is given twice, an empty cell, anything but 0 and 1 in a
        column of them, and a row without any label unless `unlabelled` allows it.
        """
        if not self.multilabel:
            name = self._name(cells[0], f"{place}, column {self.columns[0]!r}")
            return self.group.get(name, name)
        names = self._set(cells, place) if self.bits else self._listed(cells[0], place)
        if not names and not self.unlabelled:
            why = (
                "no label column holds a 1"
                if self.bits
                else f"column {self.columns[0]!r}: empty label"
            )
            raise UserError(
                f"{place}, {why}; allowed with unlabelled: true, else one of {', '.join(self.known)}"
            )
        grouped = {self.group.get(name, name) for name in names}
        return tuple(label for label in self.labels if label in grouped)

    def _set(self, cells: Iterable[Any], place: str) -> list[str]:
        """Return the labels whose column holds a 1."""
        names = []
        for (name, column), cell in zip(self.bits.items(), cells, strict=True):
            text = "" if cell is None else str(cell).strip().lower()
            if text not in BITS:
                shown = repr(cell) if text else "empty"
                raise UserError(f"{place}, column {column!r}: {shown}; allowed: 0, 1")
            if BITS[text]:
                names.append(name)
        return names

    def _listed(self, cell: Any, place: str) -> list[str]:
        """Return the labels that a cell lists: a Parquet list, or text with a separator."""
        place = f"{place}, column {self.columns[0]!r}"
        if is_empty(cell):
            return []
        if isinstance(cell, list):
            parts = cell
        elif isinstance(cell, str) and self.separator:
            parts = [part.strip() for part in cell.split(self.separator)]
        else:
            parts = [cell]
        for part in parts:
            self._check_parted(part, place)
        names = [self._name(part, place) for part in parts]
        # Two numbers may stand for one label.
        marks: list[Any] = list(map(number_of, parts)) if self.by_number else names
        for name, mark in zip(names, marks, strict=True):
            if marks.count(mark) > 1:
                raise UserError(f"{place}: label '{name}' is listed twice in {cell!r}")
        return list(dict.fromkeys(names))

    def _check_parted(self, part: Any, place: str) -> None:
        """Raise UserError for a part of a cell that another separator would split into labels."""
        if not isinstance(part, str) or self._is_label(part):
            return
        for separator in SEPARATORS:
            pieces = part.split(separator)
            if len(pieces) > 1 and all(self._is_label(piece.strip()) for piece in pieces):
                shown = self.option("separator", separator)
                raise UserError(
                    f"{place}: {part[:SHOWN]!r} is not a label; split at {separator!r} it gives labels: set {shown}"
                )

    def _is_label(self, text: str) -> bool:
        return text in self.known if not self.by_number else number_of(text) in self.by_number

    def _name(self, cell: Any, place: str) -> str:
        if not self.by_number:
            return checked_label(cell, self.known, place, self.option)
        number = number_of(cell)
        if number in self.by_number:
            return self.by_number[number]
        word = str(cell)[:SHOWN] if number is None else written(number)
        shown = "empty label" if is_empty(cell) else f"label {word!r}"
        why = ""
        if number is not None and self.counted:
            number_key = self.option("numbered", written(number))
            why = f"; a list counts from 0; for other numbers set {number_key}"
        raise UserError(f"{place}: {shown}; allowed: {_listed_numbers(self.by_number)}{why}")


def _listed_numbers(by_number: Iterable[Decimal]) -> str:
    numbers = sorted(by_number)
    row = len(numbers) > 2 and numbers == [numbers[0] + place for place in range(len(numbers))]
    shown = [numbers[0], numbers[-1]] if row else numbers
    return (" to " if row else ", ").join(map(written, shown))


def written(number: Decimal) -> str:
    """Return a number as usually written: 1, not 1.0."""
    return f"{number.to_integral_value() if number == number.to_integral_value() else number:f}"


def checked_label(cell: Any, labels: list[str], place: str, option: Option = in_config) -> str:
    """Return the label that a cell names, as text or as the same number; UserError if there is none."""
    allowed = f"allowed: {', '.join(labels)}"
    if is_empty(cell):
        raise UserError(f"{place}: empty label; {allowed}")
    word, number = str(cell), number_of(cell)
    if word in labels:
        return word
    word = word[:SHOWN]
    same = [label for label in labels if number is not None and number_of(label) == number]
    if len(same) == 1:
        return same[0]
    if number is None:
        raise UserError(f"{place}: {unknown('label', word, labels)}")
    setting = option("numbered", written(number))
    raise UserError(
        f"{place}: unknown label {word!r}; {allowed}; to say what numbers stand for, set {setting}"
    )
