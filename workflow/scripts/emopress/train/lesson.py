"""A training run from start to end: what a model learns from, the training, and the resulting checkpoint."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from emopress.artifact import BUNDLE, replaced_folder, sha256_of, write_json
from emopress.checkpoint import parent_facts, write_manifest
from emopress.train.batches import Texts
from emopress.train.logits import read_logits, teacher_facts
from emopress.train.loop import AfterStep, Objective, Trainer, nothing
from emopress.train.objectives import distillation_objective, label_objective
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for

if TYPE_CHECKING:
    from emopress.entries.base import Entry
    from emopress.entries.step import ModelStep
    from emopress.entries.training import Training


@dataclass(frozen=True)
class Lesson:
    """An objective with its training settings, and what a checkpoint's manifest says of it.

    `recipe` holds all steps up to this one; `teachers` the hashes of the teachers' logits.
    """

    objective: Objective
    settings: "Training"
    recipe: list[dict[str, Any]]
    parent: dict[str, str] | None = None
    licences: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()


def read_teachers(paths: list[Path], *, ids: list[str]) -> Tensor:
    """Return the cached logits [K, N, C] of K teachers for some texts."""
    return torch.stack([torch.from_numpy(read_logits(path, ids=ids)) for path in paths])


def taught(texts: Texts, teacher_logits: list[Path], spans_logits: list[Path] | None) -> Tensor:
    """Return the logits [K, N, C] of K teachers for all texts of `texts.train`, joined spans too."""
    logits = read_teachers(teacher_logits, ids=texts.train_ids)
    if not spans_logits:
        return logits
    return torch.cat([logits, read_teachers(spans_logits, ids=texts.spans_ids)], dim=1)


def lesson(
    step: "ModelStep[Entry]",
    texts: Texts,
    data: dict[str, Any],
    *,
    device: torch.device,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
    spans_logits: list[Path] | None = None,
) -> Lesson:
    """Return what the model of `step` learns from: the labels, or if it is a distillation the teachers too.

    `teacher` is the teacher's bundle folder; `teacher_logits` are its own first, then those of further
    teachers, averaged; `spans_logits` are theirs for the joined spans, if `texts` have any.
    """
    labels, settings = texts.train.labels, step.train
    if step.distill is None:
        objective = label_objective(labels, settings, len(data["labels"]), device)
        return Lesson(objective, settings, [step.recorded])
    if teacher is None or not teacher_logits:
        raise ValueError("a distillation needs its teacher and the logits")
    logits = taught(texts, teacher_logits, spans_logits)
    teachers = [teacher_facts(path) for path in teacher_logits]
    return Lesson(
        distillation_objective(labels, logits, step.distill, settings, device),
        settings,
        [*teachers[0]["recipe"], step.recorded],
        parent_facts(teacher / BUNDLE),
        tuple(name for facts in teachers for name in facts["licences"]),
        tuple(map(sha256_of, [*teacher_logits, *(spans_logits or [])])),
    )


def train_model(
    model: nn.Module,
    lesson: Lesson,
    texts: Texts,
    data: dict[str, Any],
    *,
    seed: int,
    device: torch.device,
    run: TrainingRun,
    after_step: AfterStep = nothing,
    **facts: Any,
) -> Trainer:
    """Train `model` on its lesson and return the trainer.

    `data` holds DATA_KEYS; `facts` are all else that the result depends on.
    """
    identity = run.identity(
        settings=lesson.settings.plain(),
        recipe=lesson.recipe,
        parent=lesson.parent,
        teachers=lesson.teachers,
        texts=texts.sha256,
        data=data,
        seed=seed,
        **facts,
    )
    trainer = Trainer(
        model,
        lesson.objective,
        lesson.settings,
        seed=seed,
        identity=identity,
        device=device,
        run=run,
        after_step=after_step,
        judge_by=tuned_for(data),
    )
    trainer.fit(texts.train, texts.validation, len(data["labels"]))
    return trainer


def checkpoint_facts(
    learnt: Lesson, texts: Texts, weights: Mapping[str, np.ndarray], *, seed: int
) -> dict[str, Any]:
    """Return what the manifest of a model trained from scratch says of its training and its arrays of weights."""
    return {
        "recipe": learnt.recipe,
        "seed": seed,
        "parent": learnt.parent,
        "base": None,
        "licences": sorted(set(learnt.licences)),
        "data_sha256": texts.sha256,
        "params": sum(array.size for array in weights.values()),
        "nonzero_params": sum(int(np.count_nonzero(array)) for array in weights.values()),
    }


@contextmanager
def checkpoint_folder(out: Path, trainer: Trainer | None, facts: dict[str, Any]) -> Iterator[Path]:
    """Yield a folder for weights; the training curve and the manifest complete it, and it becomes `out`.

    `facts` are those of `write_manifest` but for what the trainer knows, as they are at the block's end.
    The unfinished run is forgotten then.
    """
    with replaced_folder(out) as folder:
        yield folder
        write_json(folder / "training.json", trainer.history if trainer else [])
        learnt = trainer.thresholds if trainer else {}
        trained_on = trainer.facts() if trainer else None
        write_manifest(folder, {**facts, **learnt, "trained_on": trained_on})
    if trainer:
        trainer.forget()
