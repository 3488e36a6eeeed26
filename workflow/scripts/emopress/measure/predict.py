"""Writes a bundle's predictions, from which every statistic of the report is computed."""

from pathlib import Path

import pandas

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.runtime.bundle import load


def predict_splits(
    *,
    bundle: Path,
    splits: dict[str, Path],
    labels: list[str],
    batch_size: int,
    threads: int,
    out: Path,
) -> None:
    """Write `out`: id, split, label (class index), and one probability column per label.

    `splits` maps validation and test to their files. The bundle is loaded from disk as a user would
    load it. UserError if its labels are not `labels` in this order.
    """
    classifier = load(bundle, threads=threads)
    if classifier.labels != labels:
        raise UserError(f"{bundle}: labels are {classifier.labels}, the data set has {labels}")
    frames = []
    for name, path in splits.items():
        texts = pandas.read_parquet(path)
        logits = classifier.predict_proba(texts["text"].tolist(), batch_size=batch_size)
        frame = pandas.DataFrame({"id": texts["id"], "split": name, "label": texts["label"]})
        for index, label in enumerate(labels):
            frame[label] = logits[:, index]
        frames.append(frame)
    with replaced_file(out) as temporary:
        pandas.concat(frames, ignore_index=True).to_parquet(temporary, index=False)
