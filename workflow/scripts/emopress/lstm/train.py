"""Trains an LSTM classifier: a discriminative one on labels or a teacher, a generative one on the texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.numpy import save_file
from torch import Tensor

from emopress.checkpoint import GENERATIVE, WEIGHTS, library_versions
from emopress.devices import pick_device
from emopress.errors import UserError
from emopress.lstm.model import Discriminative, Generative, LstmModel
from emopress.train.batches import Encoded, encode_data
from emopress.train.lesson import Lesson, checkpoint_facts, checkpoint_folder, lesson, train_model
from emopress.train.loop import Objective
from emopress.train.run import TrainingRun
from emopress.train.source import read_pretrained
from emopress.train.splits import read_split
from emopress.train.tokenizer import embedding_rows, model_tokenizer, save_tokenizer

if TYPE_CHECKING:
    from emopress.entries.lstm import LstmStudent
    from emopress.entries.step import ModelStep


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


def new_lstm(entry: "LstmStudent", *, rows: int, labels: Sequence[str], train: Tensor) -> LstmModel:
    """Return the model of a config entry before its training; `train` are the training labels."""
    width, state, dropout = entry.width, entry.state, entry.dropout
    if entry.kind == GENERATIVE and entry.label_width:
        return Generative(
            rows=rows,
            width=width,
            state=state,
            label_width=entry.label_width,
            dropout=dropout,
            log_prior=log_shares(train, labels),
        )
    return Discriminative(rows=rows, width=width, state=state, dropout=dropout, classes=len(labels))


def train_lstm(
    *,
    step: "ModelStep[LstmStudent]",
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    out: Path,
    pretrained_tokenizer: Path | None = None,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
    spans: Path | None = None,
    spans_logits: list[Path] | None = None,
) -> None:
    """Train the LSTM of `step` and write it as a checkpoint to `out`.

    `pretrained_tokenizer` is the folder that its tokenizer was fetched into, unless it is trained
    here. The other arguments are those of `finetune`; a student is discriminative.
    """
    entry = step.model.entry
    torch.manual_seed(seed)
    source = read_pretrained(pretrained_tokenizer) if pretrained_tokenizer else None
    tokenizer = model_tokenizer(
        entry, pretrained_tokenizer, read_split(train).texts, language=data["language"]
    )
    texts, where = encode_data(train, validation, tokenizer, data, spans), pick_device(device)
    rows, labels = embedding_rows(tokenizer), texts.train.labels
    model = new_lstm(entry, rows=rows, labels=data["labels"], train=labels)
    if entry.kind == GENERATIVE:
        texts = replace(texts, train=TextsUnderLabels(texts.train.ids, labels, texts.train.pad_id))
        learnt = Lesson(likelihood_objective(), step.train, [step.recorded])
    else:
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
        source=source,
        tokenizer=tokenizer.to_str(),
    )
    weights = model.weights().arrays()
    facts = {
        "family": "lstm",
        "kind": model.kind,
        **data,
        **checkpoint_facts(learnt, texts, weights, seed=seed),
        "versions": library_versions("torch", "tokenizers", "safetensors", "numpy"),
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        save_file(weights, folder / WEIGHTS)
        save_tokenizer(tokenizer, folder, max_length=data["max_length"])
