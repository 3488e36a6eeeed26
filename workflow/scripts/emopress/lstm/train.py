"""Trains an LSTM classifier: a discriminative one on labels or a teacher, a generative one on the texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from torch import Tensor

from emopress.artifact import replaced_folder, write_json
from emopress.checkpoint import library_versions, write_manifest
from emopress.devices import pick_device
from emopress.errors import UserError
from emopress.lstm.model import Discriminative, Generative, LstmModel
from emopress.lstm.weights import GENERATIVE, WEIGHTS
from emopress.train.batches import Encoded
from emopress.train.data import read_split
from emopress.train.finetune import encode_data, read_pretrained
from emopress.train.lesson import Lesson, lesson
from emopress.train.loop import Objective, Trainer
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for
from emopress.train.tokenizer import embedding_rows, model_tokenizer, save_tokenizer
from emopress.train.vowel_signs import has_vowel_signs

PACKAGES = ("torch", "tokenizers", "safetensors", "numpy")


@dataclass(frozen=True)
class TextsUnderLabels(Encoded):
    """Encoded texts whose batches hold their true labels [B] too: what a generative model learns."""

    def batch(self, indices: Sequence[int], device: torch.device) -> dict[str, Tensor]:
        """Return input_ids and attention_mask [B, longest of the batch], and labels [B]."""
        return {**super().batch(indices, device), "labels": self.labels[indices].to(device)}


def likelihood_objective() -> Objective:
    """Return the objective of a generative model: nats per token of a batch under the true labels."""

    def objective(output: Any, inputs: Any, indices: list[int], progress: float) -> Tensor:
        return -output.token_log_probabilities.sum() / inputs["attention_mask"][:, 1:].sum()

    return objective


def log_shares(labels: Tensor, names: Sequence[str]) -> Tensor:
    """Return the logs of the labels' shares [C] of class indices [N]; UserError for one without texts."""
    counts = torch.bincount(labels, minlength=len(names))
    absent = [name for name, count in zip(names, counts.tolist(), strict=True) if not count]
    if absent:
        raise UserError(
            f"no training text has the label {', '.join(absent)}: "
            "a generative model needs texts of each"
        )
    return (counts.double() / counts.sum()).log()


def new_lstm(
    entry: dict[str, Any], *, rows: int, labels: Sequence[str], train: Tensor
) -> LstmModel:
    """Return the model of a config entry before its training; `train` are the training labels."""
    shape = {"rows": rows, **{key: entry[key] for key in ("width", "state", "dropout")}}
    if entry["kind"] == GENERATIVE:
        log_prior = log_shares(train, labels)
        return Generative(log_prior=log_prior, label_width=entry["label_width"], **shape)
    return Discriminative(classes=len(labels), **shape)


def train_lstm(
    *,
    entry: dict[str, Any],
    step: dict[str, Any],
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    pretrained_tokenizer: Path | None,
    run: TrainingRun,
    out: Path,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
) -> None:
    """Train the LSTM of config entry `entry` and write it as a checkpoint to `out`.

    `pretrained_tokenizer` is the folder that its tokenizer was fetched into, unless it is trained
    here. The other arguments are those of `finetune`; a student is discriminative.
    """
    torch.manual_seed(seed)
    source = read_pretrained(pretrained_tokenizer) if pretrained_tokenizer else None
    texts = read_split(train).texts
    tokenizer = model_tokenizer(
        entry, pretrained_tokenizer, texts, has_vowel_signs(data["language"])
    )
    encoded = encode_data(train, validation, tokenizer, data)
    where, classes, fit = pick_device(device), len(data["labels"]), encoded.train
    model = new_lstm(entry, rows=embedding_rows(tokenizer), labels=data["labels"], train=fit.labels)
    if entry["kind"] == GENERATIVE:
        fit = TextsUnderLabels(fit.ids, fit.labels, fit.pad_id)
        learnt = Lesson(likelihood_objective(), entry["train"], [step], None, [], [])
    else:
        learnt = lesson(
            entry,
            step,
            labels=fit.labels,
            ids=encoded.train_ids,
            classes=classes,
            device=where,
            teacher=teacher,
            teacher_logits=teacher_logits,
        )
    identity = run.identity(
        entry=entry,
        step=step,
        data=data,
        seed=seed,
        texts=encoded.sha256,
        parent=learnt.parent,
        teachers=learnt.teachers,
        source=source,
        tokenizer=tokenizer.to_str(),
    )
    trainer = Trainer(
        model,
        learnt.objective,
        learnt.settings,
        seed=seed,
        identity=identity,
        device=where,
        run=run,
        judge_by=tuned_for(data),
    )
    trainer.fit(fit, encoded.validation, classes)
    facts = {
        **data,
        "recipe": learnt.recipe,
        "seed": seed,
        "parent": learnt.parent,
        "base": None,
        "licences": sorted(set(learnt.licences)),
        "data_sha256": encoded.sha256,
    }
    write_lstm(out, model, tokenizer, trainer, facts)


def write_lstm(
    out: Path, model: LstmModel, tokenizer: Tokenizer, trainer: Trainer, facts: dict[str, Any]
) -> None:
    """Write a trained LSTM as a checkpoint and forget its unfinished training."""
    weights = model.weights().arrays()
    with replaced_folder(out) as folder:
        save_file(weights, folder / WEIGHTS)
        save_tokenizer(tokenizer, folder, max_length=facts["max_length"])
        write_json(folder / "training.json", trainer.history)
        write_manifest(
            folder,
            {
                "family": "lstm",
                "kind": model.kind,
                **facts,
                **trainer.thresholds,
                "params": sum(array.size for array in weights.values()),
                "nonzero_params": sum(int(np.count_nonzero(a)) for a in weights.values()),
                "versions": library_versions(*PACKAGES),
                "trained_on": trainer.facts(),
            },
        )
    trainer.forget()
