"""Turns the label cells of a data set's files into labels: one per text, or with `multilabel` any number."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from emopress.errors import UserError

Column = str | int  # its name in the header, or its place in a file without one, from 1 on
Labels = str | tuple[str, ...]
BITS = {"0": False, "1": True, "0.0": False, "1.0": True, "False": False, "True": True}


def file_labels(dataset: dict[str, Any]) -> list[str]:
    """Return the labels that a data set's files hold, before they are grouped.

    Where numbers stand for them, in the order of these.
    """
    columns, groups = dataset.get("columns") or {}, dataset.get("groups") or {}
    grouped = [name for label in dataset["labels"] for name in groups.get(label, [])]
    return list(columns.get("numbered") or grouped or dataset["labels"])


def label_columns(columns: dict[str, Any]) -> dict[str, Column]:
    """Return label -> its column of 0 and 1, of `columns` in the config; empty without such columns.

    Columns that are given as a list have the names of the labels.
    """
    found = columns.get("labels") or {}
    return {name: name for name in found} if isinstance(found, list) else dict(found)


class LabelCells:
    """Reads the label cells of a row as the entry `dataset` of the config says.

    `columns`: the columns that hold them: that of the labels' names, or one of 0 and 1 per label.
    """

    def __init__(self, dataset: dict[str, Any]) -> None:
        columns, groups = dataset.get("columns") or {}, dataset.get("groups") or {}
        self.labels = list(dataset["labels"])
        self.known = file_labels(dataset)
        self.numbered = bool(columns.get("numbered"))
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
        found = self._set(cells, place) if self.bits else self._listed(cells[0], place)
        if not found and not self.unlabelled:
            why = (
                "no label column holds a 1"
                if self.bits
                else f"column {self.columns[0]!r}: empty label"
            )
            raise UserError(
                f"{place}, {why}; allowed with unlabelled: true, else one of {', '.join(self.known)}"
            )
        grouped = {self.group.get(name, name) for name in found}
        return tuple(label for label in self.labels if label in grouped)

    def _set(self, cells: Iterable[Any], place: str) -> list[str]:
        """Return the labels whose column holds a 1."""
        found = []
        for (name, column), cell in zip(self.bits.items(), cells, strict=True):
            text = "" if cell is None else str(cell).strip()
            if text not in BITS:
                shown = repr(cell) if text else "empty"
                raise UserError(f"{place}, column {column!r}: {shown}; allowed: 0, 1")
            if BITS[text]:
                found.append(name)
        return found

    def _listed(self, cell: Any, place: str) -> list[str]:
        """Return the labels that a cell lists: a Parquet list, or text with a separator."""
        place = f"{place}, column {self.columns[0]!r}"
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return []
        if isinstance(cell, list):
            parts = cell
        elif isinstance(cell, str) and self.separator:
            parts = [part.strip() for part in cell.split(self.separator)]
        else:
            parts = [cell]
        names = [self._name(part, place) for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{place}: label '{name}' stands twice in {cell!r}")
        return names

    def _name(self, cell: Any, place: str) -> str:
        if not self.numbered:
            return checked_label(cell, self.known, place)
        last = len(self.known) - 1
        word = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
        if not word.isdecimal() or int(word) > last:
            shown = "empty label" if cell is None or not word.strip() else f"label {word!r}"
            raise UserError(f"{place}: {shown}; allowed: 0 to {last}")
        return self.known[int(word)]


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
