"""Reading: the three formats, and one readable line for each thing that can be wrong."""

import openpyxl
import pytest

from emopress.data.read import read_rows
from emopress.errors import UserError

LABELS = ["joy", "sadness"]


def dataset_of(*files, columns=None):
    return {
        "labels": LABELS,
        "source": {"files": [{"name": file} if isinstance(file, str) else file for file in files]},
        "columns": columns or {"text": "text", "label": "label"},
    }


def write_xlsx(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.create_sheet("notes").append(["not this one"])
    book.save(path)


def test_xlsx(tmp_path):
    rows = [("classes", "text"), ("joy", " ভালো "), (), ("sadness", 1.0), ("joy", 2.5)]
    write_xlsx(tmp_path / "a.xlsx", rows)
    dataset = dataset_of("a.xlsx", columns={"text": "text", "label": "classes"})
    table = read_rows(tmp_path, dataset, "demo")
    assert table["row"].tolist() == [2, 4, 5]
    assert table["id"].tolist() == ["demo-00002", "demo-00004", "demo-00005"]
    assert table["text"].tolist() == [" ভালো ", "1", "2.5"]
    assert table["label"].tolist() == ["joy", "sadness", "joy"]
    assert table["numeric"].tolist() == [False, True, True]
    assert table["given_split"].isna().all()


def test_csv_with_byte_order_mark_and_quotes(tmp_path):
    content = '\ufefftext,label\r\n"one, two",joy\r\n\r\n"b\nc ""d""",sadness\r\n'
    (tmp_path / "a.csv").write_bytes(content.encode())
    table = read_rows(tmp_path, dataset_of("a.csv"), "demo")
    assert table["text"].tolist() == ["one, two", 'b\nc "d"']
    assert table["row"].tolist() == [2, 4]


def test_txt_files_that_are_splits(tmp_path):
    (tmp_path / "train.txt").write_text("a;b;joy\nc;sadness\n")
    (tmp_path / "test.txt").write_bytes(b"d;joy\r\n")
    files = [{"name": "train.txt", "split": "train"}, {"name": "test.txt", "split": "test"}]
    table = read_rows(tmp_path, dataset_of(*files), "demo")
    assert table["text"].tolist() == ["a;b", "c", "d"]
    assert table["id"].tolist() == ["demo-train-00001", "demo-train-00002", "demo-test-00001"]
    assert table["given_split"].tolist() == ["train", "train", "test"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a;joy\nno label\n", r"a\.txt, row 2: no ';'"),
        ("a;joy\n;joy\n", r"row 2, column 'text': empty; every row needs a text"),
        ("a;joy\nb;\n", r"row 2, column 'label': empty label; allowed: joy, sadness"),
        ("a;Joy \n", r"unknown label 'Joy '; did you mean 'joy'\? Allowed: joy, sadness"),
        ("a;sadnes\n", r"unknown label 'sadnes'; did you mean 'sadness'\? Allowed:"),
        ("a;envy\n", r"row 1, column 'label': unknown label 'envy'; allowed: joy, sadness"),
        ("", "data set 'demo' has no rows"),
    ],
)
def test_wrong_line(tmp_path, content, message):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(UserError, match=message) as caught:
        read_rows(tmp_path, dataset_of("a.txt"), "demo")
    assert "\n" not in str(caught.value)


def test_wrong_files(tmp_path):
    (tmp_path / "a.xlsx").write_text("<html>not found</html>")
    (tmp_path / "a.csv").write_text("text,class\na,joy\n")
    (tmp_path / "b.csv").write_text("text,label\na,b,joy\n")
    (tmp_path / "a.txt").write_bytes(b"caf\xe9;joy\n")
    (tmp_path / "a.doc").write_text("")
    write_xlsx(tmp_path / "b.xlsx", [("text", "label"), (True, "joy")])
    for file, message in {
        "a.xlsx": r"a\.xlsx: not a readable \.xlsx workbook",
        "b.xlsx": r"b\.xlsx, row 2, column 'text': True is a bool; allowed: text, numbers",
        "a.csv": r"a\.csv, row 1: no column 'label'; the header has 'text', 'class'",
        "b.csv": r"b\.csv, row 2: 3 cells where row 1 has 2",
        "a.txt": r"a\.txt: not UTF-8 text \(byte 3",
        "a.doc": r"unknown format '\.doc'; allowed: \.xlsx, \.csv, \.tsv, \.parquet, \.txt",
        "none.txt": r"none\.txt: no such file",
    }.items():
        with pytest.raises(UserError, match=message):
            read_rows(tmp_path, dataset_of(file), "demo")


@pytest.mark.parametrize(
    "file",
    [
        {"name": "d.csv", "path": "x/messages.tsv"},
        {"name": "d", "path": "x/messages.TSV"},
        {"name": "d", "url": "https://example.org/messages.tsv?download=1"},
        {"name": "d.tsv", "url": "https://example.org/get.php?id=7"},
        {"name": "D.TSV"},
    ],
)
def test_the_files_own_ending_decides(tmp_path, file):
    (tmp_path / file["name"]).write_text("text\tlabel\na, b\tjoy\n")
    assert read_rows(tmp_path, dataset_of(file), "demo")["text"].tolist() == ["a, b"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.tsv.gz",
            r"a\.tsv\.gz: a packed file \('\.gz'\); unpack it first; allowed: \.xlsx, \.csv",
        ),
        ("messages", "messages: no ending that says its format; allowed"),
    ],
)
def test_an_ending_that_is_refused(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(UserError, match=message):
        read_rows(tmp_path, dataset_of(name), "demo")


def test_two_files_without_split_cannot_share_ids(tmp_path):
    for file in ("a.txt", "b.txt"):
        (tmp_path / file).write_text("a;joy\n")
    with pytest.raises(UserError, match="two files give the id demo-00001"):
        read_rows(tmp_path, dataset_of("a.txt", "b.txt"), "demo")
