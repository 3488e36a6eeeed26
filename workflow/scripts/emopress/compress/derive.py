"""What every pass on a checkpoint ends with: recovery training, and the child's folder and manifest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.artifact import replaced_folder, sha256_of
from emopress.checkpoint import (
    MANIFEST,
    Checkpoint,
    library_versions,
    parent_facts,
    with_findings,
    write_manifest,
)
from emopress.devices import pick_device
from emopress.train.finetune import (
    PACKAGES,
    encode_data,
    save_transformer,
)
from emopress.train.logits import read_logits
from emopress.train.loop import AfterStep, Trainer, nothing
from emopress.train.objectives import distillation_objective, label_objective
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for
from emopress.train.transformer import count_parameters


def recovery(
    model: nn.Module,
    tokenizer: Tokenizer,
    parent: Checkpoint,
    step: dict[str, Any],
    *,
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    teacher_logits: Path | None = None,
    after_step: AfterStep = nothing,
) -> Trainer | None:
    """Train `model` as `step["recover"]` says and return the trainer; None if the step has none.

    With `step["distill"]` the unpruned parent's logits (`teacher_logits`) are the target of the
    soft loss; without, the labels alone. `after_step` runs after every optimizer step.
    """
    if "recover" not in step:
        return None
    data, where = parent.data, pick_device(device)
    encoded = encode_data(train, validation, tokenizer, data)
    labels, classes = encoded.train.labels, len(data["labels"])
    if "distill" in step:
        if teacher_logits is None:
            raise ValueError("a recovery with distillation needs the parent's logits")
        logits = torch.from_numpy(read_logits(teacher_logits, ids=encoded.train_ids))
        soft = {"hard_loss": "cross_entropy", **step["distill"], "train": step["recover"]}
        objective = distillation_objective(labels, logits, soft, where)
    else:
        objective = label_objective(labels, step["recover"], classes, where)
    origin = parent_facts(parent.folder / MANIFEST)
    trainer = Trainer(
        model,
        objective,
        step["recover"],
        seed=seed,
        identity=run.identity(
            step=step,
            seed=seed,
            texts=encoded.sha256,
            parent=origin,
            teacher=sha256_of(teacher_logits) if teacher_logits else None,
        ),
        device=where,
        run=run,
        after_step=after_step,
        judge_by=tuned_for(data),
    )
    trainer.fit(encoded.train, encoded.validation, classes)
    return trainer


def write_derived(
    out: Path,
    model: nn.Module,
    tokenizer: Tokenizer,
    parent: Checkpoint,
    step: dict[str, Any],
    *,
    seed: int,
    findings: dict[str, Any],
    trainer: Trainer | None = None,
    extra: Callable[[Path], None] | None = None,
) -> None:
    """Write `model` as the checkpoint that pass `step` made of `parent`.

    `findings` is what the pass found or did, for the report: names with units -> plain values.
    `extra` adds files of the pass's own to the folder, before its manifest lists them.
    """
    params, nonzero = count_parameters(model)
    source = parent.manifest
    with replaced_folder(out) as folder:
        history = trainer.history if trainer else []
        max_length = parent.data["max_length"]
        save_transformer(folder, model, tokenizer, history, max_length=max_length)
        if extra:
            extra(folder)
        write_manifest(
            folder,
            {
                "family": "transformer",
                **parent.data,
                **(trainer.thresholds if trainer else parent.thresholds),
                "recipe": [*source["recipe"], step],
                "findings": with_findings(source.get("findings", {}), step["name"], findings),
                "seed": seed,
                "parent": parent_facts(parent.folder / MANIFEST),
                "base": source["base"],
                "licences": source["licences"],
                "data_sha256": source["data_sha256"],
                "params": params,
                "nonzero_params": nonzero,
                "versions": library_versions(*PACKAGES),
                "trained_on": trainer.facts() if trainer else None,
            },
        )
    if trainer:
        trainer.forget()
