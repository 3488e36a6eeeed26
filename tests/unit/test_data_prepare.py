"""Preparing: tables, card and their agreement; a planted leak is reported; the real counts hold."""

import json
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from emopress.artifact import read_json, sha256_of, write_json
from emopress.data.counts import data_card, leakage
from emopress.data.prepare import prepare_data
from emopress.data.read import read_rows
from emopress.data.split import SPLITS, make_splits
from emopress.errors import UserError

CATALOGUE = yaml.safe_load(
    (Path(__file__).parents[2] / "config" / "datasets.yaml").read_text(encoding="utf-8")
)
UBMEC_FILE = "UBMEC Corpus_Sakib(updated).xlsx"
UBMEC = {
    "labels": ["anger", "disgust", "fear", "joy", "sadness", "surprise"],
    "source": {"files": [{"name": UBMEC_FILE}]},
    "columns": {"text": "text", "label": "classes"},
    "split": {"method": "paper", "test_size": 0.3, "validation_size": 0.1, "seed": 42},
    "normalise": "bengali",
}
EMOTION = {
    "labels": ["sadness", "joy", "love", "anger", "fear", "surprise"],
    "source": {
        "files": [
            {"name": "train.txt", "split": "train"},
            {"name": "val.txt", "split": "validation"},
            {"name": "test.txt", "split": "test"},
        ]
    },
    "split": {"method": "given"},
    "normalise": "none",
}


@pytest.fixture
def demo(tmp_path):
    """Return (dataset entry, raw folder) of 60 Bengali texts in two labels, one of them twice."""
    raw = tmp_path / "raw"
    raw.mkdir()
    lines = [
        f'"আমি  {number} \u09ac\u09bcাত",{"joy" if number % 3 else "fear"}' for number in range(59)
    ]
    lines.append(lines[0])
    (raw / "demo.csv").write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    dataset = {
        "title": "Demo",
        "language": "bn",
        "demo": True,
        "labels": ["fear", "joy"],
        "source": {"files": [{"name": "demo.csv"}]},
        "columns": {"text": "text", "label": "label"},
        "split": {"method": "paper", "test_size": 0.3, "validation_size": 0.1, "seed": 1},
        "normalise": "bengali",
        "licence": "MIT",
        "licence_url": "https://example.org/licence",
        "citation": "Somebody",
    }
    return dataset, raw


def test_tables_and_card(demo, tmp_path):
    dataset, raw = demo
    write_json(raw / "manifest.json", {"demo.csv": {"origin": "here"}})
    dest = tmp_path / "demo"
    prepare_data("demo", dataset, raw, dest)
    assert sorted(path.name for path in dest.iterdir()) == [
        "counts.json",
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]
    card = read_json(dest / "counts.json")
    tables = {part: pd.read_parquet(dest / f"{part}.parquet") for part in SPLITS}
    for part, table in tables.items():
        assert list(table.columns) == ["id", "text", "label"]
        assert table["label"].dtype == "int64"
        assert card["texts"][part] == len(table) == sum(card["counts"][part].values())
        assert card["counts"][part]["joy"] == (table["label"] == 1).sum()
        assert card["label_shares"][part]["joy"] == pytest.approx(table["label"].mean(), abs=1e-4)
        assert table["text"].str.endswith("\u09b0াত").all()  # normalised, with single spaces
        assert not table["text"].str.contains("  ").any()
        assert card["files"][f"{part}.parquet"]["sha256"] == sha256_of(dest / f"{part}.parquet")
    ids = pd.concat(tables.values())["id"]
    assert ids.is_unique and ids.str.startswith("demo-").all()
    assert card["raw"]["rows"] == 60 and card["raw"]["exact_duplicates"] == 1
    assert card["raw"]["dropped"] == 1
    assert card["lengths"]["words"] == {"median": 3.0, "p95": 3.0, "max": 3}
    assert card["source"] == {"demo.csv": {"origin": "here"}}
    assert (card["licence"], card["citation"], card["demo"]) == ("MIT", "Somebody", True)
    assert card["split"] == dataset["split"]


def test_the_same_input_gives_the_same_files(demo, tmp_path):
    dataset, raw = demo
    for folder in ("a", "b"):
        prepare_data("demo", dataset, raw, tmp_path / folder)
    for file in ("train.parquet", "test.parquet", "counts.json"):
        assert sha256_of(tmp_path / "a" / file) == sha256_of(tmp_path / "b" / file)


def test_a_text_that_normalisation_empties_is_an_error(demo, tmp_path):
    dataset, raw = demo
    with (raw / "demo.csv").open("a", encoding="utf-8") as stream:
        stream.write("\u200b,joy\n")
    with pytest.raises(
        UserError, match=r"text demo-00062 .* is empty after normalisation 'bengali'"
    ):
        prepare_data("demo", dataset, raw, tmp_path / "demo")
    assert not (tmp_path / "demo" / "counts.json").exists()


def test_a_planted_leak_is_reported(demo):
    dataset, raw = demo
    rows = read_rows(raw, dataset, "demo")
    splits = make_splits(rows, dataset["split"] | {"method": "clean"}, dataset["labels"])
    nothing = dict.fromkeys(
        [
            "test_in_train",
            "test_in_validation",
            "test_in_train_or_validation",
            "validation_in_train",
        ],
        0,
    )
    assert leakage(splits) == {"exact": nothing, "letters_only": nothing}
    exact, spaced = splits["test"].iloc[[0]], splits["test"].iloc[[1]].copy()
    spaced["text"] = " !" + spaced["text"] + "?"
    splits["train"] = pd.concat([splits["train"], exact, spaced], ignore_index=True)
    splits["validation"] = pd.concat([splits["validation"], exact], ignore_index=True)
    card = data_card("demo", dataset, rows, splits)
    assert card["leakage"] == {
        "exact": {
            "test_in_train": 1,
            "test_in_validation": 1,
            "test_in_train_or_validation": 1,
            "validation_in_train": 1,
        },
        "letters_only": {
            "test_in_train": 2,
            "test_in_validation": 1,
            "test_in_train_or_validation": 2,
            "validation_in_train": 1,
        },
    }
    assert card["duplicates"]["all"]["exact_duplicates"] == 2
    assert card["duplicates"]["all"]["letters_only_duplicates"] == 3
    json.dumps(card)


def mirrored(name):
    """Return the folder of a real data set in the mirror, or skip where there is no mirror."""
    mirror = os.environ.get("EMOPRESS_MIRROR")
    if not mirror or not (Path(mirror) / name).is_dir():
        pytest.skip(f"the published counts of {name} need the mirror: set EMOPRESS_MIRROR")
    return Path(mirror) / name


def test_published_counts_of_ubmec(tmp_path):
    raw = mirrored("ubmec")
    expected = "8f0cdd9d6c250ca982379ec7a390684d39db214520144031a4fd5d612041b180"
    assert sha256_of(raw / UBMEC_FILE) == expected
    prepare_data("ubmec", UBMEC, raw, tmp_path)
    card = read_json(tmp_path / "counts.json")
    assert card["raw"]["rows"] == 13_436
    assert card["raw"]["rows"] - card["raw"]["exact_duplicates"] == 13_072
    assert card["raw"]["contradicting_texts"] == 58
    assert card["raw"]["numeric_cells"] == 1
    counts = card["counts"]
    assert {label: sum(counts[part][label] for part in SPLITS) for label in UBMEC["labels"]} == {
        "joy": 3290,
        "sadness": 2622,
        "anger": 2422,
        "disgust": 2049,
        "fear": 1348,
        "surprise": 1341,
    }
    assert card["texts"] == {"train": 8235, "validation": 915, "test": 3922}
    assert card["texts"]["train"] + card["texts"]["validation"] == 9_150
    assert card["leakage"]["exact"]["test_in_train_or_validation"] == 24
    assert card["leakage"]["letters_only"]["test_in_train_or_validation"] == 65
    assert card["lengths"]["words"]["median"] == 15
    assert card["lengths"]["words"]["p95"] == 42


def test_clean_split_of_ubmec_leaks_nothing(tmp_path):
    raw = mirrored("ubmec")
    prepare_data("ubmec", UBMEC | {"split": UBMEC["split"] | {"method": "clean"}}, raw, tmp_path)
    card = read_json(tmp_path / "counts.json")
    assert card["texts"] == {"train": 8088, "validation": 899, "test": 3852}
    assert not any(card["leakage"]["letters_only"].values())
    assert card["duplicates"]["all"]["letters_only_contradicting_texts"] == 0


def test_tables_and_card_of_several_labels(tmp_path):
    lines = [f"text {i};{'fear' if i % 3 else 'joy,fear'}" for i in range(60)]
    (tmp_path / "demo.txt").write_text("\n".join([*lines, lines[0], "text 1;joy", "none;"]))
    dataset = {
        "labels": ["fear", "joy"],
        "multilabel": True,
        "unlabelled": True,
        "source": {"files": [{"name": "demo.txt"}]},
        "columns": {"separator": ","},
        "split": {"method": "paper", "test_size": 0.3, "validation_size": 0.2, "seed": 1},
        "normalise": "none",
    }
    prepare_data("demo", dataset, tmp_path, tmp_path / "demo")
    card = read_json(tmp_path / "demo" / "counts.json")
    train = pq.read_table(tmp_path / "demo" / "train.parquet")
    assert str(train.schema.field("label").type) == "list<element: int64>"
    everything = [pq.read_table(tmp_path / "demo" / f"{p}.parquet").to_pylist() for p in SPLITS]
    labels = {row["text"]: row["label"] for part in everything for row in part}
    assert labels["text 0"] == [0, 1] and labels["none"] == []
    assert card["raw"]["exact_duplicates"] == 1 and card["raw"]["contradicting_texts"] == 1
    assert sum(card["counts"][part]["joy"] for part in SPLITS) == 21
    assert sum(card["labels_per_text"][part]["texts"].get("2", 0) for part in SPLITS) == 20
    assert sum(card["labels_per_text"][part]["texts"].get("0", 0) for part in SPLITS) == 1
    shares = card["label_shares"]["train"]
    assert shares["joy"] == pytest.approx(card["counts"]["train"]["joy"] / len(train), abs=1e-4)


def test_published_counts_of_goemotions(tmp_path):
    raw = mirrored("goemotions")
    for name in ("goemotions", "goemotions-ekman"):
        for file in CATALOGUE[name]["source"]["files"]:
            assert sha256_of(raw / file["name"]) == file["sha256"]
        prepare_data(name, CATALOGUE[name], raw, tmp_path / name)
        card = read_json(tmp_path / name / "counts.json")
        assert card["texts"] == {"train": 43_410, "validation": 5_426, "test": 5_427}
    grouped = raw / "ekman"
    if not grouped.is_dir():
        pytest.skip("the mirror has no grouped files to compare with")
    labels = (grouped / "labels.txt").read_text().split()
    assert labels == CATALOGUE["goemotions-ekman"]["labels"]
    for part, file in zip(SPLITS, ("train.tsv", "dev.tsv", "test.tsv"), strict=True):
        expected = pd.read_csv(grouped / file, sep="\t", header=None, dtype=str)
        found = pq.read_table(tmp_path / "goemotions-ekman" / f"{part}.parquet").to_pylist()
        assert [row["label"] for row in found] == [
            sorted(int(label) for label in cell.split(",")) for cell in expected[1]
        ]


def test_published_counts_of_emotion(tmp_path):
    raw = mirrored("emotion")
    prefixes = {"train": "3ab03d94", "val": "34faaa31", "test": "60f53169"}
    assert {part: sha256_of(raw / f"{part}.txt")[:8] for part in prefixes} == prefixes
    prepare_data("emotion", EMOTION, raw, tmp_path / "given")
    card = read_json(tmp_path / "given" / "counts.json")
    assert card["texts"] == {"train": 16_000, "validation": 2_000, "test": 2_000}
    assert card["leakage"]["exact"]["test_in_train"] == 11
    assert card["raw"]["given_splits"]["train"]["contradicting_texts"] == 30
    prepare_data("emotion", EMOTION | {"split": {"method": "clean"}}, raw, tmp_path / "clean")
    clean = read_json(tmp_path / "clean" / "counts.json")
    assert clean["texts"] == {"train": 15_921, "validation": 1_988, "test": 1_986}
    assert not any(clean["leakage"]["letters_only"].values())


def test_what_was_read_otherwise_than_it_may_be_meant_is_told_and_kept(demo, tmp_path):
    """A workbook with two tables; nobody needs to be told of the one that the config names."""
    import openpyxl

    (dataset, raw), book = demo, openpyxl.Workbook()
    book.remove(book.active)
    for name in ("May", "June"):
        sheet = book.create_sheet(name)
        sheet.append(["text", "label"])
        for number in range(60):
            sheet.append([f"{name} {number}", dataset["labels"][number % 2]])
    book.save(raw / "a.xlsx")
    dataset["source"] = {"files": [{"name": "a.xlsx"}]}
    note = (
        "a.xlsx: sheet 'May' is read, and not 'June'; columns.sheet: \"June\" chooses another one"
    )
    for columns, notes in (({}, [note]), ({"sheet": "May"}, [])):
        told = []
        prepare_data("demo", {**dataset, "columns": columns}, raw, tmp_path / "out", told.append)
        assert told == [f"data set 'demo': {note}" for note in notes]
        assert read_json(tmp_path / "out" / "counts.json")["notes"] == notes
