"""The fp32 bundle of a dense checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from emopress.artifact import read_json, replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import WEIGHTS, read_checkpoint
from emopress.runtime.layers_file import MODEL, OUTPUT, VECTORS, Layer, write_model
from emopress.runtime.lexicon import Lexicon


def whole_words(table: np.ndarray, words: Sequence[str], lexicon: Lexicon) -> np.ndarray:
    """Return the table [R, D] with each word's row as the mean of itself and its n-grams' rows.

    So a known word costs one row at run time; only unseen words are cut into n-grams there.
    """
    result = table.copy()
    for row, word in enumerate(words):
        result[row] = table[[row, *lexicon.pieces(word)]].mean(axis=0)
    return result


def export_dense(checkpoint: Path, out: Path) -> None:
    """Write the fp32 bundle of a dense checkpoint."""
    source = read_checkpoint(checkpoint)
    facts, words = source.manifest, read_json(checkpoint / "words.json")
    weights = load_file(checkpoint / WEIGHTS)
    lexicon = Lexicon(words, buckets=facts["buckets"], ngrams=facts["ngrams"])
    hidden = sum(name.startswith("hidden.") for name in weights) // 2
    named = [(f"hidden{place}", f"hidden.{place}") for place in range(hidden)] + [(OUTPUT, OUTPUT)]
    layers = [Layer(VECTORS, whole_words(weights[VECTORS], words, lexicon))]
    layers += [
        # PyTorch keeps a layer's matrix as [outputs, inputs].
        Layer(name, weights[f"{key}.weight"].T, weights[f"{key}.bias"])
        for name, key in named
    ]
    with replaced_folder(out) as folder:
        write_model(folder / MODEL, words, layers)
        exported(folder, source, ("numpy",), runtime="dense", weight_bits=32)
