"""What a task is: `single`, one label per text, or `multi`, any number of them.

The labels of N texts are class indices [N] for `single` and a table of bools [N, C] for `multi`, true
ones as well as predicted ones. A manifest says `"task": "multi"`, and nothing for `single`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

SINGLE, MULTI = "single", "multi"


def task_of(facts: Mapping[str, Any]) -> str:
    """Return the task that a manifest, or what a model knows of its data set, names."""
    return str(facts.get("task", SINGLE))


def task_facts(dataset: Mapping[str, Any]) -> dict[str, str]:
    """Return what manifests say of the task of a data set's entry in the config."""
    return {"task": MULTI} if dataset.get("multilabel") else {}


def label_array(labels: Sequence[Any], classes: int) -> np.ndarray:
    """Return the labels of a prepared table: class indices [N], or for lists of them bools [N, C]."""
    if not len(labels) or np.ndim(labels[0]) == 0:
        return np.asarray(labels, dtype=np.int64)
    table = np.zeros((len(labels), classes), dtype=bool)
    for row, indices in enumerate(labels):
        table[row, np.asarray(indices, dtype=np.int64)] = True
    return table


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, computed without overflow."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-logits)), computed without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1.0, small) / (1 + small)


def probabilities(logits: np.ndarray, task: str) -> np.ndarray:
    """Return the probability of each label for logits [..., C].

    `single`: softmax, they sum to 1; `multi`: the sigmoid of each, whatever the others.
    """
    return sigmoid(logits) if task == MULTI else softmax(logits)


def decided(probabilities: np.ndarray, thresholds: Sequence[float] | None) -> np.ndarray:
    """Return the predicted labels for probabilities [N, C].

    With `thresholds` [C] (`multi`) every label whose probability is its threshold or more, bools
    [N, C], no label at all among what may come out; without the most probable one, of equals the
    first, class indices [N].
    """
    if thresholds is None:
        return probabilities.argmax(axis=1)
    return probabilities >= np.asarray(thresholds)
