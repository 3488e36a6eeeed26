"""Every bad data file of tests/bad_data.py is refused in its line, nothing is overwritten, and odd texts are read."""

import json
import re
import resource

import pandas
import pytest

from bad_data import FILES, FORMS, HEAD, LABELS, MEGABYTE, SETS, lines, sheet, spoiled, write
from emopress.data import limits
from emopress.data.prepare import prepare_data
from emopress.data.read import read_rows
from emopress.data.split import SPLITS
from emopress.errors import UserError

SMALL = 5_000_000
SPLIT = {"method": "clean", "test_size": 0.2, "validation_size": 0.1, "seed": 1}


def dataset_of(*files, **more):
    return {
        "title": "T",
        "language": "bn",
        "licence": "MIT",
        "labels": LABELS,
        "source": {"files": [{"name": file} if isinstance(file, str) else file for file in files]},
        "columns": {"text": "text", "label": "label"},
        "split": SPLIT,
        "normalise": "bengali",
        **more,
    }


@pytest.fixture
def older(tmp_path):
    """A folder with the tables of an earlier run; afterwards they must be what they were."""
    dest = tmp_path / "dest"
    dest.mkdir()
    for part in SPLITS:
        (dest / f"{part}.parquet").write_text("an older table")
    yield dest
    assert sorted(path.name for path in dest.iterdir()) == sorted(f"{p}.parquet" for p in SPLITS)
    assert {path.read_text() for path in dest.iterdir()} == {"an older table"}


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def refused(dataset, raw, dest):
    with pytest.raises(UserError) as caught:
        prepare_data("demo", dataset, raw, dest)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pattern(message, raw, name):
    """Return the expression for a message of the table."""
    known = {"path": str(raw / name), "folder": str(raw), "MAX_TEXTS": str(SMALL)}
    for key, value in known.items():
        message = message.replace(f"{{{key}}}", value)
    return re.escape(message).replace("…", r"\d+")


@pytest.mark.parametrize("what", FILES)
def test_a_bad_file_is_refused_in_one_line(raw, older, what, monkeypatch):
    name, content, message = FILES[what]
    write(raw / name, content)
    monkeypatch.setattr(limits, "MAX_TEXTS", SMALL)  # so that the bomb can be small too
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = refused(dataset_of(name), raw, older)
    assert re.fullmatch(pattern(message, raw, name), told), told
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < 500, "a bomb went off"


@pytest.mark.parametrize("what", FORMS)
def test_so_is_one_that_columns_do_not_fit(raw, older, what):
    name, content, columns, message = FORMS[what]
    write(raw / name, content)
    told = refused(
        dataset_of(name, columns={"text": "text", "label": "label", **columns}), raw, older
    )
    assert re.fullmatch(pattern(message, raw, name), told), told


@pytest.mark.parametrize("what", SETS)
def test_a_bad_set_is_refused_in_one_line(raw, older, what):
    content, split, message = SETS[what]
    write(raw / "a.csv", content)
    told = refused(dataset_of("a.csv", split=split), raw, older)
    assert re.fullmatch(pattern(message, raw, "a.csv"), told), told


def test_a_label_that_train_lacks(raw, older):
    """Where the files are the splits, no cut sees to it."""
    (raw / "train.csv").write_bytes(HEAD + lines(5))
    for part in ("validation", "test"):
        (raw / f"{part}.csv").write_bytes(HEAD + lines(5) + b"other,sadness\n")
    files = [{"name": f"{part}.csv", "split": part} for part in SPLITS]
    told = refused(dataset_of(*files, split={"method": "given"}), raw, older)
    assert told.startswith("data set 'demo': no text in train has the label 'sadness' (joy 5, sad")


def test_two_files_that_give_the_same_ids(raw, older):
    for name in ("a.csv", "b.csv"):
        (raw / name).write_bytes(HEAD + lines(3))
    told = refused(dataset_of("a.csv", "b.csv"), raw, older)
    assert told == (
        "data set 'demo': two files give the id demo-00002; "
        "give each file its own `split`, or join them into one file"
    )


def test_a_file_that_is_not_there(raw, older):
    told = refused(dataset_of("a.csv"), raw, older)
    assert told == f"{raw / 'a.csv'}: no such file; delete {raw} to have it fetched again"


ODD = {
    "right to left": "\u202eאני שמח\u202c וזה טוב",
    "emoji": "so happy 😀👨\u200d👩\u200d👧🏽 ❤\ufe0f",
    "an emoji alone": "🙃",
    "combining signs": "e\u0301" + "\u0300" * 50,
    "a script": "<script>alert(1)</script>",
    "a formula": "=cmd('/c calc')",
    "quotes and breaks": 'he said "no"\nand, well, went\r\n\tout',
    "a path": "../../etc/passwd",
    "a template": "{{ 7 * 7 }} {wildcards.x} $HOME `id`",
    "beyond the basic plane": "𝓗𝓪𝓹𝓹𝔂 𠜎",
}


MULTILINE = {"text": "text", "label": "label", "quoting": "multiline"}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_odd_texts_are_read_as_they_are(raw, suffix):
    frame = pandas.DataFrame({"text": list(ODD.values()), "label": "joy"})
    match suffix:
        case ".xlsx":
            frame = frame[~frame["text"].str.startswith("=")]
            sheet(("text", "label"), *frame.itertuples(index=False))(raw / "a.xlsx")
        case ".parquet":
            frame.to_parquet(raw / "a.parquet")
        case _:
            frame.to_csv(raw / f"a{suffix}", index=False, sep="\t" if suffix == ".tsv" else ",")
    found = read_rows(raw, dataset_of(f"a{suffix}", columns=MULTILINE), "demo")["text"].tolist()
    if suffix == ".xlsx":  # XML has one kind of line break
        frame["text"] = frame["text"].str.replace("\r\n", "\n")
    assert found == frame["text"].tolist()


def test_odd_texts_come_through_preparation(raw, tmp_path):
    """Of both labels, with a byte order mark and a text of a megabyte; the splits hold every one once."""
    rows = [(f"{text} {n}", LABELS[n % 2]) for text in ODD.values() for n in range(10)]
    rows.append(("word " * (MEGABYTE // 5), "joy"))
    frame = pandas.DataFrame(rows, columns=["text", "label"])
    frame.to_csv(raw / "a.csv", index=False, encoding="utf-8-sig")
    dest = tmp_path / "dest"
    prepare_data("demo", dataset_of("a.csv", normalise="none", columns=MULTILINE), raw, dest)
    found = pandas.concat(pandas.read_parquet(dest / f"{part}.parquet") for part in SPLITS)
    assert len(found) == len(rows) and found["id"].is_unique
    assert sorted(found["text"]) == sorted(" ".join(text.split()) for text, _ in rows)
    assert json.loads((dest / "counts.json").read_text("utf-8"))["texts"]["test"] > 0


def test_a_sheet_that_says_it_is_the_largest_there_can_be(raw):
    write(raw / "a.xlsx", spoiled(lambda xml: xml.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')))
    assert read_rows(raw, dataset_of("a.xlsx"), "demo")["text"].tolist() == ["fine"]


def test_a_text_of_the_largest_size_is_read(raw):
    write(raw / "a.csv", HEAD + b"x" * limits.MAX_TEXT + b",joy\n")
    assert len(read_rows(raw, dataset_of("a.csv"), "demo")["text"][0]) == limits.MAX_TEXT


def test_a_bomb_of_word_vectors(tmp_path):
    import zipfile

    from emopress.dense.vectors import read_vectors

    path = tmp_path / "v.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v.txt", b"a 1 2\n" * 2_000_000)
    with pytest.raises(UserError, match=r"v\.zip: 'v\.txt' in it unpacks from \d+ to 12000000 b"):
        read_vectors(path, ["a"], dimension=2, member="v.txt")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"v\.zip: not a zip file, or a damaged one"):
        read_vectors(path, ["a"], dimension=2, member="v.txt")
