"""Turns the fetched files of a data set into train, validation and test tables and a data card."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.artifact import read_json, replaced_file, sha256_of, write_json
from emopress.data.counts import data_card
from emopress.data.read import read_rows
from emopress.data.split import SPLITS, label_counts, make_splits
from emopress.errors import UserError
from emopress.runtime.normalise import normalise_text


def prepare_data(
    name: str,
    dataset: dict[str, Any],
    raw: Path,
    dest: Path,
    warn: Callable[[str], None] = logging.warning,
) -> None:
    """Write `{train,validation,test}.parquet` and, last, `counts.json` into folder `dest`.

    The tables have `id` (str, unique over the splits), `text` (str, normalised) and `label` (int64,
    the position in `dataset["labels"]`; with `multilabel` a list of them, ascending), in file
    order. Normalisation follows the split, so that the published counts hold; a text that it leaves
    empty is a UserError, and so is a label without any text in train. The card is that of
    `counts.data_card`, with `files` (size_bytes and sha256 of each table), `source` (the manifest of
    folder `raw`, or null if there is none) and `notes`: the lines about what may have been meant
    otherwise in the files, each of which `warn` is called with too.
    """
    notes: list[str] = []
    rows = read_rows(raw, dataset, name, notes.append)
    for note in notes:
        warn(f"data set '{name}': {note}")
    splits = make_splits(rows, dataset["split"], dataset["labels"])
    _check_classes(name, dataset["labels"], splits["train"])
    card = data_card(name, dataset, rows, splits)
    # All before the first is written: an error leaves the tables of an earlier run as they were, together.
    tables = {part: _normalised(splits[part], dataset["normalise"], raw) for part in SPLITS}
    for part, table in tables.items():
        with replaced_file(dest / f"{part}.parquet") as temporary:
            _write_parquet(table, temporary, multilabel=bool(dataset.get("multilabel")))
    paths = {f"{part}.parquet": dest / f"{part}.parquet" for part in SPLITS}
    card["files"] = {
        name: {"size_bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for name, path in paths.items()
    }
    card["notes"] = notes
    manifest = raw / "manifest.json"
    card["source"] = read_json(manifest) if manifest.exists() else None
    write_json(dest / "counts.json", card)


def describe_data(counts: Path, described: dict[str, Any], out: Path) -> None:
    """Write the data card `out`: `counts.json` with title, licence and citation put in.

    They come later than the counts, so that a corrected citation retrains nothing.
    """
    write_json(out, {**read_json(counts), **described})


def _normalised(table: pd.DataFrame, method: str, raw: Path) -> pd.DataFrame:
    table = table.assign(text=[normalise_text(text, method) for text in table["text"]])
    empty = table["id"][table["text"] == ""]
    if not empty.empty:
        raise UserError(
            f"{raw}: text {empty.iloc[0]} (the number is its row) is empty after normalisation "
            f"'{method}'; remove the row or choose another method"
        )
    return table


def _check_classes(name: str, labels: list[str], train: pd.DataFrame) -> None:
    counts = label_counts(train["label"], labels)
    absent = [label for label, count in counts.items() if not count]
    if absent:
        shown = ", ".join(f"{label} {count}" for label, count in counts.items())
        raise UserError(
            f"data set '{name}': no text in train has the label {', '.join(map(repr, absent))} ({shown}); "
            "add texts, or take it out of labels"
        )


def _write_parquet(table: pd.DataFrame, path: Path, *, multilabel: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.list_(pa.int64()) if multilabel else pa.int64()
    schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", label)])
    pq.write_table(pa.Table.from_pandas(table, schema=schema, preserve_index=False), path)
