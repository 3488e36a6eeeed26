"""Our WordPiece gives the ids of the tokenizers package, for every text."""

import csv
import random
from pathlib import Path

import pytest
from tokenizers.models import WordPiece as WordPieceModel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from emopress.runtime import remembered
from emopress.runtime.bert_characters import Characters
from emopress.runtime.wordpiece import SPECIAL_TOKENS, WordPiece
from emopress.train.tokenizer import train_wordpiece, wordpiece

DEMO = Path(__file__).parents[2] / "data" / "demo"
HARD = {
    "empty": "",
    "spaces": "  i   feel  ",
    "other white space": "i\tfeel\nso\rtired\u00a0and\u2003cold\u3000to\u2028day\u1680a",
    "removed as control characters": "so\x0btir\x0ced to\x85day\x1c\x1d\x1e\x1f \x00\x07\x7f\ufeff\ufffd",
    "composed accents": "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m \u1ea4n",
    "decomposed accents": "cafe\u0301 nai\u0308ve A\u030angstro\u0308m A\u0302\u0301n",
    "accents in another order": "a\u0301\u0323 a\u0323\u0301",
    "joiners": "\u0995\u09cd\u200d\u09af \u09b0\u200c\u09cd\u09af",
    "vowel signs": "\u0986\u09ae\u09bf \u0996\u09c1\u09ac \u0996\u09c1\u09b6\u09bf \u0995\u09c7\u09be\u0964",
    "nukta": "\u09dc \u09dd \u09df \u09a1\u09bc",
    "chinese": "i\u6211\u5f88feel\u9ad8\u5174 \uf900 \U0002b820\U0002b920\U00020000",
    "japanese and korean": "\u6771\u4eac\u30bf\u30ef\u30fc \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "emoji": "so happy\U0001f600\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "flags": "\U0001f1e7\U0001f1e9 \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "punctuation": "don't! (really?) a-b_c \u2014 \u201cyes\u201d \u00bfqu\u00e9? \u0964 a\u00b7b $5 <x> ~",
    "punctuation of later Unicode": "a\u09fdb a\u2e52b a\u2e5db a\u166db a\U000111c9b",
    "decomposes into punctuation": "a\u037eb a\u1fefb a\u2260b a\u226eb",
    "title case": "\u01c5 \u01f2 \u1f88",
    "sharp s": "Stra\u00dfe STRA\u1e9eE",
    "dotted i": "\u0130stanbul I\u0307 \u0131",
    "final sigma": "\u039f\u0394\u039f\u03a3 \u03a3",
    "kelvin, full width": "\u212a \uff26\uff25\uff25\uff2c",
    "lower case of Unicode 16": "\ua7cb\U00010d50\U00016ea0 \u1c89",
    "private and unassigned": "a\ue000b a\u0378b a\U000e0080b",
    "long word": "a" * 100 + " " + "a" * 101 + " " + "\u0430" * 100 + "\u0301",
    "long after normalisation": "a" * 99 + "\u00e9" + "\u200d" * 50,
    "special tokens": "[CLS] i [MASK]feel[SEP] [PAD][UNK]",
    "near to special tokens": "[cls] [ CLS] [CLS [[MASK]] [MASK]\u0301 [MA\u200dSK]",
    "pieces of words typed": "##s a##b ## # feel##ing",
    "all unknown": "\u16a0\u16a1 \u16a2",
}


def corpus(name):
    with open(DEMO / name, encoding="utf-8") as stream:
        return [row["text"] for row in csv.DictReader(stream)]


ENGLISH, BENGALI = corpus("demo-en.csv"), corpus("demo-bn.csv")
CASES = [(lowercase, strip) for lowercase in (True, False) for strip in (True, False)]


@pytest.fixture(scope="module")
def vocabulary():
    """Pieces in id order, of texts with all that is hard."""
    texts = [*ENGLISH, *BENGALI, *HARD.values()] * 2
    trained = train_wordpiece(texts, vocab_size=3000, lowercase=False).get_vocab()
    return sorted(trained, key=trained.__getitem__)


def both(pieces, lowercase, strip_accents, max_length=None):
    """Return the package's tokenizer as a function text -> ids, and ours."""
    theirs = wordpiece({piece: i for i, piece in enumerate(pieces)}, lowercase=lowercase)
    theirs.add_special_tokens(list(SPECIAL_TOKENS))
    theirs.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    ours = WordPiece(
        pieces, lowercase=lowercase, strip_accents=strip_accents, max_length=max_length
    )
    return lambda text: theirs.encode(text, add_special_tokens=False).ids, ours


@pytest.mark.parametrize(("lowercase", "strip"), CASES)
def test_real_texts(vocabulary, lowercase, strip):
    theirs, ours = both(vocabulary, lowercase, strip)
    assert [ours(text) for text in ENGLISH + BENGALI] == list(map(theirs, ENGLISH + BENGALI))


@pytest.mark.parametrize(("lowercase", "strip"), CASES)
def test_hard_texts(vocabulary, lowercase, strip):
    theirs, ours = both(vocabulary, lowercase, strip)
    for name, text in HARD.items():
        for again in ("met first", "remembered"):
            assert ours(text) == theirs(text), (name, again)


@pytest.mark.parametrize(("lowercase", "strip"), CASES)
def test_every_character(lowercase, strip):
    """Also those that only a later Unicode than Python's or the package's knows, each between two letters.

    Above U+323AF are tags, variation selectors, private characters and none.
    """
    normalizer = BertNormalizer(lowercase=lowercase, strip_accents=strip)
    cut, characters = BertPreTokenizer(), Characters(lowercase=lowercase, strip_accents=strip)

    def same(text):
        words = cut.pre_tokenize_str(normalizer.normalize_str(text))
        return [word for word, _ in words] == text.translate(characters).split()

    dense = [*range(0xD800), *range(0xE000, 0x323B0), *range(0xE0000, 0xE0200)]
    texts = [f"a{chr(c)}b" for c in [*dense, *range(0x323B0, 0x110000, 97), 0x10FFFD, 0x10FFFE]]
    for start in range(0, len(texts), 1000):
        some = texts[start : start + 1000]
        if not same(" ".join(some)):
            assert not [text for text in some if not same(text)]


@pytest.mark.parametrize("lowercase", [True, False])
def test_random_texts(vocabulary, lowercase):
    theirs, ours = both(vocabulary, lowercase, False)
    characters = sorted(set("".join(HARD.values())) | set("abcdefghij ,.'"))
    draw = random.Random(0)
    for _ in range(2000):
        text = "".join(draw.choices(characters, k=draw.randrange(40)))
        assert ours(text) == theirs(text), repr(text)


def test_a_text_is_cut_as_the_package_truncates(vocabulary):
    text = " ".join(ENGLISH[:3])
    theirs, whole = both(vocabulary, True, False)
    _, ours = both(vocabulary, True, False, max_length=4)
    assert ours(text) == ours.array(text).tolist() == theirs(text)[:4] and len(theirs(text)) > 4
    assert ours.too_long(text) and not ours.too_long(ENGLISH[0][:2])
    assert not whole.too_long(text)


def test_memory_has_a_limit(vocabulary, monkeypatch):
    monkeypatch.setattr(remembered, "WORDS", 10)
    theirs, ours = both(vocabulary, True, False)
    before = len(ours.known)
    texts = [f"q{i}z{'long' * (i % 20)}" for i in range(60)]
    for text in texts * 2:
        assert ours(text) == theirs(text)
    assert len(ours.known) == before + 10
    ours.known.forget()
    assert len(ours.known) == before and ours(texts[0]) == theirs(texts[0])


def test_a_word_twice_and_no_other_special_token():
    pieces = ["[UNK]", "a", "b", "a", "##b"]
    ours = WordPiece(pieces, lowercase=True, strip_accents=False, max_length=None)
    package = wordpiece({}, lowercase=True)
    package.model = WordPieceModel({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]")
    for text in ("A ab [MASK] c", "b", "ba"):
        assert ours(text) == package.encode(text).ids
    with pytest.raises(ValueError, match="UNK"):
        WordPiece(["a"], lowercase=True, strip_accents=False, max_length=None)
