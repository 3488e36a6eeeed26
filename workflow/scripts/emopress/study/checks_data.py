"""What is wrong with the data sets of a config: files that are not there, labels and columns that do not fit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emopress.data.formats import KEYS, ending_of, endings_of, is_delimiter, refusal
from emopress.data.labels import label_columns, number_of, written
from emopress.data.languages import language_fault
from emopress.study.reserved import reserved_dataset, reserved_labels

Entries = dict[str, dict[str, Any]]


def dataset_errors(datasets: Entries, root: Path) -> Iterator[str]:
    """Yield one line per data set that cannot be read as its entry says.

    The `path` of a file is relative to `root`.
    """
    for name, entry in datasets.items():
        if reserved := reserved_dataset(name):
            yield f"datasets.{name}: {reserved}"
        if fault := language_fault(entry["language"]):
            yield f"datasets.{name}.language: {fault}"
        yield from (f"datasets.{name}.source.files.{error}" for error in _file_errors(entry, root))
        yield from (f"datasets.{name}.{error}" for error in _split_errors(entry))
        yield from (f"datasets.{name}.{error}" for error in _form_errors(entry))
        yield from (f"datasets.{name}.{error}" for error in _label_errors(entry))


def _file_errors(entry: dict[str, Any], root: Path) -> Iterator[str]:
    source = entry["source"]
    names = [file["name"] for file in source["files"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name}: two files have this name"
    needs_split = entry["split"]["method"] == "given" or "hub" in source
    for file in source["files"]:
        where = file["name"]
        if where in (".", "..", "manifest.json"):
            yield f"{where}: not a name for a file of a data set"
        elif why := refusal(ending_of(file)):
            yield f"{where}: {why}"
        if "path" in file and not (root / file["path"]).is_file():
            yield f"{where}: no file {file['path']!r} in the repository"
        if "path" not in file and "sha256" not in file:
            yield f"{where}: sha256 is required for a file that is fetched"
        if "path" not in file and "url" not in file and "hub" not in source:
            yield f"{where}: give a url, a path, or a hub beside files"
        if needs_split and "split" not in file:
            yield f"{where}: say which split it is (train, validation, test)"


def _split_errors(entry: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the published splits that the files are, if they are any."""
    files = entry["source"]["files"]
    given = [file["split"] for file in files if "split" in file]
    if not given:
        return
    way = "or leave `split` out of all files: split: {method: clean} then cuts what is needed from all texts"
    if missing := [part for part in ("train", "test") if part not in given]:
        yield (
            f"source.files: no file is {' and none is '.join(missing)}; published splits need train and "
            f"test, and validation can be cut from train; add the file, {way}"
        )
    elif len(given) < len(files) and entry["split"]["method"] != "given":
        name = next(file["name"] for file in files if "split" not in file)
        yield f"source.files: {name} has no `split` and others have; say which it is (train, validation, test), {way}"


def _form_errors(entry: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with delimiter, quoting and sheet, of all files and of one."""
    files = entry["source"]["files"]
    places = [("columns", entry["columns"], {ending_of(file) for file in files})]
    places += [(f"source.files.{file['name']}", file, {ending_of(file)}) for file in files]
    for where, given, endings in places:
        for key in (key for key in KEYS if key in given):
            if not endings & set(endings_of(key)):
                fitting = " and ".join(endings_of(key))
                yield f"{where}: {key!r} changes nothing; it is for {fitting} files"
        delimiter = given.get("delimiter", ",")
        if not is_delimiter(delimiter):
            yield (
                f"{where}.delimiter: {delimiter!r}; allowed: one character (\\t is a tab), and no "
                "quotation mark or line break"
            )


def _number_errors(numbered: list[str] | dict[Any, str]) -> Iterator[str]:
    """Yield what is wrong with the numbers that stand for labels."""
    if isinstance(numbered, list):
        named = [
            (place, label) for place, label in enumerate(numbered) if number_of(label) is not None
        ]
        if any(number_of(label) != place for place, label in named):
            place, label = next(pair for pair in named if number_of(pair[1]) != pair[0])
            yield (
                f"a list counts from 0, so that {place} would stand for {label!r}; leave it out to read "
                f"numbers as the labels that they are, or write a mapping ({{1: {numbered[0]!r}, ...}})"
            )
        return
    for key, label in numbered.items():
        if number_of(key) is None:
            meant = f"{label}: {key}" if number_of(label) is not None else f"1: {label}"
            yield f"{key!r} is not a number; allowed: number: label, as in {{{meant}}}"
            return
    numbers = [number_of(key) for key in numbered]
    for number in sorted({n for n in numbers if n is not None and numbers.count(n) > 1}):
        yield f"the number {written(number)} is listed twice"


def _label_errors(entry: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with groups and columns; source labels are those that the files hold."""
    labels, groups, columns = entry["labels"], entry.get("groups"), entry["columns"]
    known = labels
    if groups is not None:
        known = [name for names in groups.values() for name in names]
        if set(groups) != set(labels):
            yield f"groups: give one for each of labels: {', '.join(labels)}"
        for label in sorted({name for name in known if known.count(name) > 1}):
            yield f"groups: {label!r} is in two of them"
    for label in sorted({*labels, *known}):
        if label != label.strip():
            yield f"labels: {label!r} has spaces at an end; write {label.strip()!r}"
    yield from reserved_labels(labels)
    for names in (labels, known):
        folded: dict[str, str] = {}
        for label in names:
            other = folded.setdefault(label.strip().casefold(), label)
            if other != label and other.strip() != label.strip():
                yield f"labels: {other!r} and {label!r} differ in case alone; give one of them"
    wrong = list(_number_errors(columns.get("numbered", [])))
    yield from (f"columns.numbered: {error}" for error in wrong)
    for key in ("numbered", "labels"):
        if key not in columns or (wrong and key == "numbered"):
            continue
        given = columns[key]
        by_number = key == "numbered" and isinstance(given, dict)
        names = set(map(str, given.values() if by_number else given))
        if names != set(known):
            differing = ", ".join(sorted(names ^ set(known)))
            yield f"columns.{key}: must have the labels of the files; differing: {differing}"
    suffixes = set(map(ending_of, entry["source"]["files"]))
    places = [columns["text"], *(label_columns(columns) or {"": columns["label"]}).values()]
    if len({type(place) for place in places}) > 1:
        yield "columns: all by name, or all by number (in files without a header)"
    elif isinstance(places[0], int) and ".parquet" in suffixes:
        yield "columns: the columns of a .parquet file have names"
    if "labels" in columns and ".txt" in suffixes:
        yield "columns.labels: a .txt file has one label per line"
    listed = entry["multilabel"] and "labels" not in columns and "separator" not in columns
    if listed and suffixes != {".parquet"}:
        yield "columns: with multilabel give a separator, or columns of 0 and 1 (labels)"
