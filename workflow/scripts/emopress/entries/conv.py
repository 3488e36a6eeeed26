"""Convolutions over word vectors."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from emopress.entries.base import Distinct, Entry, Fault, Ngrams, Share
from emopress.entries.tokenizer import Tokenizer
from emopress.entries.training import SmallTraining

Kernel = Annotated[int, Field(ge=1, le=15)]


class Wide(Entry):
    """A linear model over character n-grams inside words, beside the convolutions."""

    ngrams: Ngrams = Field([2, 5])
    """Shortest and longest n-gram."""
    features: int = Field(20000, ge=10, le=1000000)
    """Number of n-grams, those with the largest chi-square statistic with the labels of the training texts."""
    min_count: int = Field(2, ge=1, le=1000)
    """Least number of training texts with an n-gram for it to be kept."""

    def misfits(self) -> Iterator[Fault]:
        """Yield n-grams that are given longest first."""
        if self.ngrams[0] > self.ngrams[1]:
            yield "ngrams", "shortest first, then longest"


class ConvStudent(Entry):
    """A convolutional model as a distillation builds it: its own training settings play no part."""

    family: Literal["conv"]
    width: int = Field(ge=1, le=4096)
    """Dimension of the word vectors."""
    filters: int = Field(ge=1, le=4096)
    """Filters of each kernel."""
    kernels: Distinct[Kernel] = Field([3, 5], min_length=1, max_length=8)
    """How many tokens each kernel reads. A filter has one value at each token of a text, with zeros beside the text."""
    pooling: Literal["max", "mean", "max+mean"] = "max+mean"
    """What the output layer reads of a filter's values over a text: the largest, their mean, or both."""
    dropout: Share = 0.5
    """Dropout on the input of the output layer."""
    embedding_dropout: Share = 0.1
    """Dropout on the word vectors; narrow ones lose points by more of it."""
    initial_sd: float = Field(0.1, gt=0, le=10)
    """Standard deviation of the numbers of a word vector before training."""
    wide: Wide | None = None
    """A linear model over character n-grams beside the convolutions, whose logits are added to theirs; it is trained
    with them. For hard texts: it takes 20 times the bytes of a small model. Default: none."""
    strips_vowel_signs: bool = False
    """Accept a published tokenizer that strips vowel signs (of Bengali, Hindi, Thai and others); otherwise it is
    refused for languages that have them."""
    tokenizer: Tokenizer
    """Its tokenizer, a WordPiece one: exactly one of train (wordpiece), model, hub and from_mirror."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the tokenizer."""
        yield from self.tokenizer.misfits_beside(pretrained=False)
        if self.tokenizer.train == "words":
            yield "tokenizer.train", "a conv model reads word pieces: wordpiece"


class Conv(ConvStudent):
    """Word vectors, convolutions of several widths side by side over them, pooled over a text (Kim 2014); trained from
    scratch, needs only numpy at run time."""

    OWN_LAST = True
    train: SmallTraining
    """Training settings. epochs and learning_rate are required: such models need more of both than a transformer (8 to
    20 epochs; 0.003 to 0.01)."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the tokenizer or the family."""
        yield from super().misfits()
        if self.train.gradient_checkpointing:
            yield "train", "gradient_checkpointing is for transformers"
