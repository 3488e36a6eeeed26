"""Files of cells between delimiters: every row is read as it stands, or a line says where it went wrong."""

import pandas
import pytest

from emopress.data.read import read_rows
from emopress.errors import UserError

HEAD = "text,label\n"
STRAY = [  # rows of a .csv, and what is said of them
    ('a,joy\n"b,joy\nc,sadness\n', r"row 3: nothing closes the quotation mark before 'b,joy'"),
    ('a,joy\nb,"sadness\n', r"row 3: nothing closes the quotation mark before 'sadness'"),
    ('"b,joy\nc "d",sadness\n', r"row 2: text after the closing quotation mark of 'b,joy'"),
    ('"great" she said,joy\n', r"row 2: text after the closing quotation mark of 'great'"),
    ('"a"\rb,joy\n', r"row 2: text after the closing quotation mark of 'a'"),
    ('a 5" screen,joy\n', r"row 2: a quotation mark inside 'a 5\" screen"),
    ('a, "joy"\n', r"row 2: a quotation mark inside ' \"joy\"'"),
    (
        'a,joy\n"b,joy\nc,sadness\n5",joy\n',
        r"row 3: 'b,joy'\.\.\. is a cell with a line break and co",
    ),
    (
        '"a\nb",joy\n"c,joy\n5",joy\n',
        r"row 3 \(line 4\): 'c,joy'\.\.\. is a cell with a line break",
    ),
    ('"a\nb",joy\n"c" d,joy\n', r"row 3 \(line 4\): text after the closing quotation mark of 'c'"),
]
TWEETS = [
    ('"what a day', "joy"),
    ('she said "no"', "sadness"),
    ('"quoted" and not', "joy"),
    ('"all of it"', "joy"),
    ('5" and 6"', "sadness"),
    ('"', "joy"),
]


def read(folder, content, name="a.csv", labels=("joy", "sadness"), **columns):
    """Return (text, label) of each row, and what was told."""
    (folder / name).write_bytes(content.encode())
    source = {"files": [{"name": name}]}
    told = []
    dataset = {"labels": list(labels), "source": source, "columns": columns}
    table = read_rows(folder, dataset, "demo", told.append)
    return list(zip(table["text"], table["label"], strict=True)), told


def joined(rows, delimiter):
    return "".join(f"{delimiter.join(row)}\n" for row in [("text", "label"), *rows])


@pytest.mark.parametrize(("rows", "message"), STRAY)
def test_a_stray_quotation_mark_of_a_csv_is_an_error(tmp_path, rows, message):
    with pytest.raises(UserError, match=rf"a\.csv, {message}") as caught:
        read(tmp_path, HEAD + rows)
    assert "\n" not in str(caught.value) and "set columns.quoting: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "delimiter", "columns"),
    [
        ("a.tsv", "\t", {}),
        ("a.csv", "\t", {"delimiter": "\t"}),
        ("a.csv", "\t", {"delimiter": r"\t"}),
        ("a.csv", ",", {"quoting": "none"}),
        ("a.csv", ";", {"quoting": "none", "delimiter": ";"}),
        ("a.tsv", "|", {"quoting": "none", "delimiter": "|"}),
    ],
)
def test_without_quoting_a_mark_is_a_character(tmp_path, name, delimiter, columns):
    found, told = read(tmp_path, joined(TWEETS, delimiter), name, **columns)
    assert found == TWEETS and not told


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_pandas_writes_is_read_as_it_was(tmp_path, delimiter, end):
    texts = [text for text, _ in TWEETS] + [
        "one\ntwo",
        f"a{delimiter}b",
        " c ",
        "d\r\n",
        "e\u2028f",
    ]
    frame = pandas.DataFrame({"text": texts, "label": "joy"})
    content = frame.to_csv(index=False, sep=delimiter, lineterminator=end)
    found, told = read(tmp_path, content, delimiter=delimiter, quoting="csv")
    assert [text for text, _ in found] == texts and not told


def test_texts_of_several_lines_with_delimiters_are_read_where_they_are_allowed(tmp_path):
    texts = ["good food, nice staff\nbut, well,\r\nloud", "one, joy\ntwo", 'a ",joy"\nb']
    frame = pandas.DataFrame({"text": texts, "label": "joy"})
    content = frame.to_csv(index=False)
    with pytest.raises(UserError, match=r"if there are such texts, set columns\.quoting: multil"):
        read(tmp_path, content)
    assert [text for text, _ in read(tmp_path, content, quoting="multiline")[0]] == texts


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('text,label\n"b,joy\nc,sadness\nscreen of 5",joy\n', {}),
        (
            'note,label,text\n"b,joy,\nd,sadness,e\n5",joy,f\n',
            {},
        ),  # in a column that nobody asked for
        ('"b,joy\nc,sadness\n5",joy\n"a\nb",joy\n', {"text": 1, "label": 2}),
        ('text,label\n"b,1\nc,0\n5",1\n', {"numbered": ["sadness", "joy"]}),
    ],
)
def test_a_swallowed_row_is_an_error_even_there(tmp_path, content, columns):
    with pytest.raises(
        UserError, match=r"a\.csv, row [12]: the line '.*' of a cell is a row with its"
    ):
        read(tmp_path, content, quoting="multiline", **columns)


def test_a_tsv_that_was_written_with_quoting_is_told(tmp_path):
    content = 'text\tlabel\n"say ""a"" again"\tjoy\nb\tsadness\n'
    found, (told,) = read(tmp_path, content, "a.tsv")
    assert found == [('"say ""a"" again"', "joy"), ("b", "sadness")]
    assert told.startswith("a.tsv: cells (1) are between quotation marks")
    assert "set columns.quoting: csv" in told
    assert read(tmp_path, content, "a.tsv", quoting="none") == (found, [])
    found = [('say "a" again', "joy"), ("b", "sadness")]
    assert read(tmp_path, content, "a.tsv", quoting="csv") == (found, [])
    assert len(read(tmp_path, content + '"c"\tjoy\n', "a.tsv")[1]) == 1
    # A mark that CSV would not write shows that this was no CSV.
    assert not read(tmp_path, content + '"c" d\tjoy\n', "a.tsv")[1]


def test_a_tsv_whose_texts_all_stand_between_marks_is_told(tmp_path):
    content = 'text\tlabel\n"a"\tjoy\n"b c"\tsadness\n'
    found, (told,) = read(tmp_path, content, "a.tsv")
    assert found == [('"a"', "joy"), ('"b c"', "sadness")]
    assert told.startswith("a.tsv: cells (2) are between quotation marks and are in every row")
    assert not read(tmp_path, content + "d\tjoy\n", "a.tsv")[1]
    assert not read(tmp_path, content + '"d\tjoy\n', "a.tsv")[1]
    assert not read(tmp_path, content, "a.tsv", quoting="none")[1]


def test_hostile_quotation_marks_take_no_time(tmp_path):
    """Each a case on which a careless pattern would try more ways than there are atoms."""
    for cell in ('"' + '""' * 400_000 + "x", '"' + '""' * 400_000 + '"', '"' * 900_001):
        assert read(tmp_path, f"text\tlabel\n{cell}\tjoy\n", "a.tsv")[0] == [(cell, "joy")]
    with pytest.raises(
        UserError, match=r"row 2: nothing closes the quotation mark before '\"\"\"\"\"\""
    ):
        read(tmp_path, 'text,label\n"' + '""' * 400_000 + "\n")


def test_long_cells_are_shortened_in_messages(tmp_path):
    for content in (f"text,label\njoy,{'x' * 10_000}\n", f"{'y' * 10_000},label\njoy,joy\n"):
        with pytest.raises(UserError) as caught:
            read(tmp_path, content)
        assert len(str(caught.value)) < 1500


def test_one_file_may_be_read_otherwise(tmp_path):
    (tmp_path / "a.csv").write_text('text;label\n"a;b";joy\n', "utf-8")
    (tmp_path / "b.csv").write_text("text,label\nc,sadness\n", "utf-8")
    files = [
        {"name": "a.csv", "delimiter": ";", "split": "train"},
        {"name": "b.csv", "split": "test", "quoting": "none"},
    ]
    dataset = {
        "labels": ["joy", "sadness"],
        "source": {"files": files},
        "columns": {"delimiter": ","},
    }
    assert read_rows(tmp_path, dataset, "demo")["text"].tolist() == ["a;b", "c"]


@pytest.mark.parametrize(
    ("name", "first", "hint"),
    [
        ("a.csv", "text;label", "split at ';': set columns.delimiter: \";\""),
        ("a.csv", '"text";"label"', "split at ';': set columns.delimiter: \";\""),
        ("a.csv", "id|text|label", "split at '|': set columns.delimiter: \"|\""),
        ("a.csv", "text\tlabel", "split at '\\t': set columns.delimiter: \"\\t\""),
        (
            "a.csv",
            '"text"\t"label"',
            "split at '\\t': set columns.delimiter: \"\\t\" and columns.quoting: csv",
        ),
        ("a.tsv", "text,label", "split at ',': set columns.delimiter: \",\""),
        ("a.tsv", '"text"\t"label"', "between quotation marks: set columns.quoting: csv"),
    ],
)
def test_a_header_that_has_the_columns_in_another_form_says_which(tmp_path, name, first, hint):
    for end in ("\n", "\r\n", "\r"):
        with pytest.raises(UserError, match=rf"{name}, row 1: ") as caught:
            read(tmp_path, f"{first}{end}a,joy{end}", name)
        assert str(caught.value).endswith(
            f"; row 1 has these columns {hint}".replace("columns split", "columns if split")
        )


def test_so_does_a_file_without_a_header(tmp_path):
    with pytest.raises(UserError, match=r'no column 2; it has 1; .* set columns\.delimiter: ";"'):
        read(tmp_path, "a b;joy\nc d;joy\n", text=1, label=2)
    with pytest.raises(UserError, match=r"no column 2; it has 1$"):
        read(tmp_path, "a; b\nc\n", text=1, label=2)
    with pytest.raises(
        UserError, match=r"the header has 'a', 'b'; name the column of the texts in"
    ):
        read(tmp_path, "a,b\nc;d;e,joy\n")


def test_a_header_of_one_cell_says_what_it_has_at_another_delimiter(tmp_path):
    said = "the header has {!r}; split at {!r} it has 'a', 'b': set columns.delimiter: \"{}\"; name the column"
    for name, header, delimiter, shown in (
        ("a.csv", "a;b", ";", ";"),
        ("a.csv", "a\tb", "\t", r"\t"),
        ("a.tsv", "a,b", ",", ","),
    ):
        with pytest.raises(UserError) as caught:
            read(tmp_path, f"{header}\n1{delimiter}2\n", name)
        assert said.format(header, delimiter, shown) in str(caught.value)
    with pytest.raises(
        UserError, match=r"the header has 'a; or b'; name the column of the texts in"
    ):
        read(tmp_path, "a; or b\nc\n")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_only_a_line_end_ends_a_row(tmp_path, name):
    within = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    mark = "\t" if name == "a.tsv" else ","
    for end, text in (("\n", f"{within}\rh"), ("\r\n", f"{within}\rh"), ("\r", within)):
        content = end.join(["text,label", f"{text},joy", "", "b,sadness"]).replace(",", mark)
        rows = [(text, "joy"), ("b", "sadness")]
        assert read(tmp_path, content, name)[0] == rows  # the last line ends with the file
        assert read(tmp_path, content + end, name)[0] == rows


def test_empty_cells_at_the_end_of_a_row_and_rows_of_them(tmp_path):
    content = "text,label,,\na,joy,,\nb,joy\nc,joy,,,,\n,,,\nd,joy,x,\n\n"
    assert [text for text, _ in read(tmp_path, content)[0]] == ["a", "b", "c", "d"]
    with pytest.raises(
        UserError, match=r"row 3: 3 cells where row 1 has 2; put a text with commas"
    ):
        read(tmp_path, "text,label\na,joy,\nb,joy,x\n")
    with pytest.raises(UserError, match=r"row 2: 1 cells where row 1 has 2; no text may hold tabs"):
        read(tmp_path, 'text\tlabel\n"a\nb"\tjoy\n', "a.tsv")
    with pytest.raises(
        UserError, match=r"row 2: 2 cells where row 1 has 3"
    ):  # no header says which
        read(tmp_path, "a,joy,\nb,joy\n", text=1, label=2)
