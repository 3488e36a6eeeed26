"""Tokenizers of transformer and LSTM models, always as one `tokenizer.json` that training and prediction share."""

import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordLevelTrainer, WordPieceTrainer

from emopress.artifact import write_json
from emopress.errors import UserError
from emopress.train.published_tokenizer import read_tokenizer
from emopress.train.vowel_signs import VOWEL_SIGNS, has_vowel_signs

if TYPE_CHECKING:
    from emopress.entries.conv import ConvStudent
    from emopress.entries.lstm import LstmStudent
    from emopress.entries.transformer import TransformerStudent

# What fills up a batch. A decoder's tokenizer often has no padding token of its own: the one that ends
# a text serves, which classification adds to none.
PAD_TOKENS = ("[PAD]", "<pad>", "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>")


def pad_id(tokenizer: Tokenizer) -> int:
    """Return the id of the first of PAD_TOKENS that the tokenizer has; UserError if it has none."""
    for token in PAD_TOKENS:
        index = tokenizer.token_to_id(token)
        if index is not None:
            return index
    raise UserError(f"tokenizer: none of {', '.join(PAD_TOKENS)} to fill up a batch with")


SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER_CONFIG = "tokenizer_config.json"
ROLES = {  # transformers' names of what special tokens are for -> the usual tokens
    "pad_token": PAD_TOKENS,
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>", "<bos>"),
    "sep_token": ("[SEP]", "</s>", "<eos>"),
    "mask_token": ("[MASK]", "<mask>"),
}
LOOKED_AT = 2000  # texts that are looked through for unknown words
MOST_UNKNOWN = 0.5  # share of characters; what has more is a tokenizer of another language
MUCH_UNKNOWN = 0.05  # what has more is logged


def wordpiece(vocabulary: dict[str, int], *, lowercase: bool) -> Tokenizer:
    """Return a BERT WordPiece tokenizer over `vocabulary` that keeps accents and vowel signs.

    Hugging Face's own BERT normaliser strips them whenever it lower-cases, which deletes half of
    the Bengali vowels.
    """
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder(prefix="##")
    if vocabulary:
        _frame(tokenizer)
    return tokenizer


def _frame(tokenizer: Tokenizer) -> None:
    """Put [CLS] and [SEP] around every text."""
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )


def train_wordpiece(texts: list[str], *, vocab_size: int, lowercase: bool) -> Tokenizer:
    """Train a WordPiece tokenizer on `texts`; at most `vocab_size` entries, specials first.

    The same texts give the same vocabulary: the trainer numbers the pieces inside words (`##x`) in
    the order of a hash table and breaks ties by number, so they are numbered for it. It takes every
    character of the texts, however many entries that makes; so where they are too many, the most
    frequent ones are chosen for it, and words with another one are [UNK].
    """
    tokenizer = wordpiece({}, lowercase=lowercase)
    alphabet, inner = _alphabet(tokenizer, texts, vocab_size - len(SPECIAL_TOKENS))
    trainer = WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=[*SPECIAL_TOKENS, *(f"##{character}" for character in inner)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(texts, trainer)
    # A new one, since the pieces must not be special in the tokenizer that is used.
    trained = wordpiece(tokenizer.get_vocab(), lowercase=lowercase)
    trained.add_special_tokens(SPECIAL_TOKENS)
    return trained


def train_words(texts: list[str], *, vocab_size: int, lowercase: bool) -> Tokenizer:
    """Train a tokenizer of whole words on `texts`; at most `vocab_size` entries, specials first.

    Words are those that WordPiece would cut into pieces. A word must occur twice in the texts; of equally
    frequent ones the first in the order of their code points are kept. All others are [UNK].
    """
    tokenizer = Tokenizer(WordLevel({}, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trainer = WordLevelTrainer(
        vocab_size=vocab_size, special_tokens=SPECIAL_TOKENS, show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(texts, trainer)
    _frame(tokenizer)
    return tokenizer


TRAINED = {"wordpiece": train_wordpiece, "words": train_words}


def _alphabet(tokenizer: Tokenizer, texts: list[str], room: int) -> tuple[list[str], list[str]]:
    """Return the characters of `texts` and those of them that occur inside words, each sorted.

    Every character in either list takes an entry. Where these are more than `room`, the most frequent
    characters that fit are returned, of equally frequent ones the first by code point.
    """
    counts: Counter[str] = Counter()
    inside: set[str] = set()
    for text in texts:
        normalised = tokenizer.normalizer.normalize_str(text)
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalised):
            counts.update(word)
            inside.update(word[1:])
    kept: list[str] = []
    for character in sorted(counts, key=lambda character: (-counts[character], character)):
        room -= 2 if character in inside else 1
        if room < 0:
            break
        kept.append(character)
    if len(kept) < len(counts):
        logging.warning(
            "tokenizer: vocab_size has room for the %d most frequent of %d characters; words with another "
            "one are unknown: %.2f %% of the characters of the training texts",
            *(len(kept), len(counts), 100 * (1 - sum(counts[c] for c in kept) / counts.total())),
        )
    return sorted(kept), sorted(inside.intersection(kept))


def embedding_rows(tokenizer: Tokenizer) -> int:
    """Return the rows that an embedding table needs: the largest id plus one.

    More than there are entries where a vocabulary file repeats a word, as published ones do.
    """
    return max(tokenizer.get_vocab().values()) + 1


def unknown_share(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return which share of the characters of some texts became unknown tokens, 0 to 1.

    Of the characters that became tokens; a long word that is unknown is one token and much text.
    """
    unknown_ids = {tokenizer.token_to_id(name) for name in ROLES["unk_token"]}
    total = unknown = 0
    for one in tokenizer.encode_batch(texts, add_special_tokens=False):
        for token, (start, end) in zip(one.ids, one.offsets, strict=True):
            total += end - start
            unknown += (end - start) * (token in unknown_ids)
    return unknown / max(1, total)


def strips_vowel_signs(tokenizer: Tokenizer) -> bool:
    """Return whether the tokenizer's normaliser deletes vowel signs, tried on Bengali ones."""
    if tokenizer.normalizer is None:
        return False
    return len(tokenizer.normalizer.normalize_str(VOWEL_SIGNS)) < len(VOWEL_SIGNS)


def model_tokenizer(
    entry: "TransformerStudent | LstmStudent | ConvStudent",
    pretrained: Path | None,
    texts: list[str],
    *,
    language: str,
) -> Tokenizer:
    """Return the tokenizer of a model entry of the config.

    `pretrained` is the folder that its checkpoint or tokenizer was fetched into; `texts` are the
    training texts, for a tokenizer that is trained. UserError for a tokenizer that strips vowel signs
    where `language` is written with them, unless the entry says `strips_vowel_signs`, and for one that
    does not know most of the texts.
    """
    spec = entry.tokenizer
    if spec and spec.train and spec.vocab_size:
        train, lowercase = TRAINED[spec.train], bool(spec.lowercase)
        result = train(texts, vocab_size=spec.vocab_size, lowercase=lowercase)
    elif pretrained is None:
        raise ValueError("a tokenizer that is not trained needs its folder")
    else:
        result = read_tokenizer(pretrained, spec, texts)
    if has_vowel_signs(language) and not entry.strips_vowel_signs and strips_vowel_signs(result):
        raise UserError(
            f"{pretrained}: this tokenizer strips Bengali vowel signs, and others alike; use one that does not, "
            "have them kept with tokenizer: {strip_accents: false}, or accept it with strips_vowel_signs: true"
        )
    # Of whole words any number may be unknown; that is what their vocabulary's size decides.
    unknown = 0.0 if spec and spec.train == "words" else unknown_share(result, texts[:LOOKED_AT])
    where, finding = (
        pretrained or "tokenizer",
        f"{unknown:.0%} of the training texts' characters are unknown to it",
    )
    if unknown > MOST_UNKNOWN:
        raise UserError(
            f"{where}: {finding}; take a tokenizer that was made for their language, or put white space between "
            "their words (WordPiece takes none of more than 100 characters)"
        )
    if unknown > MUCH_UNKNOWN:
        logging.warning("%s: %s", where, finding)
    return result


def save_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write a tokenizer as the tokenizer.json of an artifact, without padding and truncation.

    Beside it goes a tokenizer_config.json, without which transformers' AutoTokenizer builds another tokenizer
    of the same vocabulary: that of the class which config.json's model_type names.
    """
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / TOKENIZER_CONFIG, tokenizer_config(tokenizer, max_length))


def tokenizer_config(tokenizer: Tokenizer, max_length: int) -> dict[str, Any]:
    """Return what tokenizer_config.json must say for AutoTokenizer to take tokenizer.json as it is.

    Special tokens are named by their role; none that are not special in tokenizer.json, where AutoTokenizer
    would make them so. `max_length`: where it cuts, in tokens, if asked to.
    """
    special = {t.content for t in tokenizer.get_added_tokens_decoder().values() if t.special}
    special_tokens = {
        role: next((name for name in names if name in special), None)
        for role, names in ROLES.items()
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **{role: name for role, name in special_tokens.items() if name},
    }


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy the tokenizer.json of one artifact into another."""
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
