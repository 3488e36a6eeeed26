"""The published figures of config/published.yaml, checked: sources and rows by id, plain dicts."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from emopress.artifact import read_yaml
from emopress.errors import UserError, unknown

PUBLISHED = Path("config") / "published.yaml"
FIGURES = (  # as printed, in the unit of the name; speedup and compression against the row's teacher
    "accuracy_percent",
    "macro_f1_percent",
    "params_m",
    "size_mb",
    "compression",
    "speedup",
    "latency_ms",
)
REQUIRED = ("source", "dataset", "recipe")
SOURCE_TEXTS = ("title", "where", "url", "data", "setting")
SOURCE_LISTS = ("errors", "also")


def load_published(path: Path) -> dict[str, Any]:
    """Return {"sources": by name, "rows": by id, "confusion": by row id}; UserError if one is wrong.

    Every source has its list of `errors`, every row `elsewhere` (figure -> the other value printed)
    and `cannot_be` (figure -> why it is not what it says), empty where the file has none.
    """
    try:
        content = read_yaml(path)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: {' '.join(str(error).split())}") from None
    for problem in _problems(content):
        raise UserError(f"{path}: {problem}")
    rows = {
        row["id"]: {
            "elsewhere": {},
            "cannot_be": {},
            **{key: value for key, value in row.items() if key != "id" and value is not None},
        }
        for row in content["rows"]
    }
    sources = {name: {"errors": [], **source} for name, source in content["sources"].items()}
    return {"sources": sources, "rows": rows, "confusion": content.get("confusion") or {}}


def _problems(content: Any) -> Iterator[str]:
    """Yield what is wrong, one line each with its place, as far as the content can be read."""
    if not isinstance(content, dict):
        yield "not a mapping of sources and rows"
        return
    for key, kind in (("sources", dict), ("rows", list)):
        if not isinstance(content.get(key), kind) or not content[key]:
            yield f"{key}: expected a {'mapping' if kind is dict else 'list'}"
            return
    yield from _unknown("", content, ("sources", "rows", "confusion"))
    for name, source in content["sources"].items():
        yield from _source_problems(f"sources.{name}", source)
    seen: set[str] = set()
    for place, row in enumerate(content["rows"], start=1):
        if not isinstance(row, dict) or not _text(row.get("id")):
            yield f"rows: row {place} is not a mapping with an id"
            continue
        if row["id"] in seen:
            yield f"rows: two rows have the id {row['id']}"
        seen.add(row["id"])
        yield from _row_problems(f"rows.{row['id']}", row, content["sources"])
    yield from _confusion_problems(content.get("confusion") or {}, seen)


def _source_problems(where: str, source: Any) -> Iterator[str]:
    if not isinstance(source, dict):
        yield f"{where}: expected a mapping"
        return
    yield from _unknown(where, source, (*SOURCE_TEXTS, *SOURCE_LISTS))
    if "title" not in source:
        yield f"{where}: missing key 'title'"
    for key in SOURCE_TEXTS:
        if key in source and not _text(source[key]):
            yield f"{where}.{key}: {source[key]!r} is not text"
    for key in SOURCE_LISTS:
        lines = source.get(key, [])
        if not isinstance(lines, list) or not all(_text(line) for line in lines):
            yield f"{where}.{key}: expected a list of sentences"


def _row_problems(where: str, row: dict[str, Any], sources: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(
        where, row, ("id", *REQUIRED, "teacher", *FIGURES, "elsewhere", "cannot_be")
    )
    for key in (*REQUIRED, "teacher"):
        if key in REQUIRED and key not in row:
            yield f"{where}: missing key {key!r}"
        elif row.get(key) is not None and not _text(row[key]):
            yield f"{where}.{key}: {row[key]!r} is not text"
    if _text(row.get("source")) and row["source"] not in sources:
        yield f"{where}.source: unknown source {row['source']!r}; sources are: {', '.join(sources)}"
    for key in FIGURES:
        if row.get(key) is not None:
            yield from _figure_problems(f"{where}.{key}", key, row[key])
    if all(row.get(key) is None for key in FIGURES):
        yield f"{where}: no figure; figures are: {', '.join(FIGURES)}"
    for key in ("elsewhere", "cannot_be"):
        notes = row.get(key, {})
        if not isinstance(notes, dict):
            yield f"{where}.{key}: expected a mapping"
            continue
        for figure, note in notes.items():
            if figure not in FIGURES or row.get(figure) is None:
                yield f"{where}.{key}: {figure!r} is not a figure of this row"
            elif key == "elsewhere":
                yield from _figure_problems(f"{where}.{key}.{figure}", figure, note)
            elif not _text(note):
                yield f"{where}.{key}.{figure}: {note!r} is not text"


def _figure_problems(where: str, key: str, value: Any) -> Iterator[str]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        yield f"{where}: {value!r} is not a number above 0"
    elif key.endswith("_percent") and value > 100:
        yield f"{where}: {value!r} is more than 100 %"


def _confusion_problems(confusion: Any, ids: set[str]) -> Iterator[str]:
    if not isinstance(confusion, dict):
        yield "confusion: expected a mapping"
        return
    for name, entry in confusion.items():
        if name not in ids:
            yield f"confusion.{name}: no row has this id"
        if not isinstance(entry, dict) or set(entry) != {"labels", "matrix"}:
            yield f"confusion.{name}: expected labels and matrix"
            continue
        labels, matrix = entry["labels"], entry["matrix"]
        square = isinstance(labels, list) and isinstance(matrix, list)
        square = square and [len(labels)] * len(labels) == [
            len(line) if isinstance(line, list) else -1 for line in matrix
        ]
        if not square or not all(type(n) is int and n >= 0 for line in matrix for n in line):
            yield f"confusion.{name}.matrix: expected one row and one column of counts per label"


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _unknown(where: str, content: Mapping[Any, Any], allowed: tuple[str, ...]) -> Iterator[str]:
    for key in content:
        if key not in allowed:
            yield f"{f'{where}: ' if where else ''}{unknown('key', key, allowed)}"
