"""Reading GloVe text files: the words that are wanted, no more memory than those, bad lines by name."""

import codecs
import json
import zipfile

import numpy as np
import pytest

from emopress.dense.table import frequent_words
from emopress.dense.vectors import read_vectors
from emopress.errors import UserError

PEAK = """
import json, resource, sys
from emopress.dense.vectors import read_vectors
from pathlib import Path
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found, *_ = read_vectors(Path(sys.argv[1]), ["w7", "w59999", "absent"], dimension=200)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"words": sorted(found), "kilobytes": after - before}))
"""


@pytest.fixture
def glove(tmp_path):
    """Return a function that writes lines as a file and returns its path."""

    def write(*lines, name="small.txt"):
        path = tmp_path / name
        path.write_bytes(b"".join(line.encode("utf-8") + b"\n" for line in lines))
        return path

    return write


def test_wanted_words(glove):
    path = glove("the 1 2 3", "ভালো -0.5 1e-3 0", "good 4 5 6", "the 7 8 9", ", 0 0 1")
    found, *_ = read_vectors(path, ["the", "ভালো", ",", "absent"], dimension=3)
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "the": [1.0, 2.0, 3.0],
        "ভালো": [-0.5, pytest.approx(1e-3), 0.0],
        ",": [0.0, 0.0, 1.0],
    }
    assert all(vector.dtype == np.float32 for vector in found.values())


def test_a_count_and_dimension_on_top_are_skipped(glove):
    found, *_ = read_vectors(glove("2 2", "a 1 2", "b 3 4"), ["b", "2"], dimension=2)
    assert list(found) == ["b"]


def test_a_byte_order_mark_is_no_letter(tmp_path):
    for name, text in (("plain", "joy 1 2\n"), ("counted", "1 2\njoy 1 2\n")):
        (tmp_path / name).write_bytes(codecs.BOM_UTF8 + text.encode())
        found = read_vectors(tmp_path / name, ["joy"], dimension=2)
        assert found.vectors["joy"].tolist() == [1.0, 2.0] and found.begins == ["joy"]
    (tmp_path / "wide").write_bytes("joy 1 2\n".encode("utf-16"))
    with pytest.raises(UserError, match=r"wide: UTF-16; expected UTF-8 \(iconv"):
        read_vectors(tmp_path / "wide", ["joy"], dimension=2)


@pytest.mark.parametrize("head", ["2 2 ", "2\t2", "2  2"])
def test_a_head_with_other_white_space(glove, head):
    assert list(read_vectors(glove(head, "a 1 2"), ["a"], dimension=2).vectors) == ["a"]


RRA = ["\u09dc", "\u09a1\u09bc"]  # one letter, in one code point and in two
SPELLINGS = {
    "typed with U+09DC, looked up decomposed": ("বা" + RRA[0] + "ি", "বা" + RRA[1] + "ি", "bengali"),
    "and the other way round": ("বা" + RRA[1] + "ি", "বা" + RRA[0] + "ি", "none"),
    "U+09DD": ("আষা\u09dd", "আষা\u09a2\u09bc", "bengali"),
    "U+09DF": ("সম\u09df", "সম\u09af\u09bc", "bengali"),
    "a vowel sign in two parts": ("ভা\u09b2\u09c7\u09be", "ভা\u09b2\u09cb", "none"),
    "an accent apart": ("cafe\u0301", "caf\u00e9", "none"),
    "a word joiner, which only one method removes": ("দিন\u2060", "দিন", "bengali"),
    "a capital": ("Joy", "joy", "none"),
    "a curly apostrophe": ("n\u2019t", "n't", "none"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_of_a_word(glove, name):
    """The file's word, that of the texts, and the method that these went through."""
    there, word, normalise = SPELLINGS[name]
    found = read_vectors(glove(f"{there} 1 2"), [word], dimension=2, normalise=normalise)
    assert {w: v.tolist() for w, v in found.vectors.items()} == {word: [1.0, 2.0]}
    assert (found.respelled, found.passed_over) == (1, 0)


def test_other_words_are_not_found(glove):
    path = glove("joys 1 2", "দিন\u2060 3 4", "বাড় 5 6", "ju\u0308st 7 8")
    found = read_vectors(path, ["joy", "দিন", "বাড", "just"], dimension=2)
    assert found == ({}, 0, 0, ["joys", "দিন\u2060", "বাড়"])


def test_the_word_as_it_is_comes_first_then_the_first_line(glove):
    lines = ["Joy 1 1", "JOY 2 2", "joy 3 3", "joy 4 4", "Fear 5 5", "FEAR 6 6"]
    found = read_vectors(glove(*lines), ["joy", "fear"], dimension=2)
    assert {w: v.tolist() for w, v in found.vectors.items()} == {"joy": [3, 3], "fear": [5, 5]}
    assert (found.respelled, found.passed_over) == (1, 4)


def test_two_spellings_in_the_texts_share_a_line(glove):
    """Texts that are not normalised may have both."""
    words = ["caf\u00e9", "cafe\u0301"]
    found = read_vectors(glove("caf\u00e9 1 2"), words, dimension=2)
    assert sorted(found.vectors) == sorted(words) and (found.respelled, found.passed_over) == (1, 0)


def test_a_word_that_is_not_utf8_is_passed_over(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"caf\xe9 1 2\njoy 3 4\n")
    found = read_vectors(tmp_path / "v.txt", ["joy", "caf\u00e9"], dimension=2)
    assert list(found.vectors) == ["joy"] and found.begins == ["caf\ufffd", "joy"]


def test_words_with_spaces_are_passed_over(glove):
    found, *_ = read_vectors(glove("a 1 2", "at name 3 4", "at 5 6"), ["at"], dimension=2)
    assert found["at"].tolist() == [5.0, 6.0]


def test_other_line_ends_and_a_last_line_without_one(tmp_path):
    (tmp_path / "v.txt").write_bytes(b"a 1 2 \r\nb 3 4")
    found, *_ = read_vectors(tmp_path / "v.txt", ["a", "b"], dimension=2)
    assert [vector.tolist() for vector in found.values()] == [[1.0, 2.0], [3.0, 4.0]]


def test_a_file_inside_a_zip(glove, tmp_path):
    with zipfile.ZipFile(tmp_path / "v.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(glove("a 1 2"), "v.2d.txt")
    found, *_ = read_vectors(tmp_path / "v.zip", ["a"], dimension=2, member="v.2d.txt")
    assert found["a"].tolist() == [1.0, 2.0]
    with pytest.raises(
        UserError, match=r"v\.zip: no file 'v\.3d\.txt' in it; it holds: v\.2d\.txt"
    ):
        read_vectors(tmp_path / "v.zip", ["a"], dimension=3, member="v.3d.txt")
    with pytest.raises(UserError, match=r"small\.txt: not a zip file"):
        read_vectors(tmp_path / "small.txt", ["a"], dimension=2, member="v.2d.txt")


BAD = {
    "another dimension": (
        ["a 1 2 3", "b 1 2 3"],
        "line 1: a word and 3 numbers, but vectors.dimension is 2",
    ),
    "another dimension on top": (["9 300", "b 1 2"], "line 1: a word and 300 numbers"),
    "too few numbers": (["a 1 2", "b 1"], "line 2: a word and 1 numbers"),
    "an empty line": (["a 1 2", ""], "line 2: a word and 0 numbers"),
    "no number": (["a 1 2", "b 1 x"], "line 2: could not convert string to float"),
    "not finite": (["b 1 nan"], "line 1: a number is not finite"),
    "no lines at all": (["x" * 9000], "line 1: a word and 0 numbers"),
    "an endless word": (["a 1 2", "x" * 5000 + " 1 2"], "line 2: "),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named(glove, name):
    lines, message = BAD[name]
    with pytest.raises(UserError) as caught:
        read_vectors(glove(*lines), ["a", "b"], dimension=2)
    assert str(caught.value).startswith("small.txt, line ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_file_is_never_held(python, tmp_path):
    """60,000 words of 200 numbers: 90 MB of text, 48 MB as floats."""
    numbers = " ".join(["0.1234"] * 200)
    with open(tmp_path / "large.txt", "w", encoding="utf-8") as stream:
        for number in range(60_000):
            stream.write(f"w{number} {numbers}\n")
    assert (tmp_path / "large.txt").stat().st_size > 80e6
    found = json.loads(python(PEAK, tmp_path / "large.txt").stdout)
    assert found["words"] == ["w59999", "w7"]
    assert found["kilobytes"] < 4000


def test_frequent_words():
    texts = ["b a a", "A c", "c b c", "d"]
    assert frequent_words(texts, min_count=1, max_words=100) == ["a", "b", "c", "d"]
    assert frequent_words(texts, min_count=2, max_words=100) == ["a", "b", "c"]
    assert frequent_words(texts, min_count=1, max_words=2) == ["a", "b"]  # two texts each, as c
