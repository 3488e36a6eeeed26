"""Writes a bundle's predictions, from which every statistic of the report is computed, and its cross-entropy."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas

from emopress.artifact import replaced_file, write_json
from emopress.errors import UserError
from emopress.measure.cut import count_cut
from emopress.measure.prediction_columns import PREDICTED
from emopress.runtime.bundle import load
from emopress.tasks import MULTI, decided, probabilities

if TYPE_CHECKING:
    from emopress.runtime.onnxruntime import OnnxClassifier

# The cross-entropy of a token is -log p(token | true label, tokens before it). Only models with the same
# tokenizer can be compared by it.
QUANTILES = (5, 25, 50, 75, 95)  # per cent
UNIT = "nats per token"


def predict(
    *,
    bundle: Path,
    validation: Path,
    test: Path,
    labels: list[str],
    batch_size: int,
    threads: int,
    predictions: Path,
    noise: Path | None = None,
    cross_entropy: Path | None = None,
    train: Path | None = None,
    cut: Path | None = None,
    device: str = "cpu",
) -> None:
    """Write `predictions`: id, split, noise, label (class index), and one probability column per label.

    Of a model that gives any number of labels: label (list of class indices), `predicted` (the same,
    of those above their thresholds), and the probabilities, each from a sigmoid.

    `validation` and `test` are files of the splits; `noise` is that of the noisy texts of test, if
    there are any; `cross_entropy`, of a generative bundle, is where the distribution of
    its tokens' cross-entropy goes; `cut` is where it is written how many texts of `train` and of the
    splits are longer than what the model reads (`measure.cut`). The bundle is loaded from disk as a user
    would load it, for `device` (see `emopress.runtime.bundle.load`). A batch holds texts of one split and
    one share of noise only: the prediction of a clean text, which in dynamic int8 may depend on its
    batch, is the same with and without noise. UserError if the bundle's labels are not `labels` in this order.
    """
    splits = {"validation": validation, "test": test}
    classifier = load(bundle, threads=threads, device=device)
    if classifier.labels != labels:
        raise UserError(f"{bundle}: labels are {classifier.labels}, the data set has {labels}")
    tables = {name: pandas.read_parquet(path) for name, path in splits.items()}
    for name, table in tables.items():
        if (table["label"].dtype == object) != (classifier.task == MULTI):
            raise UserError(
                f"{bundle}: a model of task {classifier.task}, not that of {splits[name]}"
            )
    if cut is not None:
        counted = splits if train is None else {"train": train, **splits}
        write_json(cut, count_cut(classifier, counted))
    parts = [(name, 0.0, table) for name, table in tables.items()]
    if noise is not None:
        parts += [("test", share, table) for share, table in noisy_tables(noise, tables["test"])]
    frames, costs = [], []
    for name, share, table in parts:
        logging.info("predict: %s, noise %g, %d texts", name, share, len(table))
        texts = table["text"].tolist()
        if cross_entropy is None:
            logits = classifier.predict_logits(texts, batch_size=batch_size, progress=True)
        else:
            generative = cast("OnnxClassifier", classifier)  # all generative bundles run there
            truth = table["label"].tolist()
            logits, nats = scored(generative, texts, truth, batch_size=batch_size)
            costs.append({"split": name, "noise": share, **distribution(nats)})
        frame = pandas.DataFrame(
            {"id": table["id"], "split": name, "noise": share, "label": table["label"]}
        )
        by_label = probabilities(logits, classifier.task)
        if classifier.task == MULTI:
            predicted = decided(by_label, classifier.thresholds)
            frame[PREDICTED] = [np.flatnonzero(row).tolist() for row in predicted]
        for index, column in enumerate(by_label.T):
            frame[labels[index]] = column
        frames.append(frame)
    if cross_entropy is not None:
        write_json(cross_entropy, {"unit": UNIT, "parts": costs})
    with replaced_file(predictions) as temporary:
        pandas.concat(frames, ignore_index=True).to_parquet(temporary, index=False)


def noisy_tables(path: Path, test: pandas.DataFrame) -> Iterator[tuple[float, pandas.DataFrame]]:
    """Yield each share of a noise file and the table `test` with its noisy texts.

    UserError if the file's texts are not those of `test`, in order.
    """
    for share, rows in pandas.read_parquet(path).groupby("noise", sort=False):
        if rows["id"].tolist() != test["id"].tolist():
            raise UserError(f"{path}: the texts at noise {share:g} are not the test texts")
        yield float(share), test.assign(text=rows["text"].tolist())


def scored(
    classifier: "OnnxClassifier", texts: list[str], truth: Sequence[int], *, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits [N, C] of raw texts, and the cross-entropy of all their tokens under their labels.

    truth: class indices [N]. The logits are those of `predict_logits`, in the same batches.
    """
    logits = np.empty((len(texts), len(classifier.labels)), dtype=np.float32)
    nats: list[np.ndarray] = []
    for indices, batch in classifier.batches(texts, batch_size=batch_size, progress=True):
        logits[indices], tokens = classifier.token_scores(batch)
        nats += [-rows[truth[i]] for i, rows in zip(indices, tokens, strict=True)]
    return logits, np.concatenate(nats)


def distribution(nats: np.ndarray) -> dict[str, Any]:
    """Return mean and quantiles (linear interpolation) of the cross-entropies of some tokens [M]."""
    quantiles = np.percentile(nats, QUANTILES)
    return {
        "tokens": len(nats),
        "mean": float(nats.mean(dtype=np.float64)),
        "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
    }
