"""Words of a text, characters of a word, and the hashed buckets of its n-grams, by hand."""

import random

import pytest
import regex

from emopress.runtime.lexicon import Lexicon, characters, fnv1a, ngram_buckets, words_of

WORDS = {
    "It's OK!": ["it", "'s", "ok", "!"],
    "I don't, we’d": ["i", "do", "n't", ",", "we", "'d"],
    "wouldn't've": ["would", "n't", "'ve"],
    "the '90s isn'try": ["the", "'", "90s", "isn", "'", "try"],
    "naïve e\u0301te\u0301 x_1 3.5": ["naïve", "e\u0301te\u0301", "x_1", "3", ".", "5"],
    "😱😱 ❤️so-so": ["😱", "😱", "❤️", "so", "-", "so"],
    "আমি ভালো আছি।": ["আমি", "ভালো", "আছি", "।"],
    "ক্ষত্রিয় র\u200d্যাব কাঁদছি": ["ক্ষত্রিয়", "র\u200d্যাব", "কাঁদছি"],
    "": [],
    "  ": [],
}


@pytest.mark.parametrize("text", WORDS)
def test_words(text):
    assert words_of(text) == WORDS[text]


def test_no_bengali_word_is_cut_at_a_mark(demo):
    for text in demo["bn"].frame["text"]:
        for word in words_of(text):
            assert not regex.match(r"[\p{M}\u200c\u200d]", word), (text, word)


def test_nothing_but_white_space_is_lost(demo):
    for language in demo:
        for text in demo[language].frame["text"][:300]:
            joined = "".join(words_of(text))
            assert joined == "".join(text.lower().replace("’", "'").split())


CHARACTERS = {
    "joy": ["j", "o", "y"],
    "শিক্ষা": ["শি", "ক্ষা"],
    "কাঁদছি": ["কাঁ", "দ", "ছি"],
    "ত্রিয়": ["ত্রি", "য়"],
    "e\u0301t": ["e\u0301", "t"],
    "": [],
}


@pytest.mark.parametrize("word", CHARACTERS)
def test_characters(word):
    assert characters(word) == CHARACTERS[word]


def test_characters_are_the_grapheme_clusters_of_unicode(demo):
    for text in demo["bn"].frame["text"]:
        for word in words_of(text):
            assert characters(word) == regex.findall(r"\X", word)


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)],  # the authors' test vectors
)
def test_fnv1a(data, value):
    assert fnv1a(data) == value


def test_buckets_by_hand():
    grams = [b"<ab", b"<ab>", b"ab>"]
    assert ngram_buckets("ab", shortest=3, longest=5, buckets=1000) == [
        fnv1a(gram) % 1000 for gram in grams
    ]
    conjunct = "<ক্ষা>".encode()  # one character of a reader, so three in all
    assert ngram_buckets("ক্ষা", shortest=3, longest=3, buckets=997) == [fnv1a(conjunct) % 997]
    assert ngram_buckets("a", shortest=4, longest=5, buckets=10) == []


def test_buckets_are_filled_evenly():
    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    counts = [0] * 50
    for _ in range(2000):
        for bucket in ngram_buckets("".join(rng.choices(letters, k=6)), shortest=3, longest=4, buckets=50):  # fmt: skip
            counts[bucket] += 1
    mean = sum(counts) / 50
    assert max(abs(count - mean) for count in counts) < 0.15 * mean


def test_rows_of_known_and_unseen_words():
    lexicon = Lexicon(["bad", "good"], buckets=100, ngrams=[3, 3])
    unseen = [2 + fnv1a(gram) % 100 for gram in (b"<mo", b"moo", b"ood", b"od>")]
    assert lexicon.cut("Good mood , bad", 10) == [[1], unseen, [2 + fnv1a(b"<,>") % 100], [0]]
    assert lexicon.pieces("bad") == [2 + fnv1a(gram) % 100 for gram in (b"<ba", b"bad", b"ad>")]


def test_unknown_words_do_not_count_towards_the_limit():
    lexicon = Lexicon(["bad", "good"], buckets=0, ngrams=[])
    assert lexicon.cut("what a good , bad good day", 2) == [[1], [0]]
    assert lexicon.cut("what a day", 2) == [] and lexicon.pieces("good") == []
