"""Encoded texts, their length-bucketed batches, and a model's logits for all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from emopress.tasks import label_array
from emopress.train.sizes import EVALUATION_BATCH
from emopress.train.splits import data_hash, read_split, read_texts
from emopress.train.tokenizer import pad_id

POOL = 50  # batches whose texts are sorted by length together


@dataclass(frozen=True)
class Encoded:
    """Token ids of some texts (ragged) with their labels; `pad_id` fills up a batch.

    labels: class indices [N], or where texts have any number of them 0 and 1, [N, C]. Further texts, after the N
    labelled ones, have none (joined spans).
    """

    ids: list[list[int]]
    labels: Tensor
    pad_id: int

    def batch(self, indices: Sequence[int], device: torch.device) -> dict[str, Tensor]:
        """Return input_ids and attention_mask [B, longest of the batch]."""
        rows = [torch.tensor(self.ids[i]) for i in indices]
        input_ids = torch.nn.utils.rnn.pad_sequence(
            rows, batch_first=True, padding_value=self.pad_id
        )
        lengths = torch.tensor([len(row) for row in rows])
        mask = (torch.arange(input_ids.shape[1])[None] < lengths[:, None]).long()
        return {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}


def label_tensor(labels: Sequence[int] | np.ndarray) -> Tensor:
    """Return labels as `Encoded` holds them: int64 [N] for class indices, float32 for bools [N, C]."""
    array = np.asarray(labels)
    return torch.as_tensor(array, dtype=torch.float32 if array.ndim == 2 else torch.long)


def encode(
    tokenizer: Tokenizer,
    texts: list[str],
    labels: Sequence[int] | np.ndarray,
    *,
    max_length: int,
    pad_id: int,
) -> Encoded:
    """Tokenize texts, cut to `max_length` tokens; labels: class indices [N] or bools [N, C]."""
    tokenizer.enable_truncation(max_length)
    tokenizer.no_padding()
    ids = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
    return Encoded(ids, label_tensor(labels), pad_id)


@dataclass(frozen=True)
class Texts:
    """The encoded training and validation texts, the ids of the former, and the hash of their files.

    `spans_ids` are the ids of the joined spans, which come after the training texts in `train`.
    """

    train: Encoded
    validation: Encoded
    train_ids: list[str]
    sha256: str
    spans_ids: list[str] = field(default_factory=list)

    def with_spans(self, ids: list[str], encoded: list[list[int]]) -> "Texts":
        """Return these texts and joined spans, given their ids and their token ids."""
        train = replace(self.train, ids=[*self.train.ids, *encoded])
        return replace(self, train=train, spans_ids=ids)


def encode_data(
    train: Path,
    validation: Path,
    tokenizer: Tokenizer,
    data: dict[str, Any],
    spans: Path | None = None,
) -> Texts:
    """Tokenize a data set's training and validation texts, and the joined spans of a distillation."""
    splits = [read_split(path) for path in (train, validation)]
    encoded = [
        encode(
            tokenizer,
            split.texts,
            label_array(split.labels, len(data["labels"])),
            max_length=data["max_length"],
            pad_id=pad_id(tokenizer),
        )
        for split in splits
    ]
    texts = Texts(encoded[0], encoded[1], splits[0].ids, data_hash(train, validation))
    if spans is None:
        return texts
    ids, joined = read_texts(spans)
    return texts.with_spans(ids, [one.ids for one in tokenizer.encode_batch(joined)])


def bucketed_batches(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator
) -> list[list[int]]:
    """Return every index once, in batches of texts of similar length, in random order.

    Texts are shuffled, sorted by length within pools of `POOL` batches, cut, and the batches are
    shuffled: little padding, and different batches every epoch.
    """
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), POOL * batch_size):
        pool = sorted(order[start : start + POOL * batch_size], key=lambda i: lengths[i])
        batches += [pool[at : at + batch_size] for at in range(0, len(pool), batch_size)]
    return [[int(i) for i in batches[j]] for j in rng.permutation(len(batches))]


def in_order_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return every index once, shortest texts first, for evaluation."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


@torch.no_grad()
def logits_of(model: torch.nn.Module, data: Encoded, device: torch.device) -> Tensor:
    """Return the logits [N, C] of all texts, in their order, in fp32 on the CPU."""
    model.eval()
    result: list[Tensor | None] = [None] * len(data.ids)
    for indices in in_order_batches([len(ids) for ids in data.ids], EVALUATION_BATCH):
        logits = model(**data.batch(indices, device)).logits.float().cpu()
        for row, index in zip(logits, indices, strict=True):
            result[index] = row
    return torch.stack([row for row in result if row is not None])
