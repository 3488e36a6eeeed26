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


class Distill(Entry):
    """Train a student on its teacher's outputs, and on its hidden states and attention where their weights are above
    0.
    """

    ONE_OF = ("student", "layers")
    kind: Literal["distill"]
    student: Text | None = None
    """Transformer, dense or discriminative lstm entry of models that becomes the student; a dense one and an lstm learn
    from outputs alone."""
    layers: Distinct[Layer] | None = Field(None, min_length=1)
    """Instead of student: start from these layers of the teacher (first is 0), its embeddings, its head and its
    tokenizer."""
    temperature: float = Field(2.0, gt=0, le=100)
    """Softens teacher and student."""
    temperature_end: float | None = Field(None, gt=0, le=100)
    """Go from temperature to this one, linearly over the training; left out: constant."""
    alpha: float = Field(0.7, ge=0, le=1)
    """Weight of the soft loss, T^2 KL(teacher || student); 1 - alpha weighs the hard one."""
    hard_loss: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    """Loss on the labels; binary_cross_entropy is what the Bengali study used. With multilabel always binary
    cross-entropy, and the soft loss is that of a sigmoid per label."""
    teachers: Distinct[Text] = Field([])
    """Variants of the same data set that teach too: their softened probabilities are averaged with the parent's."""
    hidden_weight: Weight = 0
    """Weight of the hidden states' mean squared error, through a learned projection."""
    attention_weight: Weight = 0
    """Weight of the KL divergence of the attention distributions."""
    cosine_weight: Weight = 0
    """Weight of one minus the cosine of the hidden states, through the same projection."""
    layer_map: LayerMap = "uniform"
    """Which teacher layer each student layer learns from: uniform, last, or pairs [student, teacher] (first layer is
    0)."""
    train: Training = Field(default_factory=Training)
    """Training settings of the student."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the layers' map where no layers are compared."""
        if "layer_map" in given and not any(given.get(weight) for weight in WHITE_BOX):
            yield "layer_map", f"without one of {', '.join(WHITE_BOX)}"
