"""Flips: the right texts in the right order, and no cell that a spreadsheet runs."""

import csv

import numpy as np
import pandas
import pytest

from emopress.measure.evaluated import Evaluated
from emopress.measure.flips import COLUMNS, confident_flips, harmless, write_flips

LABELS = ["joy", "fear", "anger"]
TEXTS = pandas.DataFrame(
    {
        "id": ["t0", "t1", "t2", "t3"],
        "text": ["খুশি", '=HYPERLINK("x","y")', "two\nlines, a comma", "-1 of 10"],
        "label": [0, 1, 2, 0],
    }
)


def flips(given, sure, taught, taught_sure, limit=10, seeds=(0,)):
    evaluated = Evaluated(
        variants=["big", "big+int8"],
        seeds=list(seeds),
        labels=LABELS,
        texts=TEXTS,
        noise=[0.0],
        predicted={0.0: np.array([taught, given])},
        confidence={0.0: np.array([taught_sure, sure])},
        validation=np.zeros(2),
        n_validation=0,
    )
    return confident_flips(evaluated, "big+int8", "big", limit=limit)


def test_order_and_columns():
    found = flips([[0, 2, 1, 1]], [[0.9, 0.6, 0.99, 0.7]], [[0, 1, 0, 0]], [[0.9, 0.8, 0.5, 0.95]])
    # t0 is no flip; t3 min 0.7, t1 min 0.6, t2 min 0.5
    assert list(found["id"]) == ["t3", "t1", "t2"]
    assert list(found.columns) == COLUMNS
    assert found.iloc[0].to_dict() == {
        "variant": "big+int8",
        "seed": 0,
        "id": "t3",
        "text": "-1 of 10",
        "label": "joy",
        "teacher": "big",
        "teacher_label": "joy",
        "teacher_probability": 0.95,
        "variant_label": "fear",
        "variant_probability": 0.7,
    }


def test_limit_and_equal_confidence():
    given, taught = [[1, 1, 1, 1]], [[0, 0, 0, 0]]
    even = [[0.5] * 4]
    assert list(flips(given, even, taught, even, limit=2)["id"]) == ["t0", "t1"]
    assert len(flips(given, even, taught, even, limit=0)) == 0
    assert len(flips(given, even, given, even)) == 0


def test_a_text_shows_its_surest_seed_once():
    given = [[1, 0, 0, 0], [2, 0, 0, 1]]
    taught = [[0, 0, 0, 0], [0, 0, 0, 0]]
    sure = [[0.6, 0.9, 0.9, 0.9], [0.8, 0.9, 0.9, 0.7]]
    found = flips(given, sure, taught, [[0.9] * 4] * 2, seeds=(5, 7))
    assert found[["id", "seed", "variant_label"]].to_numpy().tolist() == [
        ["t0", 7, "anger"],
        ["t3", 7, "fear"],
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r1", "\n=1", "  =1", "＝1"]
)
def test_formulas_are_disarmed(text):
    assert harmless(text) == "'" + text


@pytest.mark.parametrize("value", ["joy", "a=b", "খুশি", "", 0.5, -0.5, 3])
def test_other_cells_stay(value):
    assert harmless(value) == value


def test_file(tmp_path):
    frame = flips([[1, 2, 1, 1]], [[0.9] * 4], [[0, 1, 0, 0]], [[1 / 3, 0.8, 0.5, 0.95]])
    write_flips([frame, frame.iloc[:0]], tmp_path / "f.csv")
    with open(tmp_path / "f.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["t3", "t1", "t2", "t0"]
    assert [row["text"] for row in rows] == [
        "'-1 of 10",
        '\'=HYPERLINK("x","y")',
        "two\nlines, a comma",
        "খুশি",
    ]
    assert rows[3]["teacher_probability"] == "0.333333"


def test_no_flips_leave_the_heading(tmp_path):
    write_flips([], tmp_path / "f.csv")
    assert (tmp_path / "f.csv").read_text() == ",".join(COLUMNS) + "\n"
