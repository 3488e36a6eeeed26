"""Distillation into a student, or into some of the teacher's own layers."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from emopress.entries.base import Distinct, Entry, Fault, Text, by_type
from emopress.entries.training import Training
from emopress.recipe import WHITE_BOX

Layer = Annotated[int, Field(ge=0, le=47)]
Pair = Annotated[list[Layer], Field(min_length=2, max_length=2)]
LayerMap = Annotated[
    Annotated[Literal["uniform", "last"], Tag("<text>")]
    | Annotated[list[Pair], Field(min_length=1), Tag("<list>")],
    by_type("uniform, last or a list of pairs [student, teacher]", "uniform", "last"),
]
Weight = Annotated[float, Field(ge=0, le=1000)]


class JoinedSpans(Entry):
    """Texts joined of random spans of training texts, as further training texts of a distillation."""

    texts: int = Field(20000, ge=1, le=10000000)
    """Number of joined texts, the same in every epoch."""
    folds: int = Field(5, ge=2, le=100)
    """Parts of the training texts; both spans of a text come from one of them. A linear teacher knows its training
    texts by heart, so the spans of a fold are labelled by its model of all other folds, trained for that."""


class Distill(Entry):
    """Train a student on its teacher's outputs, and on its hidden states and attention where their weights are above
    0.
    """

    ONE_OF = ("student", "layers")
    kind: Literal["distill"]
    student: Text | None = None
    """The student: a transformer, dense, conv or discriminative lstm entry of models. Only a transformer learns from
    more than outputs."""
    layers: Distinct[Layer] | None = Field(None, min_length=1)
    """Instead of student: start from these layers of the teacher (0 is the first), and from its embeddings, head and
    tokenizer."""
    temperature: float = Field(2.0, gt=0, le=100)
    """Temperature that softens the outputs of teacher and student."""
    temperature_end: float | None = Field(None, gt=0, le=100)
    """Temperature at the end; it changes linearly from `temperature` during training. Default: constant."""
    alpha: float = Field(0.7, ge=0, le=1)
    """Weight of the soft loss, T^2 KL(teacher || student); the hard loss has 1 - alpha."""
    hard_loss: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    """Loss on the labels; binary_cross_entropy is what the Bengali study used. With multilabel it is always binary
    cross-entropy, and the soft loss is that of a sigmoid per label."""
    teachers: Distinct[Text] = Field([])
    """Further teachers, variants of the same data set: their softened probabilities are averaged with the parent's."""
    hidden_weight: Weight = 0
    """Weight of the hidden states' mean squared error, through a learned projection."""
    attention_weight: Weight = 0
    """Weight of the KL divergence of the attention distributions."""
    cosine_weight: Weight = 0
    """Weight of one minus the cosine of the hidden states, through the same projection."""
    layer_map: LayerMap = "uniform"
    """Which teacher layer each student layer learns from: uniform, last, or pairs [student, teacher] (0 is the first).
    """
    joined_spans: JoinedSpans | None = None
    """Further training texts that the teachers alone label (no hard loss): each is a random run of words of one
    training text, then one of another. They are meant for a small student of teachers that know more than its training
    texts, such as pretrained ones; an epoch is longer by their number. Default: none."""
    train: Training = Field(default_factory=Training)
    """Training settings of the student."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield joined spans without their only loss, and the layers' map where no layers are compared."""
        inner = any(given.get(weight) for weight in WHITE_BOX)
        if "joined_spans" in given and given.get("alpha") == 0 and not inner:
            yield "joined_spans", "with alpha: 0, since teachers alone label them"
        if "layer_map" in given and not inner:
            yield "layer_map", f"without one of {', '.join(WHITE_BOX)}"
