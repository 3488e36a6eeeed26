"""A bundle's tokenizer.json: read in plain Python or in tokenizers, its ids and masks are those of tokenizers."""

import json

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer, Lowercase, Sequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import BertProcessing, TemplateProcessing

from emopress.runtime.tokenizer_file import PackageTokenizer, difference, read_tokenizer_file
from emopress.runtime.tokens import Encoder
from emopress.runtime.wordpiece import SPECIAL_TOKENS, WordPiece
from emopress.train.tokenizer import train_words, wordpiece

PIECES = [*SPECIAL_TOKENS, "i", "feel", "fine", "##ly", "##s", "ok", "!", "a", "##a"]
TEXTS = [
    "i feel fine",
    "",
    "I FEELS finely !",
    "[MASK] caf\u00e9 ok!ok",
    "a" * 101,
    "aaaa",
    "i " * 30,
]


def trained(**options):
    tokenizer = wordpiece({piece: i for i, piece in enumerate(PIECES)}, lowercase=True)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    for name, value in options.items():
        setattr(tokenizer, name, value)
    return tokenizer


def with_bert_processing():
    return trained(post_processor=BertProcessing(("[SEP]", 3), ("[CLS]", 2)))


def framed_otherwise():
    single = "[CLS] [CLS] $A [SEP] [MASK]"
    tokens = [(token, PIECES.index(token)) for token in ("[CLS]", "[SEP]", "[MASK]")]
    return trained(post_processor=TemplateProcessing(single=single, special_tokens=tokens))


PLAIN = {
    "trained": trained,
    "accents by lower case": lambda: trained(normalizer=BertNormalizer(lowercase=True)),
    "cased": lambda: trained(normalizer=BertNormalizer(lowercase=False)),
    "bert processing": with_bert_processing,
    "another frame": framed_otherwise,
}


def model(**settings):
    tokenizer = trained()
    for name, value in settings.items():
        setattr(tokenizer.model, name, value)
    return tokenizer


def with_token(token):
    tokenizer = trained()
    tokenizer.add_special_tokens([token])
    return tokenizer


def with_no_special_tokens():
    return wordpiece({piece: i for i, piece in enumerate(PIECES)}, lowercase=True)


def with_words():
    return train_words(TEXTS * 2, vocab_size=30, lowercase=True)


def with_one_word_per_number():
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


OTHERS = {
    "shorter words": lambda: model(max_input_chars_per_word=50),
    "another prefix": lambda: model(continuing_subword_prefix="@@"),
    "another normaliser": lambda: trained(normalizer=Sequence([Lowercase(), BertNormalizer()])),
    "no normaliser of white space": lambda: trained(normalizer=BertNormalizer(clean_text=False)),
    "another pre-tokenizer": lambda: trained(pre_tokenizer=Whitespace()),
    "a token of its own": lambda: with_token("<name>"),
    "a mask that takes spaces": lambda: with_token(AddedToken("[MASK]", lstrip=True)),
    "special tokens as words": with_no_special_tokens,
    "words": with_words,
    "words without framing": with_one_word_per_number,
}


def stored(make, tmp_path):
    path = tmp_path / "tokenizer.json"
    make().save(str(path))
    return path


def expected(path, texts, max_length):
    """Return the ids, the masks and which texts are too long, as the package has it."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    found = tokenizer.encode_batch(texts)
    return (
        [one.ids for one in found],
        [one.attention_mask for one in found],
        [bool(one.overflowing) for one in found],
    )


@pytest.mark.parametrize("max_length", [5, 12, 128])
@pytest.mark.parametrize("name", [*PLAIN, *OTHERS])
def test_an_encoder_gives_what_the_package_gives(name, max_length, tmp_path):
    path = stored({**PLAIN, **OTHERS}[name], tmp_path)
    encoder = Encoder(path, max_length=max_length, pad_id=0)
    for texts in (TEXTS, *([text] for text in TEXTS)):
        ids, mask, too_long = expected(path, texts, max_length)
        found = encoder(texts)
        assert found["input_ids"].tolist() == ids and found["attention_mask"].tolist() == mask
        assert {array.dtype for array in found.values()} == {np.dtype(np.int64)}
        assert encoder.too_long(texts) == too_long
        if len(texts) == 1:
            assert encoder.input_ids(texts[0]).tolist() == ids


@pytest.mark.parametrize("name", PLAIN)
def test_berts_wordpiece_needs_no_package(name, tmp_path):
    path = stored(PLAIN[name], tmp_path)
    assert isinstance(read_tokenizer_file(path, max_length=8), WordPiece)
    assert difference(json.loads(path.read_text(encoding="utf-8"))) is None


@pytest.mark.parametrize("name", OTHERS)
def test_all_others_are_the_packages(name, tmp_path):
    path = stored(OTHERS[name], tmp_path)
    assert isinstance(read_tokenizer_file(path, max_length=8), PackageTokenizer)


def test_a_frame_without_room_is_the_packages_matter(tmp_path):
    path = stored(trained, tmp_path)
    assert isinstance(read_tokenizer_file(path, max_length=2), PackageTokenizer)


def test_a_vocabulary_that_leaves_numbers_out(tmp_path):
    """As of a published vocabulary file that has a word twice."""
    vocabulary = {piece: i + 3 * (i > 8) for i, piece in enumerate(PIECES)}

    def make():
        tokenizer = wordpiece(vocabulary, lowercase=True)
        tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
        return tokenizer

    path = stored(make, tmp_path)
    found = read_tokenizer_file(path, max_length=20)
    assert isinstance(found, WordPiece)
    assert [found(text) for text in TEXTS] == [
        one[: sum(mask)] for one, mask in zip(*expected(path, TEXTS, 20)[:2], strict=True)
    ]


def test_what_differs_is_said(tmp_path):
    facts = json.loads(stored(OTHERS["another prefix"], tmp_path).read_text(encoding="utf-8"))
    assert difference(facts) == "model.continuing_subword_prefix '@@' (expected '##')"
