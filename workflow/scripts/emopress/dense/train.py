"""Trains a dense classifier, its vectors and its layers, on the labels or on its teachers' logits."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from emopress.artifact import check_files, read_json, write_json
from emopress.checkpoint import WEIGHTS, library_versions
from emopress.dense.model import DenseModel
from emopress.dense.table import first_vectors
from emopress.devices import pick_device
from emopress.runtime.lexicon import Lexicon
from emopress.tasks import label_array
from emopress.train.batches import Encoded, Texts, label_tensor
from emopress.train.lesson import checkpoint_folder, lesson, train_model
from emopress.train.run import TrainingRun
from emopress.train.splits import Split, data_hash, read_split, read_texts

if TYPE_CHECKING:
    from emopress.entries.dense import DenseStudent
    from emopress.entries.step import ModelStep

WORDS = "words.json"


class Entries:
    """Numbers the distinct words of some texts, from 1 on; 0 is padding.

    `pieces[i]` are the rows whose mean is the vector of entry i while training: those of a word's
    n-grams, and its own where it has one.
    """

    def __init__(
        self, lexicon: Lexicon, words: list[str], *, max_length: int, classes: int
    ) -> None:
        self.lexicon, self.words, self.max_length = lexicon, words, max_length
        self.classes = classes
        self.pieces: list[list[int]] = [[]]
        self._numbers: dict[tuple[int, ...], int] = {}

    def encode(self, split: Split) -> Encoded:
        """Return the entries of each text of a split, with its labels."""
        labels = label_tensor(label_array(split.labels, self.classes))
        return Encoded(self.cut(split.texts), labels, 0)

    def cut(self, texts: list[str]) -> list[list[int]]:
        """Return the entries of each text; a text without any known word is one padding."""
        cuts = (self.lexicon.cut(text, self.max_length) for text in texts)
        return [[self._number(tuple(rows)) for rows in cut] or [0] for cut in cuts]

    def _number(self, rows: tuple[int, ...]) -> int:
        if rows not in self._numbers:
            own = len(rows) == 1 and rows[0] < len(self.words)
            more = self.lexicon.pieces(self.words[rows[0]]) if own else []
            self._numbers[rows] = len(self.pieces)
            self.pieces.append([*rows, *more])
        return self._numbers[rows]


def longest_text(entry: "DenseStudent", data: dict[str, Any]) -> int:
    """Return how many words of a text the model reads at most."""
    limit = int(data["max_length"])
    return min(limit, entry.max_tokens) if entry.max_tokens else limit


def vectors_file(folder: Path, name: str) -> Path:
    """Return the fetched file of vectors `name` in `folder`, checked against its manifest."""
    check_files(folder, {name: read_json(folder / "manifest.json")[name]})
    return folder / name


def train_dense(
    *,
    step: "ModelStep[DenseStudent]",
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    out: Path,
    vectors: Path | None = None,
    teacher: Path | None = None,
    teacher_logits: list[Path] | None = None,
    spans: Path | None = None,
    spans_logits: list[Path] | None = None,
) -> None:
    """Train the dense model of `step` and write it as a checkpoint to `out`.

    A distillation needs `teacher_logits` (those of `teacher`, a bundle folder, first, then those of
    further teachers, averaged); one with joined spans their file `spans` and the same teachers' logits of
    them. `vectors` is the folder of the fetched file that the model's entry names;
    `data` holds DATA_KEYS; `run` is the job's training run. The same seed, threads and machine give the
    same weights.
    """
    entry = step.model.entry
    source, classes, max_length = entry.vectors, len(data["labels"]), longest_text(entry, data)
    fit, held_out = read_split(train), read_split(validation)
    glove = source if source.source == "glove" else None
    file = vectors_file(vectors, glove.file) if glove and vectors else None
    first = first_vectors(
        source,
        fit.texts,
        name=step.model.name,
        seed=seed,
        file=file,
        normalise=data["normalise"],
    )
    subword = source if source.source == "subword" else None
    buckets, ngrams = (subword.buckets, subword.ngrams) if subword else (0, [])
    lexicon = Lexicon(first.words, buckets=buckets, ngrams=ngrams)
    entries = Entries(lexicon, first.words, max_length=max_length, classes=classes)
    texts = Texts(
        entries.encode(fit), entries.encode(held_out), fit.ids, data_hash(train, validation)
    )
    if spans:
        ids, joined = read_texts(spans)
        texts = texts.with_spans(ids, entries.cut(joined))
    torch.manual_seed(seed)
    model = DenseModel(
        first.table,
        entries.pieces,
        layers=entry.layers,
        classes=classes,
        dropout=entry.dropout,
        word_dropout=entry.word_dropout,
        pooling=entry.pooling,
        max_length=max_length,
        trained_vectors=glove.trained if glove else True,
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
        first=first.findings,
        words=first.words,
        # The rows that stand for each text, which the lexicon decides.
        cut=[entries.pieces, texts.train.ids, texts.validation.ids],
    )
    weights = {name: value.contiguous() for name, value in model.cpu().state_dict().items()}
    facts = {
        "family": "dense",
        **data,
        "max_length": max_length,
        "pooling": entry.pooling,
        "buckets": buckets,
        "ngrams": ngrams,
        "recipe": learnt.recipe,
        "findings": {step.name: first.findings},
        "seed": seed,
        "parent": learnt.parent,
        "base": None,
        "licences": sorted({*learnt.licences, *([glove.licence] if glove else [])}),
        "data_sha256": texts.sha256,
        "params": sum(value.numel() for value in weights.values()),
        "nonzero_params": sum(int(value.count_nonzero()) for value in weights.values()),
        "versions": library_versions("torch", "safetensors", "numpy"),
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        save_file(weights, folder / WEIGHTS)
        write_json(folder / WORDS, first.words)
