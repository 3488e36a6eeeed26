"""The pieces that a convolutional model has vectors of: a WordPiece tokenizer without what only transformers need."""

import json
from typing import NamedTuple

from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from emopress.errors import UserError
from emopress.runtime.tokenizer_file import difference
from emopress.runtime.wordpiece import (
    INSIDE,
    LONGEST_WORD,
    SPECIAL_TOKENS,
    UNKNOWN,
)
from emopress.runtime.wordpiece import (
    WordPiece as PlainWordPiece,
)


def printable(piece: str) -> bool:
    """Return whether a piece can occur: it is not empty, and has no control character."""
    return bool(piece) and min(piece) >= " "


class Pieces(NamedTuple):
    """The pieces, of which piece i has id i, and how a text is normalised before it is cut into them."""

    pieces: list[str]
    lowercase: bool
    strip_accents: bool

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer of the tokenizers package; it puts nothing around a text."""
        vocabulary = {piece: index for index, piece in enumerate(self.pieces)}
        longest = LONGEST_WORD
        result = Tokenizer(
            WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=longest)
        )
        result.normalizer = BertNormalizer(
            lowercase=self.lowercase, strip_accents=self.strip_accents
        )
        result.pre_tokenizer = BertPreTokenizer()
        result.decoder = WordPieceDecoder(prefix=INSIDE)
        result.add_special_tokens([UNKNOWN])
        return result


def pieces_of(tokenizer: Tokenizer, *, name: str) -> Pieces:
    """Return the pieces of the tokenizer of model `name`: [UNK] first, then in the order of their code points.

    Special tokens are left out, since none stands for anything in a text, and pieces with control characters, which
    are removed from every text. UserError for a tokenizer that is not
    BERT's WordPiece, which alone runs without the tokenizers package.
    """
    facts = json.loads(tokenizer.to_str())
    other = difference(facts)
    if other:
        raise UserError(
            f"models.{name}.tokenizer: a conv model reads BERT's WordPiece; this tokenizer has {other}; "
            "take another one, or train: wordpiece"
        )
    added = {token["content"] for token in facts["added_tokens"]} - set(SPECIAL_TOKENS)
    if added:
        raise UserError(
            f"models.{name}.tokenizer: a conv model reads BERT's WordPiece; this tokenizer has a token of its own, "
            f"{min(added)!r}; take another one, or train: wordpiece"
        )
    normaliser, vocabulary = facts["normalizer"], facts["model"]["vocab"]
    lowercase, strips = normaliser["lowercase"], normaliser["strip_accents"]
    return Pieces(
        [UNKNOWN, *sorted(filter(printable, set(vocabulary) - set(SPECIAL_TOKENS)))],
        lowercase,
        lowercase if strips is None else strips,
    )


def check_ids(pieces: Pieces, texts: list[str]) -> None:
    """Raise UserError, with the first text, unless a bundle's tokenizer gives the ids of the tokenizers package."""
    plain = PlainWordPiece(
        pieces.pieces,
        lowercase=pieces.lowercase,
        strip_accents=pieces.strip_accents,
        max_length=None,
    )
    encoded = pieces.tokenizer().encode_batch(texts, add_special_tokens=False)
    for text, one in zip(texts, encoded, strict=True):
        if plain(text) != one.ids:
            raise UserError(f"tokenizer: {text!r} has other ids without the tokenizers package")
