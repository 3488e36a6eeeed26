"""Which texts a compressed model labels otherwise than its teacher though both are sure."""

from pathlib import Path

import numpy as np
import pandas

from emopress.artifact import replaced_file
from emopress.tasks import label_array

COLUMNS = [
    "variant", "seed", "id", "text", "label", "teacher", "teacher_label", "teacher_probability",
    "variant_label", "variant_probability",
]  # fmt: skip
FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet takes for the begin of a formula
CONTROL = ("\t", "\r", "\n")  # and what it drops before it looks


def confident_flips(
    texts: pandas.DataFrame,
    labels: list[str],
    *,
    variant: str,
    teacher: str,
    seeds: list[int],
    given: tuple[np.ndarray, np.ndarray],
    taught: tuple[np.ndarray, np.ndarray],
    limit: int,
) -> pandas.DataFrame:
    """Return the `limit` texts that a variant and its teacher label differently with most confidence.

    `texts` has id, text and label (class index); `given` and `taught` are the predicted labels and
    their probabilities, [seeds, N] each, of variant and teacher; labels may be sets, bools
    [seeds, N, C], which are written joined by " | ". The less sure of the two decides
    the order (then the order of the texts); of several seeds a text shows the surest.
    """
    differing = given[0] != taught[0]
    differing = differing.any(axis=-1) if differing.ndim == 3 else differing
    sure = np.where(differing, np.minimum(given[1], taught[1]), -1.0)
    turn = sure.argmax(axis=0)  # which seed, [N]
    best = np.take_along_axis(sure, turn[None], axis=0)[0]
    order = np.argsort(-best, kind="stable")[:limit]
    chosen = order[best[order] >= 0]
    turn = turn[chosen]
    rows = texts.iloc[chosen]
    return pandas.DataFrame(
        {
            "variant": variant,
            "seed": np.array(seeds, dtype=np.int64)[turn],
            "id": rows["id"].to_numpy(),
            "text": rows["text"].to_numpy(),
            "label": named(label_array(rows["label"].tolist(), len(labels)), labels),
            "teacher": teacher,
            "teacher_label": named(taught[0][turn, chosen], labels),
            "teacher_probability": taught[1][turn, chosen],
            "variant_label": named(given[0][turn, chosen], labels),
            "variant_probability": given[1][turn, chosen],
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
    """Write the flips of all variants as one CSV file; only the heading if there are none."""
    filled = [frame for frame in frames if len(frame)]
    table = pandas.concat(filled) if filled else pandas.DataFrame(columns=COLUMNS)
    with replaced_file(out) as temporary:
        table.map(harmless).to_csv(temporary, index=False, float_format="%.6g")
