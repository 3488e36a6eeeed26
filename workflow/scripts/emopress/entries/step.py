"""A pass or model as a job gets it: its name, its typed entry, and what recipes record of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from emopress.entries.base import Entry
from emopress.entries.conv import Conv
from emopress.entries.dense import Dense
from emopress.entries.distill import Distill
from emopress.entries.lstm import Lstm
from emopress.entries.study import model_entry, pass_entry, student_entry
from emopress.entries.training import Training
from emopress.entries.transformer import Transformer

E = TypeVar("E", bound=Entry, covariant=True)


@dataclass(frozen=True)
class Step(Generic[E]):
    """A step of a recipe: `entry` is what its maker reads, `recorded` what manifests hold."""

    name: str
    entry: E
    recorded: dict[str, Any]


@dataclass(frozen=True)
class Distillation(Step[Distill], Generic[E]):
    """A distillation and the model that it builds; None if that is made of layers of the teacher."""

    student: Step[E] | None


@dataclass(frozen=True)
class ModelStep(Generic[E]):
    """A step that builds a model of the config and trains it: the model itself, or a distillation into it.

    `distill` is None where the labels alone teach; `recorded` is the step's, and `model.recorded` the model's.
    """

    name: str
    recorded: dict[str, Any]
    model: Step[E]
    train: Training
    distill: Distill | None = None


def typed_step(recorded: Mapping[str, Any]) -> Step[Entry]:
    """Return the step that a rule gives as plain values; pydantic.ValidationError unless they are an entry."""
    name, plain = recorded["name"], {k: v for k, v in recorded.items() if k != "student_model"}
    if "family" in plain:
        return Step(name, model_entry(plain), plain)
    entry = pass_entry(plain)
    if not isinstance(entry, Distill):
        return Step(name, entry, plain)
    student = recorded.get("student_model")
    built = Step(student["name"], student_entry(student), dict(student)) if student else None
    return Distillation(name, entry, dict(recorded), built)


def model_step(recorded: Mapping[str, Any]) -> ModelStep[Entry]:
    """Return, of a model or of a distillation into one, the step that builds it; errors as of `typed_step`."""
    step = typed_step(recorded)
    if isinstance(step, Distillation) and step.student:
        return ModelStep(step.name, step.recorded, step.student, step.entry.train, step.entry)
    if isinstance(step.entry, Transformer | Dense | Lstm | Conv):
        return ModelStep(step.name, step.recorded, step, step.entry.train)
    raise ValueError(f"{step.name}: builds no model of the config that is trained by epochs")
