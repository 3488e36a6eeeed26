"""How often a variant is right and wrong on each label, where a text has any number of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def label_counts(seeds: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> list[float]:
    """Return how many test texts a variant gives each label, mean over its seeds."""
    if all("label_confusion" in entry for entry in seeds.values()):
        tables = np.array([entry["label_confusion"] for entry in seeds.values()])  # [S, C, 2, 2]
        given = tables[:, :, :, 1].sum(axis=2)
    else:
        given = np.array([entry["confusion"] for entry in seeds.values()]).sum(axis=1)
    return [float(count) for count in given.mean(axis=0)[: len(labels)]]


def label_decisions(seeds: Mapping[str, Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return per kind of decision its counts by label, summed over the seeds of one variant.

    TP: texts that have the label and are given it, FP: given without having it, FN: not given though
    they have it, TN: neither. Empty where a text has one label.
    """
    if not all("label_confusion" in entry for entry in seeds.values()):
        return {}
    summed = np.sum([entry["label_confusion"] for entry in seeds.values()], axis=0)  # [C, 2, 2]
    places = {"TP": (1, 1), "FP": (0, 1), "FN": (1, 0), "TN": (0, 0)}  # true, predicted
    return {name: summed[:, true, said].tolist() for name, (true, said) in places.items()}
