"""A teacher's logits for texts to train on: predicted once from its bundle, read by all its students."""

from pathlib import Path

from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.logits import save_logits
from emopress.train.splits import read_texts

BATCH = 32


def teacher_logits(
    bundle: Path, texts: Path, out: Path, *, threads: int, device: str = "cpu"
) -> None:
    """Write the bundle's logits [N, C] fp32 for the texts of a file, in their order, and what students record of it.

    `texts` is a split or joined spans; `device` is that of `emopress.runtime.bundle.load`.
    """
    ids, taught = read_texts(texts)
    logits = load(bundle, threads=threads, device=device).predict_logits(
        taught, batch_size=BATCH, progress=True
    )
    facts = read_bundle(bundle, verify=False).facts
    save_logits(out, logits, ids=ids, recipe=facts["recipe"], licences=facts["licences"])
