"""Int8 weights for linear bundles."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import derived
from emopress.runtime.bundle_reader import read_bundle

if TYPE_CHECKING:
    from emopress.entries.quantize import WeightOnly
    from emopress.entries.step import Step


def int8_per_class(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 weights [V, C] and their scales [C]: symmetric, largest magnitude -> 127."""
    scale = np.abs(weights).max(axis=0) / 127
    scale[scale == 0] = 1
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


def quantize_linear(*, parent: Path, step: "Step[WeightOnly]", out: Path) -> None:
    """Write the bundle `parent` with int8 weights to `out`."""
    source = read_bundle(parent)
    arrays = np.load(parent / "model.npz", allow_pickle=False)
    weights, scale = int8_per_class(arrays["weights"])
    with replaced_folder(out) as folder:
        np.savez_compressed(
            folder / "model.npz",
            vocabulary=arrays["vocabulary"],
            idf=arrays["idf"],
            weights=weights,
            scale=scale,
            bias=arrays["bias"],
        )
        derived(
            folder,
            source,
            step.recorded,
            ("numpy",),
            findings={},
            nonzero_params=int(np.count_nonzero(weights)) + int(np.count_nonzero(arrays["bias"])),
            weight_bits=8,
        )
