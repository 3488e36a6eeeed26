"""The calibration sample: which training texts show a quantizer the ranges of activations."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from emopress.runtime.bundle import Bundle, encoder_of
from emopress.tasks import label_array
from emopress.train.data import Split, read_split

Feed = dict[str, np.ndarray]


def calibration_sample(labels: list[int], texts: int, seed: int, balanced: bool) -> list[int]:
    """Return the indices of `texts` of the labelled texts (all, if there are fewer), ascending.

    Balanced: the same number from every class, as far as it has texts; what a small class cannot
    give is shared among the others, and what does not divide evenly goes to the first classes.
    """
    rng = np.random.default_rng(seed)
    wanted = min(texts, len(labels))
    if not balanced:
        return sorted(rng.choice(len(labels), size=wanted, replace=False).tolist())
    seen: Counter[int] = Counter()
    draws = []  # (how many of its class were drawn before it, class, index)
    for index in rng.permutation(len(labels)).tolist():
        draws.append((seen[labels[index]], labels[index], index))
        seen[labels[index]] += 1
    return sorted(index for _, _, index in sorted(draws)[:wanted])


def strata(labels: np.ndarray) -> list[int]:
    """Return the class that each text counts for in a balanced sample.

    labels: class indices [N]; or 0 and 1 [N, C], where a text counts for the rarest of its labels,
    and without any label for a class of its own, C.
    """
    if labels.ndim == 1:
        return [int(label) for label in labels]
    has = labels > 0
    counts = np.where(has, has.sum(axis=0), len(labels) + 1)
    return np.where(has.any(axis=1), counts.argmin(axis=1), labels.shape[1]).tolist()


def calibration_rows(labels: np.ndarray, calibration: dict[str, Any], seed: int) -> list[int]:
    """Return which training texts, with such labels ([N], or [N, C]), config entry `calibration` asks for."""
    return calibration_sample(
        strata(labels), calibration["texts"], seed, balanced=calibration["balanced"]
    )


def in_own_order(rows: list[int], split: Split) -> list[int]:
    """Return rows of a split ordered by their texts, then by their labels.

    A quantizer that adds up or averages over the texts then ends with the same bits whatever the order
    in which the data set has them.
    """
    return sorted(rows, key=lambda row: (split.texts[row], str(split.labels[row])))


def calibration_feeds(
    bundle: Bundle, train: Path, calibration: dict[str, Any], seed: int
) -> list[Feed]:
    """Return input_ids and attention_mask [1, T] of each text that config entry `calibration` asks for.

    One text a feed: padding would widen the activation ranges. They are `in_own_order`.
    """
    split = read_split(train)
    encoder = encoder_of(bundle)
    labels = label_array(split.labels, len(bundle.manifest["labels"]))
    rows = in_own_order(calibration_rows(labels, calibration, seed), split)
    return [encoder([split.texts[row]]) for row in rows]
