"""An LSTM over word vectors."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from emopress.entries.base import Entry, Fault, Share
from emopress.entries.tokenizer import Tokenizer
from emopress.entries.training import SmallTraining


class LstmStudent(Entry):
    """An LSTM as a distillation builds it: its own training settings play no part."""

    family: Literal["lstm"]
    kind: Literal["discriminative", "generative"]
    """discriminative: the mean of the states gives the labels; generative: a language model per label, which predicts
    the label under which the text is most probable, p(text | label) p(label). It takes one label per text only, and
    cannot be a student."""
    width: int = Field(ge=1, le=4096)
    """Dimension of the word vectors."""
    state: int = Field(ge=1, le=8192)
    """Size of the LSTM's state."""
    label_width: int | None = Field(None, ge=1, le=4096)
    """For kind: generative, which needs it: dimension of the label vectors, each put beside every word vector."""
    dropout: Share = 0.3
    """Dropout on the word vectors and on the input of the output layer."""
    strips_vowel_signs: bool = False
    """Accept a published tokenizer that strips vowel signs (of Bengali, Hindi, Thai and others); otherwise it is
    refused for languages that have them."""
    tokenizer: Tokenizer
    """Its tokenizer: exactly one of train, model, hub and from_mirror."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the kind or the tokenizer."""
        yield from self.tokenizer.misfits_beside(pretrained=False)
        generative = self.kind == "generative"
        if generative and self.label_width is None:
            yield "", "kind: generative needs label_width"
        if not generative and self.label_width is not None:
            yield "", "'label_width' changes nothing without kind: generative"


class Lstm(LstmStudent):
    """Word vectors and one LSTM layer, from left to right; trained from scratch, runs in ONNX Runtime."""

    OWN_LAST = True
    train: SmallTraining
    """Training settings. epochs and learning_rate are required: an LSTM needs more of both than a transformer (0.002 to
    0.005)."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with the kind, the tokenizer or the family."""
        yield from super().misfits()
        if self.kind == "generative" and self.train.class_weights:
            why = "for kind: discriminative; a generative model learns the texts of each label"
            yield "train.class_weights", why
        if self.train.gradient_checkpointing:
            yield "train", "gradient_checkpointing is for transformers"
