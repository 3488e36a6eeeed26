"""Scores of one variant, from its predictions alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    hamming_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from emopress.measure import sets
from emopress.measure.predictions import read_predictions
from emopress.train.overlap import text_f1, text_jaccard


@dataclass(frozen=True)
class Scores:
    """Scores as fractions; `confusion[i][j]` counts texts of class i predicted as j.

    Where texts have any number of labels `accuracy` is the share of texts whose whole set is right,
    `confusion[i][j]` counts the texts that have label i and are given label j (`sets.crossed`), and
    `several` holds what only they have: sample_f1, jaccard, hamming_loss, label_confusion (a 2 x 2 table
    per label) and cooccurrence (of the true labels).
    """

    accuracy: float
    macro_f1: float
    micro_f1: float
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    texts: int
    several: dict[str, Any] = field(default_factory=dict)


def scores(truth: np.ndarray, predicted: np.ndarray, labels: list[str]) -> Scores:
    """Return the scores for class indices [N], or for sets of labels as bools [N, C].

    A class that is never predicted has precision 0.
    """
    indices = np.arange(len(labels))
    options: dict[str, Any] = {"labels": indices, "zero_division": 0}
    columns = precision_recall_fscore_support(truth, predicted, **options)
    names = ("precision", "recall", "f1", "support")
    several: dict[str, Any] = {}
    if truth.ndim == 2:
        confusion = sets.crossed(truth, predicted)
        several = {
            "sample_f1": float(text_f1(truth, predicted).mean()),
            "jaccard": float(text_jaccard(truth, predicted).mean()),
            "hamming_loss": float(hamming_loss(truth, predicted)),
            "label_confusion": multilabel_confusion_matrix(truth, predicted).tolist(),
            "cooccurrence": sets.crossed(truth, truth).tolist(),
        }
    else:
        confusion = confusion_matrix(truth, predicted, labels=indices)
    return Scores(
        accuracy=float(accuracy_score(truth, predicted)),
        macro_f1=float(f1_score(truth, predicted, average="macro", **options)),
        micro_f1=float(f1_score(truth, predicted, average="micro", **options)),
        per_class={
            label: dict(zip(names, (*map(float, values[:3]), int(values[3])), strict=True))
            for label, *values in zip(labels, *columns, strict=True)
        },
        confusion=confusion.tolist(),
        texts=len(truth),
        several=several,
    )


def score_of(result: Scores, column: str) -> float:
    """Return one score by the name of its column (`deciding.Metric`)."""
    return float(result.several[column] if column in result.several else getattr(result, column))


def read_scores(path: Path, labels: list[str]) -> dict[str, Scores]:
    """Return the scores of validation and test in a predictions file, of the clean texts alone.

    UserError if it lacks one of them or has other columns.
    """
    predictions = read_predictions(path, labels)
    parts = {split: predictions.part(split) for split in ("validation", "test")}
    return {split: scores(part.truth, part.predicted, labels) for split, part in parts.items()}
