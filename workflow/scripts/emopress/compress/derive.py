"""What passes on a checkpoint have in common: read the parent, recover by training, write the child."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.artifact import sha256_of
from emopress.checkpoint import MANIFEST, parent_facts, read_checkpoint, with_findings
from emopress.devices import pick_device
from emopress.train.batches import Texts, encode_data
from emopress.train.finetune import save_transformer, transformer_facts
from emopress.train.lesson import Lesson, checkpoint_folder, train_model
from emopress.train.logits import read_logits
from emopress.train.loop import AfterStep, Trainer, nothing
from emopress.train.objectives import distillation_objective, label_objective
from emopress.train.run import TrainingRun
from emopress.train.transformer import load_transformer

if TYPE_CHECKING:
    from emopress.entries.base import Entry
    from emopress.entries.step import Step
    from emopress.entries.training import Recovering, SoftTargets, Training


class Child:
    """The checkpoint that the pass `step` makes from the one in the folder `parent`.

    `model` is the parent's to begin with; the pass changes or replaces it.
    """

    def __init__(self, parent: Path, step: "Step[Entry]", *, seed: int, model: Any = None) -> None:
        self.parent, self.step, self.seed = read_checkpoint(parent), step, seed
        self.model: Any = load_transformer(parent) if model is None else model
        self.tokenizer = Tokenizer.from_file(str(parent / "tokenizer.json"))
        self.facts = {
            **self.parent.data,
            **self.parent.thresholds,
            **{key: self.parent.manifest[key] for key in ("base", "licences", "data_sha256")},
            "recipe": [*self.parent.manifest["recipe"], step.recorded],
            "seed": seed,
            "parent": parent_facts(parent / MANIFEST),
        }

    def encode(self, train: Path, validation: Path) -> Texts:
        """Tokenize a data set's training and validation texts."""
        return encode_data(train, validation, self.tokenizer, self.parent.data)

    def train(
        self,
        model: nn.Module,
        texts: Texts,
        settings: "Training",
        run: TrainingRun,
        *,
        device: torch.device,
        distill: "SoftTargets | None" = None,
        teacher_logits: Path | None = None,
        after_step: AfterStep = nothing,
    ) -> Trainer:
        """Train `model` as `settings` say and return the trainer.

        With `distill` the logits of the parent (`teacher_logits`) are the target of the soft loss;
        without, the labels alone. `after_step` runs after every optimizer step.
        """
        labels, teachers = texts.train.labels, list[str]()
        if distill:
            if teacher_logits is None:
                raise ValueError("training with distillation needs the parent's logits")
            logits = torch.from_numpy(read_logits(teacher_logits, ids=texts.train_ids))
            objective = distillation_objective(labels, logits, distill, settings, device)
            teachers.append(sha256_of(teacher_logits))
        else:
            objective = label_objective(labels, settings, len(self.parent.labels), device)
        recipe, origin = self.facts["recipe"], self.facts["parent"]
        return train_model(
            model,
            Lesson(objective, settings, recipe, origin, teachers=tuple(teachers)),
            texts,
            self.parent.data,
            seed=self.seed,
            device=device,
            run=run,
            after_step=after_step,
        )

    def recover(
        self,
        entry: "Recovering",
        train: Path,
        validation: Path,
        run: TrainingRun,
        *,
        device: str,
        teacher_logits: Path | None = None,
        after_step: AfterStep = nothing,
    ) -> Trainer | None:
        """Train the model as `entry` says (see `train`); None if its pass does not recover."""
        if entry.recover is None:
            return None
        return self.train(
            self.model,
            self.encode(train, validation),
            entry.recover,
            run,
            device=pick_device(device),
            distill=entry.distill,
            teacher_logits=teacher_logits,
            after_step=after_step,
        )

    def findings(self, measured: dict[str, Any]) -> dict[str, Any]:
        """Return the parent's findings and those of this pass."""
        return with_findings(self.parent.manifest.get("findings", {}), self.step.name, measured)

    def write(
        self,
        out: Path,
        measured: dict[str, Any],
        trainer: Trainer | None = None,
        *,
        extra: Callable[[Path], None] | None = None,
    ) -> None:
        """Write the child to `out`.

        `measured` is what the pass measured or did, for the report: names with units -> plain values.
        `extra` adds the pass's own files to the folder, before its manifest lists them.
        """
        facts = {**transformer_facts(self.model), **self.facts}
        with checkpoint_folder(out, trainer, facts) as folder:
            max_length = self.parent.data["max_length"]
            save_transformer(folder, self.model, self.tokenizer, max_length=max_length)
            if extra:
                extra(folder)
            facts["findings"] = self.findings(measured)
