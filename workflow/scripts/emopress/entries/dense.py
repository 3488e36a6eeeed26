"""A model of word vectors and dense layers, and where its vectors come from."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from emopress.entries.base import VECTORS_FILE, Entry, Fault, Ngrams, Sha256, Share, Text, Url
from emopress.entries.training import SmallTraining


class Words(Entry):
    """The keys of every source of vectors."""

    dimension: int = Field(ge=1, le=1024)
    """Numbers per vector."""
    min_count: int = Field(1, ge=1, le=1000000)
    """Least number of training texts with a word for it to get its own vector."""
    max_words: int = Field(500000, ge=1, le=5000000)
    """Largest number of words with their own vector; the most frequent ones get it."""


class Glove(Words):
    """From a text file with a word and its numbers per line (GloVe's format; word2vec's and fastText's .vec too). Only
    the words of the training texts are kept, and the file is never held in memory as a whole. A word that the file
    lacks gets the vector of its first other spelling there: with capitals, with letters composed differently, or as the
    data set's normalise changes it. The log and the report say how many words have a vector; it is an error if none
    has."""

    NEEDS: ClassVar = {"url": "sha256"}
    source: Literal["glove"]
    dimension: int = Field(ge=1, le=1024)
    """Dimension of the vectors; must be that of the file."""
    file: str = Field(pattern=VECTORS_FILE, max_length=100)
    """Name of the file: DIR/vectors/<file> of a mirror, or what url gives."""
    member: Text | None = None
    """Name of the text file inside a zip archive."""
    url: Url | None = None
    """Address to download the file from. Default: from a mirror only."""
    sha256: Sha256 | None = None
    """SHA-256 of the file; required with url."""
    licence: Text
    """Licence of the vectors, which a model made from them carries."""
    missing: Literal["random", "drop"] = "random"
    """What words of the training texts that the file lacks get. random: a small random vector that is trained; drop: no
    vector, like unknown words."""
    trained: bool = True
    """true: the vectors are trained further with the classifier; false: they stay as in the file."""

    def misfits(self) -> Iterator[Fault]:
        """Yield an archive without a member, or a member without an archive."""
        if self.file.endswith(".zip") != (self.member is not None):
            yield "member", "name the text file in it for a .zip file, and for no other"


class Subword(Words):
    """Trained with the classifier: a word's vector is the mean of its own and those of its character n-grams, which
    share hashed buckets (fastText), so that unseen and misspelt words have one too."""

    source: Literal["subword"]
    buckets: int = Field(20000, ge=1, le=5000000)
    """Vectors that the n-grams share."""
    ngrams: Ngrams = Field([3, 5])
    """Shortest and longest n-gram in characters (grapheme clusters), including the marks of a word's start and end."""

    def misfits(self) -> Iterator[Fault]:
        """Yield n-grams that are given longest first."""
        if self.ngrams[0] > self.ngrams[1]:
            yield "ngrams", "shortest first, then longest"


class Random(Words):
    """Random at first, trained with the classifier; unseen words have none."""

    source: Literal["random"]


Vectors = Annotated[Glove | Subword | Random, Field(discriminator="source")]


class DenseStudent(Entry):
    """A dense model as a distillation builds it: its own training settings play no part."""

    family: Literal["dense"]
    vectors: Vectors
    """The words' vectors: where they come from; each source has its own keys."""
    pooling: Literal["average", "flatten"] = "average"
    """What the first dense layer reads: the mean of the words' vectors, or the vectors of the first max_tokens words
    side by side."""
    max_tokens: int | None = Field(None, ge=1, le=512)
    """Words of a text that flatten reads; required with it. average reads up to the data set's max_length words."""
    layers: list[Annotated[int, Field(ge=1, le=8192)]] = Field([64], max_length=8)
    """Widths of the hidden layers, first to last; []: none, a linear classifier on the vectors."""
    dropout: Share = 0.3
    """Dropout on the input of each dense layer."""
    word_dropout: Share = 0.3
    """Share of a training text's words that are left out at random in each step; keeps a model from memorising a small
    corpus."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the pooling."""
        if self.pooling == "flatten" and self.max_tokens is None:
            yield "", "pooling: flatten needs max_tokens"
        if self.pooling != "flatten" and self.max_tokens is not None:
            yield "", "'max_tokens' changes nothing without pooling: flatten"


class Dense(DenseStudent):
    """Word vectors and dense ReLU layers; needs only numpy at run time."""

    OWN_LAST = True
    train: SmallTraining
    """Training settings. epochs and learning_rate are required: such models need more of both than a transformer."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the pooling or the family."""
        yield from super().misfits()
        if self.train.gradient_checkpointing:
            yield "train", "gradient_checkpointing is for transformers"
