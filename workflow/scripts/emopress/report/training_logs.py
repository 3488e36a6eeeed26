"""Reads the training logs that the trained variants of a study have beside their checkpoints."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emopress.artifact import check_files, read_json

Log = list[dict[str, Any]]


def read_logs(
    curved: Sequence[Sequence[str]], manifests: Sequence[str]
) -> dict[str, dict[str, Log]]:
    """Return data set -> variant -> log; `curved` are (data set, variant) pairs, one per manifest."""
    logs: dict[str, dict[str, Log]] = {}
    for (dataset, variant), manifest in zip(curved, manifests, strict=True):
        path = Path(manifest).with_name("training.json")
        check_files(path.parent, {path.name: read_json(manifest)["files"][path.name]})
        logs.setdefault(dataset, {})[variant] = read_json(path)
    return logs
