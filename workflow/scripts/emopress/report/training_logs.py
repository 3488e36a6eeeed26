"""Reads the training logs that the trained variants of a study have beside their checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emopress.artifact import read_json

Log = list[dict[str, Any]]


def read_logs(
    curved: Sequence[Sequence[str]], manifests: Sequence[str]
) -> dict[str, dict[str, Log]]:
    """Return data set -> variant -> log; `curved` are (data set, variant) pairs, one per manifest."""
    logs: dict[str, dict[str, Log]] = {}
    for (dataset, variant), manifest in zip(curved, manifests, strict=True):
        log = read_json(Path(manifest).with_name("training.json"))
        logs.setdefault(dataset, {})[variant] = log
    return logs
