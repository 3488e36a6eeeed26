"""Unstructured magnitude pruning of a checkpoint, with optional recovery training."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from emopress.artifact import replaced_folder
from emopress.checkpoint import (
    MANIFEST,
    library_versions,
    parent_facts,
    read_checkpoint,
    write_manifest,
)
from emopress.compress.masks import magnitude_masks
from emopress.train.data import training_identity
from emopress.train.encoder import count_parameters
from emopress.train.finetune import PACKAGES, encode_data, label_objective, save_transformer
from emopress.train.loop import Trainer, pick_device


def linear_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the encoder's linear layers by name; the output layer is left alone.

    The last linear layer has a few thousand weights that all classes hang on.
    """
    weights = {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    }
    return dict(list(weights.items())[:-1])


def apply_masks(model: nn.Module, masks: dict[str, Tensor]) -> None:
    """Set the weights whose mask is False to zero, in place."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name].mul_(mask.to(parameters[name].device))


def prune_checkpoint(
    *,
    parent: Path,
    step: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    state: Path,
    out: Path,
) -> None:
    """Prune the checkpoint `parent` as config entry `step` says, and write it to `out`.

    Recovery training holds the zeros: masks are applied again after every step.
    """
    from transformers import AutoModelForSequenceClassification

    checkpoint = read_checkpoint(parent)
    model = AutoModelForSequenceClassification.from_pretrained(parent, local_files_only=True)
    tokenizer = Tokenizer.from_file(str(parent / "tokenizer.json"))
    masks = magnitude_masks(linear_weights(model), step["amount"], step["scope"])
    apply_masks(model, masks)
    data, origin = checkpoint.data, parent_facts(parent / MANIFEST)
    history: list[dict[str, float]] = []
    trainer = None
    if "recover" in step:
        encoded = encode_data(train, validation, tokenizer, data)
        where, classes = pick_device(device), len(data["labels"])
        trainer = Trainer(
            model,
            label_objective(encoded.train.labels, step["recover"], classes, where),
            step["recover"],
            seed=seed,
            identity=training_identity(step=step, seed=seed, texts=encoded.sha256, parent=origin),
            device=where,
            state=state,
            after_step=lambda: apply_masks(model, masks),
        )
        history = trainer.fit(encoded.train, encoded.validation, classes)
        apply_masks(model, masks)
    params, nonzero = count_parameters(model)
    with replaced_folder(out) as folder:
        save_transformer(folder, model, tokenizer, history)
        write_manifest(
            folder,
            {
                "family": "transformer",
                **data,
                "recipe": [*checkpoint.manifest["recipe"], step],
                "seed": seed,
                "parent": origin,
                "base": checkpoint.manifest["base"],
                "licences": checkpoint.manifest["licences"],
                "data_sha256": checkpoint.manifest["data_sha256"],
                "params": params,
                "nonzero_params": nonzero,
                "versions": library_versions(*PACKAGES),
                "trained_on": trainer.facts() if trainer else None,
            },
        )
    if trainer:
        trainer.forget()
