"""What docs/add-a-dataset.md says works: its YAML is a study, and so many texts per label can be split."""

import re
import textwrap
from pathlib import Path

import pandas
import pytest
import yaml

from emopress.data.split import make_splits
from emopress.errors import UserError
from emopress.study.load_study import load_study

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add-a-dataset.md").read_text("utf-8")
WHOLE, *CHANGES = [
    yaml.safe_load(textwrap.dedent(block)) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
]
SHARES = WHOLE["datasets"]["reviews"]["split"]
STATED = int(re.search(r"at least (\d+)\s+different texts per label", PAGE)[1])


@pytest.fixture
def project(tmp_path):
    """A project's folder with the catalogue and the page's table."""
    table = tmp_path / "data" / "mine" / "reviews.csv"
    table.parent.mkdir(parents=True)
    table.write_text(re.search(r"```csv\n(.*?)```", PAGE, re.S)[1], "utf-8")
    (tmp_path / "config").mkdir()
    catalogue = (ROOT / "config" / "datasets.yaml").read_text("utf-8")
    (tmp_path / "config" / "datasets.yaml").write_text(catalogue, "utf-8")
    for entry in yaml.safe_load(catalogue).values():
        for file in entry["source"]["files"]:
            if "path" in file:
                (tmp_path / file["path"]).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / file["path"]).touch()
    return tmp_path


def test_the_study_is_one(project):
    study = load_study(WHOLE, project)
    assert study.variants == {"reviews": ["linear", "linear+int8-weights", "words", "words+int4"]}
    columns = study.datasets["reviews"]["columns"]
    named = pandas.read_csv(project / "data" / "mine" / "reviews.csv").columns
    assert {columns["text"], columns["label"]} == set(named)


@pytest.mark.parametrize("change", CHANGES)
def test_so_are_its_changes(project, change):
    entry = {**WHOLE["datasets"]["reviews"], **change}
    study = load_study({**WHOLE, "datasets": {"reviews": entry}}, project)
    assert study.datasets["reviews"]["multilabel"]


def rows(per_label, labels):
    """Return rows of texts that are all different, with so many of each label, and the labels."""
    names = [f"label{i}" for i in range(labels)]
    found = [(f"text {i} {n}", name) for i, name in enumerate(names) for n in range(per_label)]
    table = pandas.DataFrame(found, columns=["text", "label"])
    return table.assign(id=table["text"], given_split=None, numeric=False), names


@pytest.mark.parametrize("labels", [2, 3, 6, 28])
def test_the_stated_number_of_texts_can_be_split(labels):
    split = {**SHARES, "seed": 42}
    made = make_splits(rows(STATED, labels)[0], split, rows(STATED, labels)[1])
    assert all(set(part["label"]) == set(range(labels)) for part in made.values())


def test_one_text_per_label_ends_in_a_line():
    table, names = rows(1, 3)
    with pytest.raises(UserError, match=r"split: cannot cut test \(share 0\.2\) from 3 texts"):
        make_splits(table, {**SHARES, "seed": 42}, names)
