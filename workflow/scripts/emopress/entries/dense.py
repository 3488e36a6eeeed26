"""A model of word vectors and dense layers, and where its vectors come from."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from emopress.entries.base import VECTORS_FILE, Entry, Fault, Ngrams, Sha256, Share, Text, Url
from emopress.entries.training import SmallTraining


class Words(Entry):
    """What every source of vectors is asked."""

    dimension: int = Field(ge=1, le=1024)
    """Numbers per vector."""
    min_count: int = Field(1, ge=1, le=1000000)
    """Training texts that must have a word before it gets a vector of its own."""
    max_words: int = Field(500000, ge=1, le=5000000)
    """Most frequent words that have one."""


class Glove(Words):
    """From a text file, a word and its numbers a line (GloVe's format; word2vec's and fastText's .vec too). Of its
    words only those of the training texts are kept; it is never held in memory as a whole. A word that is not in
    it as the texts spell it gets the vector of its first other spelling: in capitals, with letters composed
    otherwise, or as the data set's normalise makes it. The log and the report say how many words have a vector; none
    is an error.
    """

    NEEDS: ClassVar = {"url": "sha256"}
    source: Literal["glove"]
    dimension: int = Field(ge=1, le=1024)
    """Numbers per vector; must be the file's."""
    file: str = Field(pattern=VECTORS_FILE, max_length=100)
    """Name of the file: DIR/vectors/<file> of a mirror, or what url gives."""
    member: Text | None = None
    """Name of the text file inside, where file is a zip archive."""
    url: Url | None = None
    """Address to download the file from; left out: from a mirror only."""
    sha256: Sha256 | None = None
    """SHA-256 of the file; required with url."""
    licence: Text
    """Licence of the vectors, which a model made from them carries."""
    missing: Literal["random", "drop"] = "random"
    """Words of the training texts that the file lacks: random, a small random vector to be trained; drop, none, as an
    unknown word."""
    trained: bool = True
    """Train the vectors on with the classifier; false: they stay as the file has them."""

    def misfits(self) -> Iterator[Fault]:
        """Yield an archive without a member, or a member without an archive."""
        if self.file.endswith(".zip") != (self.member is not None):
            yield "member", "name the text file in it for a .zip file, and for no other"


class Subword(Words):
    """Trained with the classifier: a word's vector is the mean of its own and those of its character n-grams, which
    share hashed buckets (fastText); so unseen and misspelt words have one too.
    """

    source: Literal["subword"]
    buckets: int = Field(20000, ge=1, le=5000000)
    """Vectors that the n-grams share."""
    ngrams: Ngrams = Field([3, 5])
    """Shortest and longest n-gram in characters (grapheme clusters), the marks of a word's beginning and end
    included."""

    def misfits(self) -> Iterator[Fault]:
        """Yield n-grams that are given longest first."""
        if self.ngrams[0] > self.ngrams[1]:
            yield "ngrams", "shortest first, then longest"


class Random(Words):
    """Random at first, trained with the classifier; unseen words have none."""

    source: Literal["random"]


Vectors = Annotated[Glove | Subword | Random, Field(discriminator="source")]


class Dense(Entry):
    """Word vectors and dense ReLU layers; in numpy alone at run time."""

    family: Literal["dense"]
    vectors: Vectors
    """The words' vectors: where they come from; each source has its own keys."""
    pooling: Literal["average", "flatten"] = "average"
    """What the first dense layer reads: the mean of the words' vectors, or the vectors of the first max_tokens words
    side by side."""
    max_tokens: int | None = Field(None, ge=1, le=512)
    """Words of a text that flatten reads; required with it. average reads as many as the data set's max_length says."""
    layers: list[Annotated[int, Field(ge=1, le=8192)]] = Field([64], max_length=8)
    """Widths of the hidden layers, first to last; []: none, a linear classifier on the vectors."""
    dropout: Share = 0.3
    """Dropout on what each dense layer reads."""
    word_dropout: Share = 0.3
    """Share of a training text's words that are left out at random in each step; keeps small corpora from being learnt
    by heart."""
    train: SmallTraining
    """Training settings. epochs and learning_rate are required: such models want more of both than a transformer."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the pooling or the family."""
        if self.pooling == "flatten" and self.max_tokens is None:
            yield "", "pooling: flatten needs max_tokens"
        if self.pooling != "flatten" and self.max_tokens is not None:
            yield "", "'max_tokens' changes nothing without pooling: flatten"
        if self.train.gradient_checkpointing:
            yield "train", "gradient_checkpointing is for transformers"
