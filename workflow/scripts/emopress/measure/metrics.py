"""Scores of one variant, from its predictions alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from emopress.measure.predictions import read_predictions


@dataclass(frozen=True)
class Scores:
    """Scores as fractions; `confusion[i][j]` counts texts of class i predicted as j."""

    accuracy: float
    macro_f1: float
    micro_f1: float
    per_class: dict[str, dict[str, float]]
    confusion: list[list[int]]
    texts: int


def scores(truth: np.ndarray, predicted: np.ndarray, labels: list[str]) -> Scores:
    """Return the scores for class indices [N]; a class that is never predicted has precision 0."""
    indices = np.arange(len(labels))
    options: dict[str, Any] = {"labels": indices, "zero_division": 0}
    columns = precision_recall_fscore_support(truth, predicted, **options)
    per_class = {
        label: {
            "precision": float(columns[0][i]),
            "recall": float(columns[1][i]),
            "f1": float(columns[2][i]),
            "support": int(columns[3][i]),
        }
        for i, label in enumerate(labels)
    }
    return Scores(
        accuracy=float(accuracy_score(truth, predicted)),
        macro_f1=float(f1_score(truth, predicted, average="macro", **options)),
        micro_f1=float(f1_score(truth, predicted, average="micro", **options)),
        per_class=per_class,
        confusion=confusion_matrix(truth, predicted, labels=indices).tolist(),
        texts=len(truth),
    )


def read_scores(path: Path, labels: list[str]) -> dict[str, Scores]:
    """Return the scores of validation and test in a predictions file, of the clean texts alone.

    UserError if it lacks one of them or has other columns.
    """
    found = read_predictions(path, labels)
    parts = {split: found.part(split) for split in ("validation", "test")}
    return {split: scores(part.truth, part.predicted, labels) for split, part in parts.items()}
