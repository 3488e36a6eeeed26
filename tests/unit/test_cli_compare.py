"""`emopress compare`: two bundles on a user's own labelled file."""

import csv
import json

import numpy as np
import openpyxl
import pandas
import pytest
from resealed import reseal
from sklearn.metrics import accuracy_score, f1_score

from emopress.artifact import read_json
from emopress.cli import main
from emopress.cli.comparison import compared, page
from emopress.cli.labelled import class_of
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import Bundle

LABELS = ["sadness", "joy", "love", "anger", "fear", "surprise"]


@pytest.fixture(scope="module")
def labelled(demo, tmp_path_factory):
    """The English test texts as a .csv with label names, and their labels."""
    frame = demo["en"].frame[1050:]
    frame = frame.assign(label=[LABELS[i] for i in frame["label"]])
    path = tmp_path_factory.mktemp("labelled") / "test.csv"
    frame[["text", "label"]].to_csv(path, index=False)
    return path, frame


def told(capsys, *words):
    """Run `compare`, and return its status, output and errors."""
    status = main(["compare", *map(str, words)])
    return status, *capsys.readouterr()


def test_scores_and_tests_are_those_of_the_libraries(artifacts, labelled, capsys):
    from statsmodels.stats.contingency_tables import mcnemar

    path, frame = labelled
    names = ["linear", "bert"]
    folders = [artifacts.bundles[name] for name in names]
    status, out, err = told(capsys, *folders, "--data", path, "--json")
    assert status == 0 and not err
    found = json.loads(out)
    truth = frame["label"].map(LABELS.index).to_numpy()
    right = []
    for side, folder in zip("ab", folders, strict=True):
        given = load(folder).predict_proba(frame["text"].tolist()).argmax(axis=1)
        right.append(given == truth)
        one = found[side]
        assert one["bundle"] == str(folder)
        assert one["accuracy"] == pytest.approx(accuracy_score(truth, given))
        macro = f1_score(truth, given, average="macro", labels=range(6), zero_division=0)
        assert one["macro_f1"] == pytest.approx(macro)
        for name in ("accuracy", "macro_f1"):
            assert one[f"{name}_low"] <= one[name] <= one[f"{name}_high"]
        files = [file for file in folder.iterdir() if file.name != "provenance.json"]
        assert one["size_bytes"] == sum(file.stat().st_size for file in files)
    change = found["b_minus_a"]
    only_a, only_b = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (change["only_a_right"], change["only_b_right"]) == (only_a, only_b)
    assert change["accuracy_difference"] == pytest.approx((only_b - only_a) / len(truth))
    exact = mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue
    assert change["accuracy_p"] == pytest.approx(exact)
    # the linear model was trained; the transformer has random weights
    assert change["accuracy_shown"] and change["accuracy_high"] < 0
    assert found["texts"] == len(truth) and found["labels_without_texts"] == []


def test_the_page(artifacts, labelled, capsys):
    path, _ = labelled
    linear, bert = artifacts.bundles["linear"], artifacts.bundles["bert"]
    status, out, err = told(capsys, linear, bert, "--data", path)
    assert status == 0 and not err
    assert f"150 texts of {path}; 95 % intervals\nA  {linear}\nB  {bert}\n" in out
    assert "accuracy: A is better (McNemar exact p < 0.0001)" in out
    assert "macro F1: A is better (paired bootstrap p = 0.0002)" in out
    status, out, _ = told(capsys, bert, linear, "--data", path)
    assert "accuracy: B is better" in out and "macro F1: B is better" in out
    status, out, _ = told(capsys, linear, linear, "--data", path)
    assert "accuracy: no difference shown (McNemar exact p = 1)" in out
    assert "macro F1: no difference shown (paired bootstrap p = 1)" in out
    assert "Only A is right on 0 texts, only B on 0." in out
    assert "+0.0 points (-2.4 to +2.4)" in out and "+0.0 kB" in out


def test_numbers_by_hand(tmp_path):
    """Eight texts, six right by A and two by B, of which both share one."""
    (tmp_path / "m").write_bytes(b"x" * 1_500_000)
    (tmp_path / "bundle.json").write_text("{}")
    bundle = Bundle(tmp_path, {"files": {"m": {}}})
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    a = np.array([0, 0, 0, 0, 1, 1, 0, 0])
    b = np.array([0, 1, 1, 1, 0, 0, 1, 0])
    found = compared([bundle, bundle], ["x", "y", "z"], truth, [a, b], tmp_path / "f.csv")
    assert found["a"]["accuracy"] == 0.75 and found["b"]["accuracy"] == 0.25
    # A: F1 of x 8/10, of y 4/6; B: x 2/8, y 2/8; z has no text and counts as 0
    assert found["a"]["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 3)
    assert found["b"]["macro_f1"] == pytest.approx(0.5 / 3)
    change = found["b_minus_a"]
    assert (change["only_a_right"], change["only_b_right"]) == (5, 1)
    assert change["accuracy_p"] == pytest.approx(2 * (1 + 6) / 2**6)  # two-sided binomial tail
    assert change["accuracy_difference"] == -0.5 and not change["accuracy_shown"]
    shown = page(found)
    assert "Labels without texts, which count as 0 in macro F1: z." in shown
    assert "-50.0 points" in shown and "1.50 MB" in shown
    assert "accuracy: no difference shown (McNemar exact p = 0.22)" in shown


@pytest.mark.parametrize("form", ["tsv", "index", "columns", "xlsx", "parquet", "bom"])
def test_forms_of_the_same_file(artifacts, labelled, tmp_path, capsys, form):
    path, frame = labelled
    linear, int8 = artifacts.bundles["linear"], artifacts.bundles["linear-int8"]
    frame, options = frame[["text", "label"]], []
    other = tmp_path / f"file.{form if form in ('tsv', 'xlsx', 'parquet') else 'csv'}"
    if form == "tsv":
        frame.to_csv(other, sep="\t", index=False)
    elif form == "index":
        frame.assign(label=frame["label"].map(LABELS.index)).to_csv(other, index=False)
    elif form == "columns":
        columns = {"text": "what, they wrote", "label": "class"}
        frame.rename(columns=columns).assign(more=1).to_csv(other, index=False)
        options = ["--text-column", columns["text"], "--label-column", columns["label"]]
    elif form == "parquet":
        frame.to_parquet(other)
    elif form == "xlsx":
        frame.assign(label=frame["label"].map(LABELS.index)).to_excel(other, index=False)
    else:
        other.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    expected = json.loads(told(capsys, linear, int8, "--data", path, "--json")[1])
    status, out, err = told(capsys, linear, int8, "--data", other, "--json", *options)
    assert status == 0, err
    assert {**json.loads(out), "data": str(path)} == expected


def test_other_order_of_labels(artifacts, copied, labelled, capsys):
    """A bundle whose outputs stand in another order is compared by name."""
    path, _ = labelled
    folder = copied("linear")
    with np.load(folder / "model.npz") as arrays:
        turned = {**arrays}
    for name in ("weights", "bias"):
        turned[name] = turned[name][..., ::-1]
    np.savez(folder / "model.npz", **turned)
    reseal(folder, labels=LABELS[::-1])
    status, out, err = told(capsys, artifacts.bundles["linear"], folder, "--data", path, "--json")
    found = json.loads(out)
    assert status == 0 and not err and found["labels"] == LABELS
    assert found["b_minus_a"]["only_a_right"] == found["b_minus_a"]["only_b_right"] == 0
    assert found["a"]["accuracy"] == found["b"]["accuracy"] > 0.5


def test_labels_by_name_before_index():
    assert class_of("joy", LABELS, "x") == 1 and class_of(" 1 ", LABELS, "x") == 1
    assert class_of(1.0, LABELS, "x") == class_of(1, LABELS, "x") == 1
    assert class_of("1", ["2", "1", "0"], "x") == 1 and class_of("0", ["2", "1", "0"], "x") == 2
    assert class_of("1.0", LABELS, "x") == class_of("1.0", ["2", "1", "0"], "x") == 1
    with pytest.raises(
        UserError, match=r"unknown label '0'; allowed: 1, 2, 3; .* set --numbered LABEL=0"
    ):
        class_of(0, ["1", "2", "3"], "x")  # not the first one


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "text,label\nhello,jo\n",
            "row 2, column 'label': unknown label 'jo'; did you mean 'joy'?",
        ),
        ("text,label\nhello,6\n", "row 2, column 'label': unknown label '6'; allowed: sadness"),
        ("text,label\nhello,\n", "row 2, column 'label': empty label; allowed: sadness"),
        ("text,label\n,joy\n", "row 2, column 'text': empty; every row needs a text"),
        ("text,class\nhello,joy\n", "no column 'label'; the header has 'text', 'class'"),
        ("hello,joy\n", "no column 'text'; the header has 'hello', 'joy'"),
        ("text,label\nhello, you,joy\n", "row 2: 3 cells where row 1 has 2"),
        ("text,label\n", "no texts; expected a header and at least one row"),
        ("", "no column 'text'; the header is empty"),
        (b"text,label\nh\xffllo,joy\n", "not UTF-8"),
        ("a folder", "a folder; expected labelled texts (.csv, .tsv, .xlsx, .parquet, .txt)"),
        (None, "no such file; expected labelled texts (.csv, .tsv, .xlsx, .parquet, .txt)"),
    ],
)
def test_files_that_do_not_fit(artifacts, tmp_path, capsys, content, message):
    path = tmp_path / "mine.csv"
    if content == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    linear = artifacts.bundles["linear"]
    status, out, err = told(capsys, linear, linear, "--data", path)
    assert status == 1 and not out and err.count("\n") == 1
    assert err.startswith(f"error: {path}") and message in err


def test_other_formats_and_bundles_that_do_not_fit(artifacts, copied, labelled, tmp_path, capsys):
    path, _ = labelled
    linear = artifacts.bundles["linear"]
    (tmp_path / "mine.json").write_text("[]")
    status, _, err = told(capsys, linear, linear, "--data", tmp_path / "mine.json")
    assert (
        status == 1 and "unknown format '.json'; allowed: .xlsx, .csv, .tsv, .parquet, .txt" in err
    )
    status, _, err = told(capsys, linear, tmp_path, "--data", path)
    assert status == 1 and "expected a bundle" in err
    folder = copied("bert")
    facts = read_json(folder / "bundle.json")
    labels = [*LABELS[:5], "disgust"]
    (folder / "bundle.json").write_text(json.dumps({**facts, "labels": labels}))
    status, out, err = told(capsys, linear, folder, "--data", path)
    assert status == 1 and not out and err.count("\n") == 1
    assert "only models with the same labels can be compared" in err and "disgust" in err


def test_a_text_of_several_lines_is_one_text(artifacts, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    with open(path, "w", newline="", encoding="utf-8") as stream:
        rows = [("text", "label"), ('i feel "so"\nhappy, really', "joy"), ("sad", "sadness")]
        csv.writer(stream).writerows(rows)
    assert len(pandas.read_csv(path)) == 2
    linear = artifacts.bundles["linear"]
    status, _, err = told(capsys, linear, linear, "--data", path)
    assert status == 1 and "row 2: 'i feel \"so\"'... is a cell with a line break and commas" in err
    assert err.endswith("if there are such texts, set --quoting multiline\n")
    words = ["--data", path, "--json", "--quoting", "multiline"]
    status, out, _ = told(capsys, linear, linear, *words)
    found = json.loads(out)
    assert status == 0 and found["texts"] == 2
    assert found["labels_without_texts"] == ["love", "anger", "fear", "surprise"]


STRAY = [  # as the workflow reads them: name, content and what is said or how many texts there are
    (
        "a.csv",
        'text,label\n"good,joy\nbad,fear\n',
        "row 2: nothing closes the quotation mark before",
    ),
    (
        "a.csv",
        'text,label\n"good,joy\nbad,fear\n5",joy\n',
        "row 2: 'good,joy'... is a cell with a line",
    ),
    (
        "a.csv",
        'text,label\n"good" day,joy\n',
        "row 2: text after the closing quotation mark of 'good'",
    ),
    ("a.csv", "text;label\ngood;joy\n", "set --delimiter ';'"),
    ("a.csv", "text\tlabel\ngood\tjoy\n", "set --delimiter '\\t'"),
    ("a.tsv", 'text\tlabel\n"good\tjoy\nbad\tfear\nso "so"\tjoy\n', 3),
]


@pytest.mark.parametrize(("name", "content", "expected"), STRAY)
def test_it_reads_as_the_workflow_does(artifacts, tmp_path, capsys, name, content, expected):
    linear = artifacts.bundles["linear"]
    (tmp_path / name).write_text(content, "utf-8")
    status, out, err = told(capsys, linear, linear, "--data", tmp_path / name, "--json")
    if isinstance(expected, int):
        assert status == 0 and json.loads(out)["texts"] == expected
    else:
        assert status == 1 and err.count("\n") == 1 and expected in err


def test_how_a_file_is_read_can_be_said(artifacts, tmp_path, capsys):
    linear = artifacts.bundles["linear"]
    rows = [("text", "label"), ("so happy", "joy"), ("so sad", "sadness")]
    quoted = [tuple(f'"{cell}"' for cell in row) for row in rows]
    book = openpyxl.Workbook()
    book.active.append(["A survey"])
    page = book.create_sheet("Data")
    for row in rows:
        page.append(row)
    book.save(tmp_path / "a.xlsx")
    for name, content, *options in (
        ("a.csv", "\n".join(map(";".join, quoted)), "--delimiter", ";"),
        ("b.csv", "\n".join(map("\t".join, rows)), "--delimiter", r"\t"),
        ("c.tsv", "\n".join(map("\t".join, quoted)), "--quoting", "csv"),
        ("a.xlsx", None, "--sheet", "Data"),
        ("a.xlsx", None, "--sheet", "2"),
    ):
        if content:
            (tmp_path / name).write_text(content, "utf-8")
        words = [linear, linear, "--data", tmp_path / name]
        assert told(capsys, *words)[0] == 1
        status, out, err = told(capsys, *words, "--json", *options)
        assert status == 0, err
        assert json.loads(out)["texts"] == 2
    status, _, err = told(capsys, linear, linear, "--data", tmp_path / "a.xlsx")
    assert "sheet 'Data' has it: set --sheet Data" in err


def test_what_cannot_be_said_of_a_file(artifacts, tmp_path, capsys):
    linear, path = artifacts.bundles["linear"], tmp_path / "a.csv"
    path.write_text("text,label\nso happy,joy\n", "utf-8")
    words = [linear, linear, "--data", path]
    status, _, err = told(capsys, *words, "--sheet", "2")
    assert status == 1 and err == f"error: {path}: --sheet has no effect; it is for .xlsx files\n"
    (tmp_path / "a.txt").write_text("so happy;joy\n", "utf-8")
    _, _, err = told(capsys, *words[:3], tmp_path / "a.txt", "--delimiter", ";")
    assert "--delimiter has no effect; it is for .csv and .tsv files" in err
    for delimiter in ("::", '"', "\n", ""):
        with pytest.raises(SystemExit):
            told(capsys, *words, "--delimiter", delimiter)
        assert "invalid delimiter (one character, or \\t) value" in capsys.readouterr().err


def test_numbers_that_stand_for_labels(artifacts, labelled, tmp_path, capsys):
    """Whatever they are: 1 to 6 for the six labels, and 0 to 5 without a word."""
    path, frame = labelled
    linear = artifacts.bundles["linear"]
    expected = json.loads(told(capsys, linear, linear, "--data", path, "--json")[1])["a"][
        "accuracy"
    ]
    numbers = frame["label"].map(LABELS.index)
    options = ["--numbered", *(f"{label}={n + 1}" for n, label in enumerate(LABELS))]
    for shift, words in ((0, []), (1, options)):
        for kind in (int, float):
            mine = tmp_path / f"mine{shift}.csv"
            frame.assign(label=(numbers + shift).astype(kind)).to_csv(mine, index=False)
            status, out, err = told(capsys, linear, linear, "--data", mine, "--json", *words)
            assert status == 0 and not err, err
            assert json.loads(out)["a"]["accuracy"] == expected
    status, _, err = told(capsys, linear, linear, "--data", tmp_path / "mine1.csv")
    assert status == 1 and "unknown label '6.0'" in err and "set --numbered LABEL=6 ..." in err


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (5, "5 texts; with fewer than 6 no difference can be shown"),
        (
            36,
            "36 texts are few; a difference in accuracy of fewer than 6 of them (16.7 points) cannot ",
        ),
        (
            99,
            "99 texts are few; a difference in accuracy of fewer than 6 of them (6.1 points) cannot ",
        ),
        (100, None),
    ],
)
def test_what_few_texts_cannot_show_is_told(artifacts, labelled, tmp_path, capsys, texts, message):
    """Six texts that one model alone has right are p = 2 / 2^6 = 0.031, five 0.0625."""
    linear, path = artifacts.bundles["linear"], tmp_path / "mine.csv"
    labelled[1][["text", "label"]][:texts].to_csv(path, index=False)
    status, _, err = told(capsys, linear, linear, "--data", path)
    assert status == 0 and err.count("warning") == (message is not None)
    assert message is None or err.startswith(f"warning: {path}: {message}")


def test_a_missing_column_is_named_with_its_option(artifacts, sets, tmp_path, capsys):
    linear, path = artifacts.bundles["linear"], tmp_path / "mine.csv"
    path.write_text("review,feeling\nhello,joy\n")
    status, _, err = told(capsys, linear, linear, "--data", path)
    assert status == 1 and err == (
        f"error: {path}, row 1: no column 'text'; the header has 'review', 'feeling'; "
        "name the column of the texts with --text-column\n"
    )
    status, _, err = told(capsys, linear, linear, "--data", path, "--text-column", "review")
    assert status == 1 and err.endswith("; name the column of the labels with --label-column\n")
    words = ("--text-column", "review", "--label-column", "feeling", "--json")
    assert told(capsys, linear, linear, "--data", path, *words)[0] == 0


def test_indices_that_may_begin_at_one_are_told(artifacts, tmp_path, capsys):
    linear, path = artifacts.bundles["linear"], tmp_path / "mine.csv"
    path.write_text("text,label\nso happy,1\nso sad,2\n", "utf-8")
    status, _, err = told(capsys, linear, linear, "--data", path)
    assert status == 0 and err.splitlines()[0] == (
        f"warning: {path}: labels are numbers and none is 0; they are read as indices, 1 as 'joy'; "
        "if 1 stands for another label, use --numbered LABEL=1 ..."
    )
    for words, message in (
        (["glee=1"], "--numbered: unknown label 'glee'; allowed: sadness, joy"),
        (["joy=1"], "row 3, column 'label': label '2'; allowed: 1"),
    ):
        status, _, err = told(capsys, linear, linear, "--data", path, "--numbered", *words)
        assert status == 1 and message in err
    with pytest.raises(SystemExit):
        told(capsys, linear, linear, "--data", path, "--numbered", "joy")
    assert "--numbered: invalid LABEL=NUMBER value: 'joy'" in capsys.readouterr().err


def test_a_tsv_that_was_written_with_quoting_is_told(artifacts, tmp_path, capsys):
    linear, path = artifacts.bundles["linear"], tmp_path / "mine.tsv"
    path.write_text('text\tlabel\n"so ""happy"" now"\tjoy\n', "utf-8")
    status, _, err = told(capsys, linear, linear, "--data", path)
    assert status == 0 and err.startswith("warning: mine.tsv: cells (1) are between quotation mar")
    assert "set --quoting csv" in err
