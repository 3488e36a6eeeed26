"""Trains a transformer classifier on a data set: fine-tuning, or distillation from a teacher's logits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.artifact import check_files, read_json, replaced_folder, write_json
from emopress.checkpoint import library_versions, write_manifest
from emopress.devices import pick_device
from emopress.tasks import label_array
from emopress.train.batches import Encoded, encode
from emopress.train.data import data_hash, read_split
from emopress.train.lesson import lesson
from emopress.train.loop import Trainer
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for
from emopress.train.tokenizer import embedding_rows, model_tokenizer, pad_id, save_tokenizer
from emopress.train.transformer import build_transformer, count_parameters
from emopress.train.vowel_signs import has_vowel_signs

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Texts:
    """The encoded training and validation texts, their ids, and where they came from."""

    train: Encoded
    validation: Encoded
    train_ids: list[str]
    sha256: str


def read_pretrained(folder: Path) -> dict[str, Any]:
    """Return the record of a fetched checkpoint after checking its files against it."""
    record = read_json(folder / "pretrained.json")
    check_files(folder, record["files"])
    return record


def encode_data(train: Path, validation: Path, tokenizer: Tokenizer, data: dict[str, Any]) -> Texts:
    """Tokenize a data set's training and validation texts."""
    splits = [read_split(path) for path in (train, validation)]
    encoded = [
        encode(
            tokenizer,
            s.texts,
            label_array(s.labels, len(data["labels"])),
            max_length=data["max_length"],
            pad_id=pad_id(tokenizer),
        )
        for s in splits
    ]
    return Texts(encoded[0], encoded[1], splits[0].ids, data_hash(train, validation))


def save_transformer(
    folder: Path,
    model: nn.Module,
    tokenizer: Tokenizer,
    history: list[dict[str, float]],
    *,
    max_length: int,
) -> None:
    """Write a Hugging Face folder (safetensors), its tokenizer for `max_length` tokens and the training curve."""
    model.cpu().save_pretrained(folder)  # type: ignore[operator]
    save_tokenizer(tokenizer, folder, max_length=max_length)
    write_json(folder / "training.json", history)


@dataclass(frozen=True)
class NewModel:
    """A model of the config before its training, its tokenizer and the checkpoint it started from."""

    model: nn.Module
    tokenizer: Tokenizer
    base: dict[str, Any] | None

    @property
    def licences(self) -> list[str]:
        """The licence of the published checkpoint, if there is one."""
        base = self.base
        return [base["licence"] or f"not stated by {base['name']}"] if base else []


def new_model(
    entry: dict[str, Any],
    *,
    data: dict[str, Any],
    train: Path,
    pretrained: Path | None,
    pretrained_tokenizer: Path | None,
) -> NewModel:
    """Build the model and the tokenizer of config entry `entry` for a data set."""
    base = read_pretrained(pretrained) if pretrained else None  # checked before it is loaded
    texts = read_split(train).texts
    tokenizer = model_tokenizer(
        entry, pretrained_tokenizer or pretrained, texts, has_vowel_signs(data["language"])
    )
    model = build_transformer(
        entry,
        labels=data["labels"],
        vocab_size=embedding_rows(tokenizer),
        max_length=data["max_length"],
        pad=pad_id(tokenizer),
        pretrained=pretrained,
    )
    return NewModel(model, tokenizer, base)


def write_trained(
    out: Path, model: nn.Module, tokenizer: Tokenizer, trainer: Trainer, facts: dict[str, Any]
) -> None:
    """Write a trained model as a checkpoint and forget its unfinished training.

    `facts` of the manifest: DATA_KEYS, recipe, seed, parent, base, licences, data_sha256.
    """
    params, nonzero = count_parameters(model)
    with replaced_folder(out) as folder:
        save_transformer(folder, model, tokenizer, trainer.history, max_length=facts["max_length"])
        write_manifest(
            folder,
            {
                "family": "transformer",
                **facts,
                **trainer.thresholds,
                "params": params,
                "nonzero_params": nonzero,
                "versions": library_versions(*PACKAGES),
                "trained_on": trainer.facts(),
            },
        )
    trainer.forget()


def finetune(
    *,
    entry: dict[str, Any],
    step: dict[str, Any],
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    pretrained: Path | None,
    pretrained_tokenizer: Path | None,
    run: TrainingRun,
    out: Path,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
) -> None:
    """Train the model of config entry `entry` and write it as a checkpoint to `out`.

    With `teacher` (its bundle folder) and `teacher_logits` (its own first, then those of further
    teachers, averaged) this is the distillation pass `step`; without, `step` is the model itself.
    `data` holds DATA_KEYS; `run` is the job's training run. The same seed, threads
    and machine give the same weights.
    """
    torch.manual_seed(seed)
    new = new_model(
        entry,
        data=data,
        train=train,
        pretrained=pretrained,
        pretrained_tokenizer=pretrained_tokenizer,
    )
    encoded = encode_data(train, validation, new.tokenizer, data)
    where, classes = pick_device(device), len(data["labels"])
    learnt = lesson(
        entry,
        step,
        labels=encoded.train.labels,
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
        base=new.base,
        tokenizer=new.tokenizer.to_str(),
    )
    trainer = Trainer(
        new.model,
        learnt.objective,
        learnt.settings,
        seed=seed,
        identity=identity,
        device=where,
        run=run,
        judge_by=tuned_for(data),
    )
    trainer.fit(encoded.train, encoded.validation, classes)
    if not trainer.ranks.first:
        return  # the first process writes
    facts = {
        **data,
        "recipe": learnt.recipe,
        "seed": seed,
        "parent": learnt.parent,
        "base": new.base,
        "licences": sorted({*learnt.licences, *new.licences}),
        "data_sha256": encoded.sha256,
    }
    write_trained(out, new.model, new.tokenizer, trainer, facts)
