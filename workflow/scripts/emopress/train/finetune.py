"""Trains a transformer classifier on a data set: fine-tuning, or distillation from a teacher's logits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from emopress.artifact import check_files, read_json, replaced_folder, write_json
from emopress.checkpoint import library_versions, parent_facts, write_manifest
from emopress.runtime.encoder import pad_id
from emopress.train.batches import Encoded, encode
from emopress.train.data import data_hash, read_split, training_identity
from emopress.train.encoder import build_encoder, count_parameters
from emopress.train.logits import read_logits
from emopress.train.loop import Objective, Trainer, pick_device
from emopress.train.losses import class_weights, distillation_loss, hard_loss
from emopress.train.tokenizer import embedding_rows, model_tokenizer

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
            tokenizer, s.texts, s.labels, max_length=data["max_length"], pad_id=pad_id(tokenizer)
        )
        for s in splits
    ]
    return Texts(encoded[0], encoded[1], splits[0].ids, data_hash(train, validation))


def label_objective(
    labels: Tensor, settings: dict[str, Any], classes: int, device: torch.device
) -> Objective:
    """Return the objective of fine-tuning: cross-entropy on the labels."""
    weights = class_weights(labels, classes).to(device) if settings["class_weights"] else None

    def objective(output: Any, inputs: Any, indices: list[int], progress: float) -> Tensor:
        logits = output.logits.float()
        return hard_loss(logits, labels[indices].to(device), kind="cross_entropy", weights=weights)

    return objective


def distillation_objective(
    labels: Tensor, teacher: Tensor, distill: dict[str, Any], device: torch.device
) -> Objective:
    """Return the objective of response-based distillation from `teacher` logits [N, C]."""
    weighted = distill["train"]["class_weights"]
    weights = class_weights(labels, teacher.shape[1]).to(device) if weighted else None

    def objective(output: Any, inputs: Any, indices: list[int], progress: float) -> Tensor:
        return distillation_loss(
            output.logits.float(),
            teacher[indices].to(device),
            labels[indices].to(device),
            temperature=distill["temperature"],
            alpha=distill["alpha"],
            kind=distill["hard_loss"],
            weights=weights,
        )

    return objective


def save_transformer(
    folder: Path, model: nn.Module, tokenizer: Tokenizer, history: list[dict[str, float]]
) -> None:
    """Write a Hugging Face folder (safetensors), its tokenizer.json and the training curve."""
    model.cpu().save_pretrained(folder)  # type: ignore[operator]
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "training.json", history)


def train_encoder(
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
    state: Path,
    out: Path,
    teacher: Path | None = None,
    teacher_logits: Path | None = None,
) -> None:
    """Train the model of config entry `entry` and write it as a checkpoint to `out`.

    With `teacher` (its bundle folder) and `teacher_logits` this is the distillation pass `step`;
    without, `step` is the model itself. `data` holds DATA_KEYS; `state` is
    where an unfinished training waits. The same seed, threads and machine give the same weights.
    """
    base = read_pretrained(pretrained) if pretrained else None  # checked before it is loaded
    torch.manual_seed(seed)
    texts = read_split(train).texts
    tokenizer = model_tokenizer(
        entry, pretrained_tokenizer or pretrained, texts, data["language"] == "bn"
    )
    model = build_encoder(
        entry,
        labels=data["labels"],
        vocab_size=embedding_rows(tokenizer),
        max_length=data["max_length"],
        pad=pad_id(tokenizer),
        pretrained=pretrained,
    )
    encoded = encode_data(train, validation, tokenizer, data)
    where, classes = pick_device(device), len(data["labels"])
    if teacher is None or teacher_logits is None:
        settings, recipe, parent, inherited = entry["train"], [], None, []
        objective = label_objective(encoded.train.labels, settings, classes, where)
    else:
        manifest = read_json(teacher / "bundle.json")
        settings, recipe, inherited = step["train"], manifest["recipe"], manifest["licences"]
        parent = parent_facts(teacher / "bundle.json")
        logits = torch.from_numpy(read_logits(teacher_logits, ids=encoded.train_ids))
        objective = distillation_objective(encoded.train.labels, logits, step, where)
    identity = training_identity(
        entry=entry,
        step=step,
        data=data,
        seed=seed,
        texts=encoded.sha256,
        parent=parent,
        base=base,
        tokenizer=tokenizer.to_str(),
    )
    trainer = Trainer(
        model, objective, settings, seed=seed, identity=identity, device=where, state=state
    )
    history = trainer.fit(encoded.train, encoded.validation, classes)
    params, nonzero = count_parameters(model)
    with replaced_folder(out) as folder:
        save_transformer(folder, model, tokenizer, history)
        write_manifest(
            folder,
            {
                "family": "transformer",
                **data,
                "recipe": [*recipe, step],
                "seed": seed,
                "parent": parent,
                "base": base,
                "licences": sorted(
                    {
                        *inherited,
                        *([base["licence"] or f"not stated by {base['name']}"] if base else []),
                    }
                ),
                "data_sha256": encoded.sha256,
                "params": params,
                "nonzero_params": nonzero,
                "versions": library_versions(*PACKAGES),
                "trained_on": trainer.facts(),
            },
        )
    trainer.forget()
