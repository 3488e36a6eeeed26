"""Character noise: the nominal share, equal kinds, whole Bengali characters, the same noise every time."""

from collections import Counter

import numpy as np
import pandas
import pytest

from emopress.errors import UserError
from emopress.measure.noise import Alphabet, characters, edits, generator, noise, noisy

KINDS = ["delete", "swap", "replace", "insert"]
WORD = "abcdefghijklmnopqrst"  # 20 characters, all different
FOREIGN = Alphabet(["xyz"])  # what is drawn is seen to be


def kind_of(before, after):
    """Return what a single edit of a word of different letters was, by its traces."""
    if len(after) < len(before):
        return "delete"
    if len(after) > len(before):
        return "insert"
    return "swap" if sorted(after) == sorted(before) else "replace"


def distance(first, second):
    """Return the fewest deletions, insertions, replacements and swaps of neighbours between two lists.

    (Optimal string alignment, by the textbook table.)
    """
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=int)
    table[:, 0], table[0, :] = range(len(first) + 1), range(len(second) + 1)
    for i in range(1, len(first) + 1):
        for j in range(1, len(second) + 1):
            differs = first[i - 1] != second[j - 1]
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + differs
            )
            if i > 1 and j > 1 and first[i - 1] == second[j - 2] and first[i - 2] == second[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return int(table[-1, -1])


def test_the_distance_by_hand():
    assert distance("kitten", "sitting") == 3
    assert distance("ab", "ba") == 1 and distance("abcd", "acbd") == 1 and distance("a", "") == 1


@pytest.mark.parametrize(("size", "share"), [(7, 0.05), (20, 0.1), (13, 0.2), (1, 0.05), (30, 1.0)])
def test_the_mean_number_of_edits_is_the_nominal_share(size, share):
    rng = np.random.default_rng(0)
    counts = [edits(size, share, rng) for _ in range(20_000)]
    assert set(counts) <= {int(size * share), int(size * share) + 1}
    assert np.mean(counts) == pytest.approx(size * share, abs=0.015)  # 4 standard errors at most


def test_one_edit_is_one_of_four_kinds_equally_often():
    found = Counter(
        kind_of(WORD, noisy(WORD, 0.05, generator(i, 0.05), FOREIGN)) for i in range(4000)
    )
    assert set(found) == set(KINDS)
    assert all(abs(count - 1000) < 110 for count in found.values())  # 4 standard errors


def test_every_edit_is_one_step_and_none_is_lost():
    for i in range(500):
        after = noisy(WORD, 0.05, generator(i, 0.05), FOREIGN)
        assert distance(WORD, after) == 1


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("language", ["en", "bn"])
def test_the_share_of_a_corpus(demo, language, share):
    """Aligned with the clean texts: next to no edit undoes or meets another, and none is too many."""
    texts = pandas.read_parquet(demo[language].test)["text"].tolist()[:60]
    alphabet = Alphabet(texts)
    steps = sum(
        distance(characters(text), characters(noisy(text, share, generator(i, share), alphabet)))
        for i, text in enumerate(texts)
    )
    size = sum(not one.isspace() for text in texts for one in characters(text))
    assert 0.9 * share < steps / size < 1.05 * share


def test_swaps_stay_in_their_word_and_white_space_where_it_is():
    for i in range(300):
        after = noisy("ab cd ef", 0.17, generator(i, 0.17), FOREIGN)
        assert after.count(" ") == 2 and len(after.split(" ")) == 3
        if kind_of("ab cd ef", after) == "swap":
            assert after in ("ba cd ef", "ab dc ef", "ab cd fe")


def test_no_swap_of_equals_and_no_replacement_by_the_same():
    assert all(noisy("aa", 0.5, generator(i, 0.5), Alphabet(["aab"])) != "aa" for i in range(200))
    only = Alphabet(["aa"])  # nothing to replace an a by, nothing to swap it with
    found = {noisy("aa", 0.5, generator(i, 0.5), only) for i in range(50)}
    assert found == {"a", "aaa"}


def test_no_text_becomes_empty():
    rng = np.random.default_rng(0)
    for text in ("a", "ab", "a b", "ক্ষ"):
        assert all(noisy(text, 1.0, rng, FOREIGN).strip() for _ in range(200))


def test_texts_without_a_character_and_a_share_of_nothing():
    rng = np.random.default_rng(0)
    assert noisy("", 0.2, rng, FOREIGN) == ""
    assert noisy(" \n", 1.0, rng, FOREIGN) == " \n"
    assert noisy("as it was", 0.0, rng, FOREIGN) == "as it was"


def test_characters_of_bengali_by_hand():
    # k-ssa-aa sign | ma with i sign and candrabindu | ya + nukta
    assert characters("ক্ষা মিঁয়") == ["ক্ষা", " ", "মিঁ", "য\u09bc"]
    assert characters("স্ত্রী") == ["স্ত্রী"]
    assert characters("e\u0301👩‍👩‍👧") == ["e\u0301", "👩‍👩‍👧"]


def test_no_bengali_character_is_torn():
    """All that stands in a noisy text are whole characters of the text or of the alphabet."""
    text = "স্ত্রী ক্ষমা বিজ্ঞান খুঁজে শক্তি"
    alphabet = Alphabet(["ঘৃণা দুঃখ"])
    whole = set(characters(text)) | {"ঘৃ", "ণা", "দুঃ", "খ"}
    assert set(alphabet.characters) == {"ঘৃ", "ণা", "দুঃ", "খ"}
    seen = set()
    for i in range(300):
        found = set(characters(noisy(text, 0.3, generator(i, 0.3), alphabet)))
        assert found <= whole
        seen |= found
    assert seen == whole


def test_the_alphabet_is_drawn_by_frequency_and_has_neither_space_nor_lone_signs():
    alphabet = Alphabet(["aaab bb", "া cab", "\u200dab"])
    # the sign stands at the start of its text, the joiner too: they are nobody's
    assert alphabet.characters == ["a", "b", "c"]
    rng = np.random.default_rng(0)
    found = Counter(alphabet.draw(rng) for _ in range(10_000))
    for one, share in {"a": 5 / 11, "b": 5 / 11, "c": 1 / 11}.items():
        assert found[one] / 10_000 == pytest.approx(share, abs=0.02)
    assert {alphabet.draw_other(rng, "a") for _ in range(100)} == {"b", "c"}


@pytest.fixture
def table(tmp_path):
    texts = ["i feel fine", "আমি ভালো আছি", "so so", "i feel fine"]
    frame = pandas.DataFrame({"id": list("wxyz"), "text": texts, "label": [0, 1, 0, 1]})
    frame.to_parquet(tmp_path / "test.parquet")
    return tmp_path / "test.parquet"


def test_the_file(table, tmp_path):
    noise(table, [0.1, 0.4], tmp_path / "noise.parquet")
    found = pandas.read_parquet(tmp_path / "noise.parquet")
    assert list(found.columns) == ["id", "noise", "text"]
    assert found["id"].tolist() == list("wxyz") * 2
    assert found["noise"].tolist() == [0.1] * 4 + [0.4] * 4 and found["noise"].dtype == "float64"
    clean = pandas.read_parquet(table)["text"].tolist()
    assert all(a != b for a, b in zip(found["text"][4:], clean, strict=True))
    assert found["text"][4] != found["text"][7]  # of equal texts each has its own noise


def test_a_share_does_not_depend_on_the_others(table, tmp_path):
    for name, shares in {"one": [0.4], "two": [0.05, 0.4]}.items():
        noise(table, shares, tmp_path / name)
    alone, after = (pandas.read_parquet(tmp_path / name) for name in ("one", "two"))
    assert alone["text"].tolist() == after["text"][4:].tolist()


def test_no_share_no_rows(table, tmp_path):
    noise(table, [], tmp_path / "noise.parquet")
    found = pandas.read_parquet(tmp_path / "noise.parquet")
    assert list(found.columns) == ["id", "noise", "text"] and found.empty
    assert found["noise"].dtype == "float64" and found["id"].dtype == found["text"].dtype == "str"


def test_texts_that_noise_cannot_be_drawn_from(tmp_path):
    path = tmp_path / "test.parquet"
    pandas.DataFrame({"id": ["a"], "text": ["্"]}).to_parquet(path)  # a mark alone
    with pytest.raises(UserError, match="no test text has a character"):
        noise(path, [0.1], tmp_path / "noise.parquet")


def test_the_same_in_every_process(table, tmp_path, python):
    """Sets and dicts of strings have another order in every process."""
    code = (
        "import sys; from pathlib import Path; from emopress.measure.noise import noise; "
        "noise(Path(sys.argv[1]), [0.2], Path(sys.argv[2]))"
    )
    for name in ("first", "second"):
        python(code, table, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    noise(table, [0.2], tmp_path / "third")
    pandas.testing.assert_frame_equal(
        *(pandas.read_parquet(tmp_path / n) for n in ("first", "third"))
    )
