"""What a reader must know about a data set's texts: which occur in two splits, which labels are absent, which are cut
off."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from emopress.data.split import letters_key, shared_texts
from emopress.measure.cut import shares_cut
from emopress.measure.deciding import COLUMNS
from emopress.measure.evaluated import Evaluated
from emopress.measure.scoring import observed
from emopress.tasks import label_array

# How two texts are compared: as they are (normalised, as models read them), and by their letters.
KEYS: dict[str, Callable[[str], str]] = {"exact": str, "letters": letters_key}


def text_facts(
    evaluated: Evaluated,
    *,
    train: Path,
    validation: Path,
    cut: Mapping[tuple[str, int], Path],
) -> dict[str, Any]:
    """Return the facts of a data set's texts, ready for JSON.

    - `n`: texts per split.
    - `shared`: by `KEYS`, how many texts of test are in train, in validation, in either of them, and
      how many of validation in train.
    - `leaked`: `leaked_scores` of the test texts that are in train or validation by their letters.
    - `without`: by split the labels that none of its texts has.
    - `cut`: by variant what `cut.shares_cut` gives.
    """
    splits = {
        name: pandas.read_parquet(path, columns=["text", "label"])
        for name, path in (("train", train), ("validation", validation))
    }
    splits["test"] = evaluated.texts
    keys = {
        kind: {name: table["text"].map(key) for name, table in splits.items()}
        for kind, key in KEYS.items()
    }
    letters = keys["letters"]
    known = {*letters["train"], *letters["validation"]}
    return {
        "n": {name: len(table) for name, table in splits.items()},
        "shared": {kind: shared_texts(of_splits) for kind, of_splits in keys.items()},
        "leaked": leaked_scores(evaluated, letters["test"].isin(known).to_numpy()),
        "without": {
            name: absent_labels(table["label"], evaluated.labels) for name, table in splits.items()
        },
        "cut": shares_cut(cut),
    }


def absent_labels(labels: pandas.Series, names: list[str]) -> list[str]:
    """Return the labels that no text has, given class indices or lists of them."""
    has = labels_present(label_array(labels.tolist(), len(names)), len(names))
    return [name for name, one in zip(names, has.tolist(), strict=True) if not one]


def labels_present(truth: np.ndarray, classes: int) -> np.ndarray:
    """Return which labels some text has, bools [C], given class indices [N] or bools [N, C]."""
    if truth.ndim == 2:
        return np.asarray(truth.any(axis=0))
    return np.isin(np.arange(classes), truth)


def leaked_scores(evaluated: Evaluated, known: np.ndarray) -> dict[str, Any] | None:
    """Return the scores on the test texts that are `known`, bools [N], and on the others, mean over seeds.

    `labels`: how many labels texts of both sorts have; macro F1 is that of these, since a label without
    texts would count as 0 in one of the two; that of all labels is `macro_f1_of_all`. `variants`: by
    variant, score -> [known, others]. None where one of the two sorts is empty.
    """
    if known.all() or not known.any():
        return None
    classes = len(evaluated.labels)
    sorts = [(rows, evaluated.truth[rows]) for rows in (known, ~known)]
    both = np.logical_and(*(labels_present(truth, classes) for _, truth in sorts))
    variants = {}
    for place, variant in enumerate(evaluated.variants):
        predicted = evaluated.predicted[0.0][place]
        by_sort = [observed(truth, predicted[:, rows], classes) for rows, truth in sorts]
        scores = {
            name: [float(getattr(one, name).mean()) for one in by_sort]
            for name in COLUMNS
            if hasattr(by_sort[0], name)
        }
        scores["macro_f1_of_all"] = scores["macro_f1"]
        scores["macro_f1"] = [
            float(one.f1[:, both].mean()) if both.any() else 0.0 for one in by_sort
        ]
        variants[variant] = scores
    return {"labels": int(both.sum()), "variants": variants}
