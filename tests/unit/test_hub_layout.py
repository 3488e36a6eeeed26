"""A data set in the hub's own layout (configs in the README, parquet shards, lists of class labels) is read.

A folder stands in for the repository: the hub's library reads both by the same code, from the same files.
"""

import hashlib

import pytest

from emopress.artifact import read_json
from emopress.data.fetch import fetch_files
from emopress.data.read import read_rows
from emopress.data.sources import data_set
from emopress.errors import UserError

NAMES = ["admiration", "amusement", "anger", "neutral"]
README = """---
configs:
- config_name: raw
  data_files:
  - split: train
    path: raw/train-*
- config_name: simplified
  data_files:
  - split: train
    path: simplified/train-*
  - split: validation
    path: simplified/validation-*
  default: true
---
"""
SHARDS = {
    "train": [
        [("My favourite food", [3], "eebbqej"), ('he said "no"', [0, 2], "ed00q6i")],
        [("tabs\tand, commas", [1], "eezlygj")],
    ],
    "validation": [[("fine.", [0], "f1")]],
}
TRAIN = 'My favourite food\t3\teebbqej\n"he said ""no"""\t0,2\ted00q6i\n"tabs\tand, commas"\t1\teezlygj\n'


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A repository as the hub keeps it, with two configs, the second in two shards."""
    import datasets

    folder = tmp_path_factory.mktemp("hub") / "go_emotions"
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "labels": datasets.List(datasets.ClassLabel(names=NAMES)),
            "id": datasets.Value("string"),
        }
    )
    for split, shards in SHARDS.items():
        for number, rows in enumerate(shards):
            texts, labels, ids = zip(*rows, strict=True)
            table = {"text": list(texts), "labels": list(labels), "id": list(ids)}
            path = folder / "simplified" / f"{split}-{number:05d}-of-{len(shards):05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            datasets.Dataset.from_dict(table, features=features).to_parquet(str(path))
    raw = folder / "raw" / "train-00000-of-00001.parquet"
    raw.parent.mkdir()
    datasets.Dataset.from_dict({"comment": ["another table"]}).to_parquet(str(raw))
    (folder / "README.md").write_text(README, encoding="utf-8")
    return folder


@pytest.fixture
def fetched(hub, tmp_path, monkeypatch):
    """Return a function that fetches the train split with some labels in the config."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    sha256 = hashlib.sha256(TRAIN.encode()).hexdigest()
    source = {
        "hub": {"repo": str(hub), "config": "simplified", "revision": "c" * 40},
        "files": [{"name": "train.tsv", "split": "train", "sha256": sha256}],
    }

    def fetch(labels):
        dest = tmp_path / "raw"
        fetch_files(data_set("go"), source, mirrors=[], root=tmp_path, dest=dest, labels=labels)
        return dest, source

    return fetch


def test_it_becomes_the_file_that_was_first_published(fetched):
    dest, source = fetched(NAMES)
    assert (dest / "train.tsv").read_bytes() == TRAIN.encode()
    assert read_json(dest / "manifest.json")["train.tsv"]["origin"].startswith("hub data set ")
    entry = {
        "labels": NAMES,
        "multilabel": True,
        "columns": {"text": 1, "label": 2, "separator": ",", "numbered": NAMES},
        "source": source,
    }
    rows = read_rows(dest, entry, "go")
    assert rows["text"].tolist() == [row[0] for shard in SHARDS["train"] for row in shard]
    assert rows["label"].tolist() == [("neutral",), ("admiration", "anger"), ("amusement",)]


def test_other_names_of_the_labels_are_refused(fetched):
    with pytest.raises(UserError, match=r"its labels are .*'neutral'.*, the config's are"):
        fetched([*NAMES[:3], "grief"])
