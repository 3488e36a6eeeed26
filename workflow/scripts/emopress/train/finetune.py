"""Trains a transformer classifier on a data set: fine-tuning, or distillation from a teacher's logits."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import nn

from emopress.checkpoint import library_versions
from emopress.devices import pick_device
from emopress.train.batches import encode_data
from emopress.train.lesson import checkpoint_folder, lesson, train_model
from emopress.train.run import TrainingRun
from emopress.train.source import model_source
from emopress.train.tokenizer import save_tokenizer
from emopress.train.transformer import build_transformer, count_parameters

if TYPE_CHECKING:
    from emopress.entries.step import ModelStep
    from emopress.entries.transformer import TransformerStudent


def transformer_facts(model: nn.Module) -> dict[str, Any]:
    """Return what the manifest of a transformer says of its network, and of what trained it."""
    params, nonzero = count_parameters(model)
    versions = library_versions("torch", "transformers", "tokenizers", "safetensors")
    return {
        "family": "transformer",
        "params": params,
        "nonzero_params": nonzero,
        "versions": versions,
    }


def save_transformer(
    folder: Path, model: nn.Module, tokenizer: Tokenizer, *, max_length: int
) -> None:
    """Write a Hugging Face folder (safetensors), with its tokenizer for `max_length` tokens."""
    model.cpu().save_pretrained(folder)  # type: ignore[operator]
    save_tokenizer(tokenizer, folder, max_length=max_length)


def finetune(
    *,
    step: "ModelStep[TransformerStudent]",
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    out: Path,
    pretrained: Path | None = None,
    pretrained_tokenizer: Path | None = None,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
    spans: Path | None = None,
    spans_logits: list[Path] | None = None,
) -> None:
    """Train the transformer of `step` and write it as a checkpoint to `out`.

    A distillation needs `teacher` (its bundle folder) and `teacher_logits` (its own first, then those of
    further teachers, averaged); one with joined spans their file `spans` and the same teachers' logits of them.
    `data` holds DATA_KEYS; `run` is the job's training run. The same seed,
    threads and machine give the same weights. A model whose runtime is transformers is written as
    `large.write_base` does, untrained.
    """
    entry = step.model.entry
    if entry.runtime == "transformers":
        from emopress.train.large import write_base

        write_base(
            step=step.model,
            data=data,
            seed=seed,
            train=train,
            validation=validation,
            pretrained=pretrained,
            pretrained_tokenizer=pretrained_tokenizer,
            out=out,
        )
        return
    torch.manual_seed(seed)
    source = model_source(
        entry,
        data=data,
        train=train,
        pretrained=pretrained,
        pretrained_tokenizer=pretrained_tokenizer,
    )
    as_is = step.distill is None and step.train.epochs == 0
    model, where = build_transformer(entry, as_is=as_is, **source.sizes), pick_device(device)
    texts = encode_data(train, validation, source.tokenizer, data, spans)
    learnt = lesson(
        step,
        texts,
        data,
        device=where,
        teacher=teacher,
        teacher_logits=teacher_logits,
        spans_logits=spans_logits,
    )
    trainer = train_model(
        model,
        learnt,
        texts,
        data,
        seed=seed,
        device=where,
        run=run,
        entry=step.model.recorded,
        base=source.base,
        tokenizer=source.tokenizer.to_str(),
    )
    if not trainer.ranks.first:
        return  # the first process writes
    facts = {
        **transformer_facts(model),
        **data,
        "recipe": learnt.recipe,
        "seed": seed,
        "parent": learnt.parent,
        "base": source.base,
        "licences": sorted({*learnt.licences, *source.licences}),
        "data_sha256": texts.sha256,
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        save_transformer(folder, model, source.tokenizer, max_length=data["max_length"])
