"""A teacher's logits for the training texts: predicted once from its bundle, read by all its students."""

import json
from pathlib import Path

from safetensors.numpy import save_file

from emopress.artifact import replaced_file
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.logits import ids_hash
from emopress.train.splits import read_split

BATCH = 32


def teacher_logits(
    bundle: Path, train: Path, out: Path, *, threads: int, device: str = "cpu"
) -> None:
    """Write the bundle's logits [N, C] fp32 for the training texts, in their order, and what students record of it.

    `device` is that of `emopress.runtime.bundle.load`.
    """
    split = read_split(train)
    logits = load(bundle, threads=threads, device=device).predict_logits(
        split.texts, batch_size=BATCH, progress=True
    )
    facts = read_bundle(bundle, verify=False).facts
    metadata = {name: json.dumps(facts[name]) for name in ("licences", "recipe")}
    with replaced_file(out) as temporary:
        save_file(
            {"logits": logits}, temporary, metadata={"ids_sha256": ids_hash(split.ids), **metadata}
        )
