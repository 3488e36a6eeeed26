"""The texts that a compressed model labels differently from its teacher though both are sure."""

from pathlib import Path

import numpy as np
import pandas

from emopress.artifact import replaced_file
from emopress.measure.evaluated import Evaluated
from emopress.tasks import label_array

COLUMNS = [
    "variant", "seed", "id", "text", "label", "teacher", "teacher_label", "teacher_probability",
    "variant_label", "variant_probability",
]  # fmt: skip
FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet takes for the start of a formula
CONTROL = ("\t", "\r", "\n")  # and what it drops before it looks


def confident_flips(
    evaluated: Evaluated, variant: str, teacher: str, *, limit: int
) -> pandas.DataFrame:
    """Return the `limit` clean test texts that a variant and its teacher label differently with most confidence.

    The less sure of the two decides the order (then the order of the texts); of several seeds a text
    shows the surest. Sets of labels are written joined by " | ".
    """
    labels, predicted, confidence = (
        evaluated.labels,
        evaluated.predicted[0.0],
        evaluated.confidence[0.0],
    )
    this, other = evaluated.place(variant), evaluated.place(teacher)
    differing = predicted[this] != predicted[other]
    differing = differing.any(axis=-1) if differing.ndim == 3 else differing
    sure = np.where(differing, np.minimum(confidence[this], confidence[other]), -1.0)
    turn = sure.argmax(axis=0)  # which seed, [N]
    best = np.take_along_axis(sure, turn[None], axis=0)[0]
    order = np.argsort(-best, kind="stable")[:limit]
    chosen = order[best[order] >= 0]
    turn = turn[chosen]
    rows = evaluated.texts.iloc[chosen]
    return pandas.DataFrame(
        {
            "variant": variant,
            "seed": np.array(evaluated.seeds, dtype=np.int64)[turn],
            "id": rows["id"].to_numpy(),
            "text": rows["text"].to_numpy(),
            "label": named(label_array(rows["label"].tolist(), len(labels)), labels),
            "teacher": teacher,
            "teacher_label": named(predicted[other, turn, chosen], labels),
            "teacher_probability": confidence[other, turn, chosen],
            "variant_label": named(predicted[this, turn, chosen], labels),
            "variant_probability": confidence[this, turn, chosen],
        },
        columns=COLUMNS,
    )


def named(values: np.ndarray, labels: list[str]) -> list[str]:
    """Return the labels' names of texts: of class indices [N], or joined ones of bools [N, C]."""
    if values.ndim == 1:
        return [labels[label] for label in values]
    return [" | ".join(labels[c] for c in np.flatnonzero(row)) for row in values]


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet runs: a text that begins like a formula gets an apostrophe."""
    if isinstance(cell, str) and (cell.startswith(CONTROL) or cell.lstrip().startswith(FORMULA)):
        return f"'{cell}"
    return cell


def write_flips(frames: list[pandas.DataFrame], out: Path) -> None:
    """Write the flips of all variants as one CSV file; only the heading if nothing flips."""
    filled = [frame for frame in frames if len(frame)]
    table = pandas.concat(filled) if filled else pandas.DataFrame(columns=COLUMNS)
    with replaced_file(out) as temporary:
        table.map(harmless).to_csv(temporary, index=False, float_format="%.6g")
