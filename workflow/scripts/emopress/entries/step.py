"""A pass or model as a job gets it: its name, its typed entry, and what recipes record of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from emopress.entries.base import Entry
from emopress.entries.study import model_entry, pass_entry

E = TypeVar("E", bound=Entry, covariant=True)


@dataclass(frozen=True)
class Step(Generic[E]):
    """A step of a recipe: `entry` is what its maker reads, `recorded` what manifests hold."""

    name: str
    entry: E
    recorded: dict[str, Any]


def typed_step(recorded: Mapping[str, Any]) -> Step[Entry]:
    """Return the step that a rule gives as plain values; pydantic.ValidationError unless they are an entry.

    A distillation's student is the plain `recorded["student_model"]`.
    """
    plain = {key: value for key, value in recorded.items() if key != "student_model"}
    entry = model_entry(plain) if "family" in plain else pass_entry(plain)
    return Step(recorded["name"], entry, dict(recorded))
