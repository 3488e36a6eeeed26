"""Trains a convolutional classifier on the labels or on its teachers' logits."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from emopress.artifact import write_json
from emopress.checkpoint import WEIGHTS, library_versions
from emopress.conv.model import NGRAMS, WIDE_IDF, ConvModel
from emopress.conv.pieces import check_ids, pieces_of
from emopress.conv.wide_texts import WithNgrams, chosen_ngrams
from emopress.devices import pick_device
from emopress.tasks import label_array
from emopress.train.batches import Encoded, Texts, label_tensor
from emopress.train.lesson import checkpoint_facts, checkpoint_folder, lesson, train_model
from emopress.train.run import TrainingRun
from emopress.train.source import read_pretrained
from emopress.train.splits import Split, data_hash, read_split, read_texts
from emopress.train.tokenizer import model_tokenizer, save_tokenizer

if TYPE_CHECKING:
    from emopress.entries.conv import ConvStudent
    from emopress.entries.step import ModelStep


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Return the ids of some texts; a text without any is one padding, the id after the last piece's."""
    padding = [tokenizer.get_vocab_size()]
    return [one.ids or padding for one in tokenizer.encode_batch(texts)]


def encode_split(tokenizer: Tokenizer, split: Split, classes: int) -> Encoded:
    """Return the ids of a split's texts with their labels."""
    labels = label_tensor(label_array(split.labels, classes))
    return Encoded(encode(tokenizer, split.texts), labels, tokenizer.get_vocab_size())


def train_conv(
    *,
    step: "ModelStep[ConvStudent]",
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
    """Train the convolutional model of `step` and write it as a checkpoint to `out`.

    `pretrained_tokenizer` is the folder that its tokenizer was fetched into, unless it is trained here. The other
    arguments are those of `finetune`. UserError if a bundle would cut one of the training texts in another way.
    """
    entry = step.model.entry
    source = read_pretrained(pretrained_tokenizer) if pretrained_tokenizer else None
    fit, held_out = read_split(train), read_split(validation)
    whole = model_tokenizer(entry, pretrained_tokenizer, fit.texts, language=data["language"])
    pieces = pieces_of(whole, name=step.model.name)
    check_ids(pieces, fit.texts)
    tokenizer, classes = pieces.tokenizer(), len(data["labels"])
    tokenizer.enable_truncation(data["max_length"])
    texts = Texts(
        encode_split(tokenizer, fit, classes),
        encode_split(tokenizer, held_out, classes),
        fit.ids,
        data_hash(train, validation),
    )
    joined: list[str] = []
    if spans:
        ids, joined = read_texts(spans)
        texts = texts.with_spans(ids, encode(tokenizer, joined))
    grams: list[str] = []
    if entry.wide:
        labels = label_array(fit.labels, classes)
        features = chosen_ngrams(entry.wide, fit.texts, labels, name=step.model.name)
        grams = list(features.known.vocabulary)
        texts = replace(
            texts,
            train=WithNgrams.of(texts.train, [*fit.texts, *joined], features),
            validation=WithNgrams.of(texts.validation, held_out.texts, features),
        )
    torch.manual_seed(seed)
    model = ConvModel(
        rows=len(pieces.pieces),
        classes=classes,
        width=entry.width,
        filters=entry.filters,
        kernels=entry.kernels,
        pooling=entry.pooling,
        dropout=entry.dropout,
        embedding_dropout=entry.embedding_dropout,
        spread=entry.initial_sd,
        ngrams=len(grams),
    )
    where = pick_device(device)
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
        ngrams=grams,
    )
    weights = model.arrays()
    if entry.wide:
        weights[WIDE_IDF] = features.idf
    facts = {
        "family": "conv",
        **data,
        "pooling": entry.pooling,
        "kernels": entry.kernels,
        "lowercase": pieces.lowercase,
        "strip_accents": pieces.strip_accents,
        **({"wide_ngrams": entry.wide.ngrams} if entry.wide else {}),
        **checkpoint_facts(learnt, texts, weights, seed=seed),
        "versions": library_versions("torch", "tokenizers", "safetensors", "numpy"),
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        save_file(weights, folder / WEIGHTS)
        if entry.wide:
            write_json(folder / NGRAMS, grams)
        save_tokenizer(tokenizer, folder, max_length=data["max_length"])
