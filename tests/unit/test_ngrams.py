"""N-grams equal scikit-learn's, in Bengali and English, whatever the white space."""

from collections import Counter

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from emopress.runtime.ngrams import analyzer, char_wb, words

ODD = ["", "  ", "a", "ab", "Ünï  Çode\tİstanbul\n😱😱", "আ", "ক্ষ ত্র", "x" * 30, "a\u00a0b\u2003c"]


def expected(kind, ngrams):
    pattern = {"token_pattern": r"\S+"} if kind == "word" else {}
    return TfidfVectorizer(analyzer=kind, ngram_range=tuple(ngrams), **pattern).build_analyzer()


@pytest.mark.parametrize(
    ("kind", "ngrams"),
    [
        ("char_wb", [2, 5]),
        ("char_wb", [1, 1]),
        ("char_wb", [3, 10]),
        ("word", [1, 2]),
        ("word", [2, 3]),
    ],
)
@pytest.mark.parametrize("language", ["bn", "en"])
def test_equal_to_sklearn(demo, language, kind, ngrams):
    theirs, ours = expected(kind, ngrams), analyzer(kind, ngrams)
    for text in [*demo[language].frame["text"][:300], *ODD]:
        assert Counter(ours(text)) == Counter(theirs(text)), text


def test_characters_by_hand():
    assert list(char_wb("No a", 2, 3)) == [" n", "no", "o ", " no", "no ", " a", "a ", " a "]


def test_words_by_hand():
    assert list(words("Not so good", 1, 2)) == ["not", "so", "good", "not so", "so good"]


def test_bengali_words_stay_whole():
    assert list(words("খুশি হয়েছি", 1, 1)) == ["খুশি", "হয়েছি"]
    default = TfidfVectorizer().build_analyzer()
    assert default("খুশি হয়েছি") != ["খুশি", "হয়েছি"]  # what the docstring warns of
