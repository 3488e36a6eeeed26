"""The weights that an ONNX graph refers to but does not hold: files beside it that are decoded when it is loaded."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from emopress.runtime import codes, packed

# The file that graphs name for those weights. It does not exist, so that a runtime that is not given
# them raises an error instead of reading another file's bytes as weights.
NOWHERE = "weights-that-emopress-supplies"
READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    packed.FILE: packed.read_packed,  # zeros as a bitmask
    codes.FILE: codes.read_codes,  # integers of 2 to 8 bits
}


def stored_apart(files: Collection[str]) -> list[str]:
    """Return which of a bundle's files hold weights apart from its graph."""
    return [name for name in READERS if name in files]


def read_stored(folder: Path, files: Collection[str]) -> dict[str, np.ndarray]:
    """Return the weights by name that the bundle `folder`, which has these files, stores apart."""
    return {
        name: array
        for file in stored_apart(files)
        for name, array in READERS[file](folder / file).items()
    }
