"""Several labels per text: every way to write them, groups, and one line for each mistake."""

import openpyxl
import pandas as pd
import pytest

from emopress.data.labels import LabelCells, file_labels
from emopress.data.read import read_rows
from emopress.errors import UserError

LABELS = ["joy", "love", "sadness"]
GROUPS = {"good": ["joy", "love"], "bad": ["sadness"]}
BITS = {"joy": "is_joy", "love": "is_love", "sadness": "is_sad"}


def dataset_of(file, columns, **more):
    return {
        "labels": LABELS,
        "multilabel": True,
        "source": {"files": [{"name": file}]},
        "columns": columns,
        **more,
    }


def labels_of(folder, file, columns, **more):
    return read_rows(folder, dataset_of(file, columns, **more), "demo")["label"].tolist()


def test_names_with_a_separator(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,sadness | joy\nb,love\n")
    found = labels_of(tmp_path, "a.csv", {"separator": "|"})
    assert found == [("joy", "sadness"), ("love",)]  # in the order of the classes


def test_numbers_in_a_file_without_a_header(tmp_path):
    (tmp_path / "a.tsv").write_text('"say ""a"""\t0,2\tx1\nb\t1\tx2\n')
    columns = {"text": 1, "label": 2, "separator": ",", "numbered": ["love", "sadness", "joy"]}
    columns["quoting"] = "csv"
    table = read_rows(tmp_path, dataset_of("a.tsv", columns), "demo")
    assert table["label"].tolist() == [("joy", "love"), ("sadness",)]
    assert table["text"].tolist() == ['say "a"', "b"]
    assert table["row"].tolist() == [1, 2]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_columns_of_0_and_1(tmp_path, suffix):
    frame = pd.DataFrame(
        {"is_sad": [1, 0], "text": ["a", "b"], "is_joy": [1, 0], "is_love": [0, 1]}
    )
    path = tmp_path / f"a{suffix}"
    match suffix:
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".parquet":
            frame.astype({"is_joy": bool, "is_love": float}).to_parquet(path)
        case _:
            frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    assert labels_of(tmp_path, path.name, {"labels": BITS}) == [("joy", "sadness"), ("love",)]


def test_columns_of_0_and_1_with_the_names_of_the_labels(tmp_path):
    (tmp_path / "a.csv").write_text("sadness,text,joy,love\n1,a,1,0\n0,b,0,1\n")
    for columns in (LABELS, ["sadness", "love", "joy"], {name: name for name in LABELS}):
        assert labels_of(tmp_path, "a.csv", {"labels": columns}) == [("joy", "sadness"), ("love",)]


def test_parquet_lists_of_numbers(tmp_path):
    frame = pd.DataFrame({"t": ["a", "b"], "y": [[2, 0], [1]]})
    frame.to_parquet(tmp_path / "a.parquet")
    columns = {"text": "t", "label": "y", "numbered": LABELS}
    assert labels_of(tmp_path, "a.parquet", columns) == [("joy", "sadness"), ("love",)]


def test_groups(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\na,"joy,love"\nb,"sadness,love"\nc,sadness\n')
    more = {"labels": list(GROUPS), "groups": GROUPS}
    found = labels_of(tmp_path, "a.csv", {"separator": ","}, **more)
    assert found == [("good",), ("good", "bad"), ("bad",)]
    assert file_labels(dataset_of("a.csv", {}, **more)) == LABELS
    single = LabelCells({**dataset_of("a.csv", {}, **more), "multilabel": False})
    assert single.read(["love"], "a.csv, row 2") == "good"


def test_a_text_without_labels(tmp_path):
    (tmp_path / "a.csv").write_text("text,label,is_joy,is_love,is_sad\na,,0,0,0\n")
    for columns, message in (
        ({"separator": ","}, r"a\.csv, row 2, column 'label': empty label; allowed with unlab"),
        ({"labels": BITS}, r"a\.csv, row 2, no label column holds a 1; allowed with unlabelled: t"),
    ):
        with pytest.raises(UserError, match=message):
            labels_of(tmp_path, "a.csv", columns)
        assert labels_of(tmp_path, "a.csv", columns, unlabelled=True) == [()]


@pytest.mark.parametrize(
    ("cell", "numbered", "message"),
    [
        ("joy,,love", False, r"a\.csv, row 2, column 'label': empty label; allowed: joy, love"),
        (
            "joy,lov",
            False,
            r"unknown label 'lov'; did you mean 'love'\? Allowed: joy, love, sadness",
        ),
        ("joy,joy", False, r"label 'joy' is listed twice in 'joy,joy'"),
        (
            "0,3",
            True,
            r"label '3'; allowed: 0 to 2; a list counts from 0; for other numbers set col",
        ),
        ("0,joy", True, r"label 'joy'; allowed: 0 to 2"),
        ("0,", True, r"column 'label': empty label; allowed: 0 to 2"),
        ("-1", True, r"label '-1'; allowed: 0 to 2"),
    ],
)
def test_wrong_label(tmp_path, cell, numbered, message):
    (tmp_path / "a.csv").write_text(f'text,label\na,"{cell}"\n')
    columns = {"separator": ",", **({"numbered": LABELS} if numbered else {})}
    with pytest.raises(UserError, match=message) as caught:
        labels_of(tmp_path, "a.csv", columns)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,2,0,0", r"a\.csv, row 2, column 'is_joy': '2'; allowed: 0, 1"),
        ("a,1,,0", r"a\.csv, row 2, column 'is_love': empty; allowed: 0, 1"),
        ("a,1,yes,0", r"column 'is_love': 'yes'; allowed: 0, 1"),
    ],
)
def test_neither_0_nor_1(tmp_path, row, message):
    (tmp_path / "a.csv").write_text(f"text,is_joy,is_love,is_sad\n{row}\n")
    with pytest.raises(UserError, match=message):
        labels_of(tmp_path, "a.csv", {"labels": BITS})


@pytest.mark.parametrize(
    ("cell", "columns", "said"),
    [
        ("joy|sadness", {"separator": ","}, '"|"'),
        ("joy; very sad", {"separator": ","}, '";"'),
        ('"joy, love"', {"separator": "|"}, '","'),
        ("joy love", {"separator": ","}, '" "'),
        ("0;2", {"separator": ",", "numbered": ["joy", "love", "very sad"]}, '";"'),
    ],
)
def test_labels_that_another_separator_parts(tmp_path, cell, columns, said):
    first = "0" if "numbered" in columns else "very sad"
    (tmp_path / "a.csv").write_text(f"text,label\na,{first}\nb,{cell}\n")
    with pytest.raises(UserError) as caught:
        labels_of(tmp_path, "a.csv", columns, labels=["joy", "love", "very sad", "sadness"])
    shown = cell.strip('"')
    assert str(caught.value) == (
        f"{tmp_path}/a.csv, row 3, column 'label': {shown!r} is not a label; split at {said[1]!r} it gives labels: "
        f"set columns.separator: {said}"
    )


def test_missing_columns(tmp_path):
    (tmp_path / "a.csv").write_text("text,is_joy,is_sad\na,1,0\n")
    with pytest.raises(
        UserError, match=r"no column 'is_love'; .*; columns\.labels names a column for each"
    ):
        labels_of(tmp_path, "a.csv", {"labels": BITS})
    with pytest.raises(UserError, match=r"a\.csv, row 1: no column 4; it has 3"):
        labels_of(tmp_path, "a.csv", {"text": 1, "label": 4, "separator": ","})
    (tmp_path / "a.parquet").write_text("PAR")
    with pytest.raises(UserError, match=r"a\.parquet: not a readable \.parquet"):
        labels_of(tmp_path, "a.parquet", {})


def test_numbers_of_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    for row in (("text", "label"), ("a", 2.0), ("b", "0, 1")):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    columns = {"separator": ",", "numbered": LABELS}
    assert labels_of(tmp_path, "a.xlsx", columns) == [("sadness",), ("joy", "love")]


STARS = {1: "sadness", 2: "love", 3: "joy"}


def ratings(folder, suffix, cells):
    """Write a text for each cell of a label column, as pandas writes them."""
    frame = pd.DataFrame({"text": [f"text {n}" for n in range(len(cells))], "label": cells})
    path = folder / f"a{suffix}"
    match suffix:
        case ".xlsx":
            frame.to_excel(path, index=False)
        case ".parquet":
            frame.to_parquet(path)
        case _:
            frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    return path.name


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
@pytest.mark.parametrize(
    "cells", [[1, 3, 2], [1.0, 3.0, 2.0], ["1", "3", "2"], ["1.0", "3.00", " 2 "]]
)
def test_ratings_from_one_on(tmp_path, suffix, cells):
    name = ratings(tmp_path, suffix, cells)
    one = {"multilabel": False}
    expected = ["sadness", "joy", "love"]
    for numbered in (
        STARS,
        {str(n): label for n, label in STARS.items()},
        {"1.0": "sadness", 2.0: "love", 3: "joy"},
    ):
        assert labels_of(tmp_path, name, {"numbered": numbered}, **one) == expected
    assert labels_of(tmp_path, name, {}, labels=["1", "2", "3"], **one) == ["1", "3", "2"]
    assert labels_of(tmp_path, name, {}, labels=["2.0", "1.0", "3.0"], **one) == [
        "1.0",
        "3.0",
        "2.0",
    ]
    with pytest.raises(
        UserError, match=r"label '3'; allowed: 0 to 2; a list counts from 0; for other"
    ):
        labels_of(tmp_path, name, {"numbered": ["sadness", "love", "joy"]}, **one)
    with pytest.raises(
        UserError, match=r"unknown label '1(\.0)?'; allowed: joy, love, sadness; to say .*numbered"
    ):
        labels_of(tmp_path, name, {}, **one)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_a_list_counts_from_zero_whatever_wrote_the_numbers(tmp_path, suffix):
    for cells in ([0, 2, 1], [0.0, 2.0, 1.0], ["0.0", "2", "1.0"]):
        name = ratings(tmp_path, suffix, cells)
        found = labels_of(tmp_path, name, {"numbered": LABELS}, multilabel=False)
        assert found == ["joy", "sadness", "love"]


def test_any_numbers(tmp_path):
    name = ratings(tmp_path, ".csv", ["-1", "+0.5", "1e2", "১"])
    numbered = {-1: "sadness", 0.5: "love", 100: "joy", 1: "joy"}  # two of them are one label
    found = labels_of(tmp_path, name, {"numbered": numbered}, multilabel=False)
    assert found == ["sadness", "love", "joy", "joy"]
    name = ratings(tmp_path, ".csv", ["1,100", "0.5"])
    columns = {"numbered": numbered, "separator": ","}
    assert labels_of(tmp_path, name, columns) == [("joy",), ("love",)]
    assert file_labels({"labels": LABELS, "columns": columns}) == ["sadness", "love", "joy"]


@pytest.mark.parametrize(
    "cell", ["4", "nan", "inf", "1_000", "1e999", "", "1 1", "١,٠", "--1", True]
)
def test_what_is_none_of_the_numbers(cell):
    cells = LabelCells({"labels": LABELS, "columns": {"numbered": STARS}})
    with pytest.raises(UserError, match=r"^x, column 'label': (empty )?label.*; allowed: 1 to 3$"):
        cells.read([cell], "x")


def test_a_missing_number_is_an_empty_label(tmp_path):
    name = ratings(tmp_path, ".parquet", [1.0, float("nan")])
    for columns in ({}, {"numbered": STARS}):
        with pytest.raises(UserError, match=r"row 3, column 'label': empty label; allowed: "):
            labels_of(
                tmp_path,
                name,
                columns,
                labels=["1", *LABELS[:2]] if not columns else LABELS,
                multilabel=False,
            )


def test_truth_values_as_labels(tmp_path):
    name = ratings(tmp_path, ".parquet", [True, False])
    found = labels_of(tmp_path, name, {}, labels=["True", "False"], multilabel=False)
    assert found == ["True", "False"]
    (tmp_path / "a.csv").write_text(
        "text,is_joy,is_love,is_sad\na,TRUE,FALSE,false\n"
    )  # as R writes them
    assert labels_of(tmp_path, "a.csv", {"labels": BITS}) == [("joy",)]
