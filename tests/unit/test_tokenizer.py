"""Tokenizers: Bengali vowel signs stay, published vocabularies load, stripping ones are refused."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import NFD, BertNormalizer, Lowercase, Sequence, StripAccents

from emopress.errors import UserError
from emopress.train.tokenizer import (
    SPECIAL_TOKENS,
    model_tokenizer,
    pad_id,
    train_wordpiece,
    train_words,
)
from plain_entries import transformer

ROOT = Path(__file__).parents[2]

BENGALI = ["আমি খুব খুশি হয়েছি।", "কৃষ্ণ দুঃখ পেয়েছে", "কী সুন্দর দৃশ্য"]
MARKS = {c for text in BENGALI for c in text if unicodedata.category(c) in ("Mc", "Mn")}


def trained(texts=BENGALI, **options):
    return train_wordpiece(texts * 3, **{"vocab_size": 400, "lowercase": False, **options})


def pieces(tokenizer, text):
    """Return a text's tokens without the frame, glued together again."""
    tokens = tokenizer.encode(text).tokens
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")
    return "".join(token.removeprefix("##") for token in tokens[1:-1])


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("text", BENGALI)
def test_trained_tokenizer_keeps_vowel_signs(text, lowercase):
    assert len(MARKS) >= 8
    assert pieces(trained(lowercase=lowercase), text) == text.replace(" ", "")


def test_trained_on_the_demo_corpus(demo):
    texts = demo["bn"].frame["text"].tolist()
    tokenizer = train_wordpiece(texts, vocab_size=1500, lowercase=True)
    assert tokenizer.get_vocab_size() <= 1500
    assert [tokenizer.token_to_id(t) for t in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    unknown = [text for text in texts if "[UNK]" in tokenizer.encode(text).tokens]
    assert len(unknown) < 0.05 * len(texts)


def test_same_texts_same_vocabulary_in_every_process(python):
    """The trainer's own hash tables are seeded anew in each process."""
    code = (
        "import sys, zlib; from emopress.train.tokenizer import train_wordpiece;"
        "texts = open(sys.argv[1], encoding='utf-8').read().split('\\n')[:400];"
        "tokenizer = train_wordpiece(texts, vocab_size=700, lowercase=False);"
        "print(zlib.crc32(tokenizer.to_str().encode()))"
    )
    corpus = ROOT / "data" / "demo" / "demo-bn.csv"
    assert python(code, corpus).stdout == python(code, corpus).stdout


def test_pieces_inside_words_are_ordinary_entries():
    """They are numbered by way of the trainer's special tokens, and must not stay special."""
    tokenizer = trained(["ab abc"])
    assert "##b" in tokenizer.get_vocab()
    assert tokenizer.encode("a ##b").tokens[2:4] != ["##b", "[SEP]"]
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    assert sorted(special) == sorted(SPECIAL_TOKENS)


@pytest.mark.parametrize("vocab_size", [8, 20, 57, 100, 200, 437])
def test_at_most_so_many_entries_however_many_characters(demo, caplog, vocab_size):
    """A text of many characters: the most frequent stay, of equals the first."""
    texts = [t for language in ("bn", "en") for t in demo[language].frame["text"].tolist()]
    tokenizer = train_wordpiece(texts, vocab_size=vocab_size, lowercase=True)
    assert tokenizer.get_vocab_size() <= vocab_size
    assert [tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    letters = {t.removeprefix("##") for t in tokenizer.get_vocab() if t not in SPECIAL_TOKENS}
    counts = Counter("".join(t.lower() for t in texts if t).replace(" ", ""))
    told = [line for line in caplog.messages if "most frequent of" in line]
    single = {letter for letter in letters if len(letter) == 1}
    left_out = set(counts) - single
    assert bool(told) == bool(left_out)
    if left_out:
        assert min(counts[letter] for letter in single) >= max(
            counts[letter] for letter in left_out
        )
        assert f"the {len(single)} most frequent of {len(counts)} characters" in told[0]
    again = train_wordpiece(texts, vocab_size=vocab_size, lowercase=True)
    assert again.to_str() == tokenizer.to_str()


def test_the_alphabet_by_hand():
    """a: 4 times, b and c: 2, d: 1; a and c only at the start, so b and d are two entries each."""
    texts = ["ab ab cd", "a a", "c"]
    tokenizer = train_wordpiece(texts, vocab_size=9, lowercase=False)
    assert set(tokenizer.get_vocab()) == {*SPECIAL_TOKENS, "a", "b", "##b", "c"}
    assert tokenizer.encode("ab c cd").tokens[1:-1] == ["a", "##b", "c", "[UNK]"]
    assert train_wordpiece(texts, vocab_size=8, lowercase=False).get_vocab_size() == 8


def test_lowercase_is_a_choice():
    texts = ["Happy HAPPY happy é"]
    lower, kept = trained(texts, lowercase=True), trained(texts, lowercase=False)
    assert pieces(lower, "Happy é") == "happyé"
    assert pieces(kept, "Happy é") == "Happyé"


STRIPPING = {
    "strip_accents": BertNormalizer(strip_accents=True, lowercase=False),
    "bert's default for lower case": BertNormalizer(lowercase=True),
    "a sequence": Sequence([NFD(), Lowercase(), StripAccents()]),
}


@pytest.mark.parametrize("kind", STRIPPING)
def test_tokenizer_that_strips_vowel_signs_is_refused_for_bengali(tmp_path, kind):
    tokenizer = Tokenizer(WordPiece({t: i for i, t in enumerate(SPECIAL_TOKENS)}))
    tokenizer.normalizer = STRIPPING[kind]
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(
        UserError, match="strips Bengali vowel signs, and others alike; use one that does not, have"
    ):
        model_tokenizer(transformer(), tmp_path, [], language="bn")
    assert model_tokenizer(transformer(), tmp_path, [], language="en")


def test_tokenizer_that_keeps_them_is_taken(tmp_path):
    trained(lowercase=True).save(str(tmp_path / "tokenizer.json"))
    assert model_tokenizer(transformer(), tmp_path, [], language="bn")


def test_a_tokenizer_of_another_language_is_refused(tmp_path, caplog):
    """Every word would be [UNK], every text the same, and no error would say so."""
    tokenizer = trained()
    tokenizer.enable_padding(length=50)  # as published ones do; padding is no text
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    chinese = ["今天真開心", "氣死我了"]
    message = r": 100% of the training texts' characters are unknown to it; take a tokenizer that was made"
    with pytest.raises(UserError, match=message):
        model_tokenizer(transformer(), tmp_path, chinese, language="en")
    assert model_tokenizer(transformer(), tmp_path, BENGALI, language="en") and not caplog.records
    assert model_tokenizer(transformer(), tmp_path, [*BENGALI, *chinese], language="en")
    shares = re.findall(r"(\d+)% of the training texts' characters", caplog.text)
    assert len(shares) == 1 and 5 < int(shares[0]) < 50


def trains_its_tokenizer(*, lowercase):
    init = {"architecture": "bert", "layers": 1, "width": 8, "heads": 2, "ffn": 8}
    tokenizer = {"train": "wordpiece", "vocab_size": 100, "lowercase": lowercase}
    return transformer(init, tokenizer=tokenizer)


def test_words_without_white_space_that_are_too_long_for_a_tokenizer():
    """WordPiece takes no word of more than 100 characters; such a text is one token, and lost."""
    entry = trains_its_tokenizer(lowercase=False)
    thai = ["วันนี้มีความสุขมาก" * 10, "โกรธมากเลยนะ" * 12, "วันนี้มีความสุขมาก"]
    with pytest.raises(UserError, match=r"^tokenizer: 9\d% of the training texts' characters are"):
        model_tokenizer(entry, None, thai, language="bn")


def test_model_entry_trains_its_tokenizer():
    entry = trains_its_tokenizer(lowercase=True)
    tokenizer = model_tokenizer(entry, None, ["Joy joy JOY"] * 3, language="bn")
    assert tokenizer.token_to_id("joy") is not None


def test_padding_token():
    assert pad_id(trained()) == 0
    with pytest.raises(UserError, match=r"none of \[PAD\], <pad>, "):
        pad_id(Tokenizer(WordPiece({"[UNK]": 0})))


def test_truncation_keeps_the_frame():
    tokenizer = trained()
    tokenizer.enable_truncation(5)
    encoding = tokenizer.encode(" ".join(BENGALI))
    assert len(encoding.ids) == 5
    assert (encoding.tokens[0], encoding.tokens[-1]) == ("[CLS]", "[SEP]")


def test_whole_words(demo):
    texts = demo["bn"].frame["text"].tolist()
    tokenizer = train_words(texts, vocab_size=200, lowercase=True)
    assert train_words(texts, vocab_size=200, lowercase=True).to_str() == tokenizer.to_str()
    assert tokenizer.get_vocab_size() == 200
    assert [tokenizer.id_to_token(i) for i in range(5)] == SPECIAL_TOKENS
    word = next(w for w in tokenizer.get_vocab() if w not in SPECIAL_TOKENS)
    assert tokenizer.encode(f"{word} nevertheard").tokens == ["[CLS]", word, "[UNK]", "[SEP]"]


def test_words_that_stand_once_are_unknown():
    tokenizer = train_words(["Feel good", "feel bad"], vocab_size=100, lowercase=True)
    assert set(tokenizer.get_vocab()) == {*SPECIAL_TOKENS, "feel"}
