"""What a training learns from: the labels alone, or the cached logits of its teachers too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from emopress.artifact import BUNDLE, sha256_of
from emopress.checkpoint import parent_facts
from emopress.train.logits import read_logits, teacher_facts
from emopress.train.loop import Objective
from emopress.train.objectives import distillation_objective, label_objective


@dataclass(frozen=True)
class Lesson:
    """An objective with its training settings, and what of its teachers a checkpoint tells.

    `recipe` are all steps up to this training, `parent` and `licences` those of the manifest;
    `teachers` the hashes of the logits.
    """

    objective: Objective
    settings: dict[str, Any]
    recipe: list[dict[str, Any]]
    parent: dict[str, str] | None
    licences: list[str]
    teachers: list[str]


def read_teachers(paths: list[Path], *, ids: list[str]) -> Tensor:
    """Return the cached logits [K, N, C] of K teachers for the training texts."""
    return torch.stack([torch.from_numpy(read_logits(path, ids=ids)) for path in paths])


def lesson(
    entry: dict[str, Any],
    step: dict[str, Any],
    *,
    labels: Tensor,
    ids: list[str],
    classes: int,
    device: torch.device,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
) -> Lesson:
    """Return what the model of config entry `entry` learns from.

    With `teacher` (its bundle folder) and `teacher_logits` (its own first, then those of further
    teachers, averaged) that is the distillation pass `step`; without, the labels, [N] or [N, C], and
    `step` is the model itself. `ids` are those of the training texts.
    """
    if teacher is None or not teacher_logits:
        settings = entry["train"]
        objective = label_objective(labels, settings, classes, device)
        return Lesson(objective, settings, [step], None, [], [])
    logits = read_teachers(teacher_logits, ids=ids)
    teachers = [teacher_facts(path) for path in teacher_logits]
    return Lesson(
        distillation_objective(labels, logits, step, device),
        step["train"],
        [*teachers[0]["recipe"], step],
        parent_facts(teacher / BUNDLE),
        [name for facts in teachers for name in facts["licences"]],
        [sha256_of(path) for path in teacher_logits],
    )
