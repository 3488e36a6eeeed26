"""Bundles of dense models: the export of a checkpoint, and our own quantization of 2 to 8 bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from emopress.artifact import read_json, replaced_folder
from emopress.bundle.manifest import derived, exported
from emopress.checkpoint import read_checkpoint
from emopress.runtime.bundle import read_bundle
from emopress.runtime.layers import OUTPUT, VECTORS, Layer, read_model, write_model
from emopress.runtime.words import Lexicon

MODEL = "model.npz"


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
    weights = load_file(checkpoint / "model.safetensors")
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


def quantize_dense(*, parent: Path, step: dict[str, Any], validation: Path, out: Path) -> None:
    """Quantize the vectors and the matrices of bundle `parent` as `step` says, and write it to `out`.

    Biases stay fp32. With `search` in `step` the percentile of each layer is chosen on the texts of
    the file `validation`; else that file is not read.
    """
    from emopress.dense.percentiles import quantized_layers

    source = read_bundle(parent)
    words, full = read_model(parent / MODEL)
    layers, findings = quantized_layers(full, parent, step, validation)
    with replaced_folder(out) as folder:
        write_model(folder / MODEL, words, layers)
        derived(
            folder,
            source,
            step,
            ("numpy",),
            findings=findings,
            nonzero_params=sum(layer.nonzero_params for layer in layers),
            weight_bits=step["bits"],
        )
