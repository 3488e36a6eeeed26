"""Logits of a linear teacher for texts that were made of its training texts: by models that never saw these."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emopress.linear.train import fit_linear, require_all_labels
from emopress.tasks import label_array
from emopress.train.logits import save_logits
from emopress.train.spans import folds_of, read_spans
from emopress.train.splits import read_split

if TYPE_CHECKING:
    from emopress.entries.linear import Linear
    from emopress.entries.step import Step


def out_of_fold_logits(
    *,
    step: "Step[Linear]",
    data: dict[str, Any],
    seed: int,
    train: Path,
    validation: Path,
    texts: Path,
    folds: int,
    out: Path,
) -> None:
    """Write the logits of the linear model `step` for the joined spans `texts`, as `teacher_logits` does.

    The spans of each of the `folds` folds get them from a model trained on the training texts of all other folds
    (stacking's out-of-fold predictions, Wolpert 1992), calibrated on validation as the teacher itself is.
    `data` holds DATA_KEYS. UserError if a label's texts are all in one fold.
    """
    names = data["labels"]
    fit, held_out, spans = read_split(train), read_split(validation), read_spans(texts)
    labels = label_array(fit.labels, len(names))
    fold_of = folds_of(fit.labels, folds=folds, seed=seed)
    for fold in range(folds):
        require_all_labels(
            labels[fold_of != fold], names, f"{train}: no text outside a fold of {folds}"
        )
    logits = np.zeros((len(spans.texts), len(names)), dtype=np.float32)
    for fold in range(folds):
        own = np.flatnonzero(spans.folds == fold)
        if not len(own):
            continue
        others = np.flatnonzero(fold_of != fold)
        taught = [fit.texts[i] for i in others]
        model = fit_linear(step, taught, labels[others], held_out, names=names, seed=seed)
        logits[own] = model.logits([spans.texts[i] for i in own])
    save_logits(out, logits, ids=spans.ids, recipe=[step.recorded], licences=[])
