"""The fp32 bundle of a linear checkpoint."""

import shutil
from pathlib import Path

from emopress.artifact import replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import read_checkpoint


def export_linear(checkpoint: Path, out: Path) -> None:
    """Write the bundle of a linear checkpoint: the same arrays, fp32 weights."""
    source = read_checkpoint(checkpoint)
    with replaced_folder(out) as folder:
        shutil.copyfile(checkpoint / "model.npz", folder / "model.npz")
        exported(folder, source, ("numpy",), runtime="linear", weight_bits=32)
