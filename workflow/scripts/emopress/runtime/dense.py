"""Runs a dense bundle: word vectors, averaged or side by side, and dense layers, in numpy alone.

`model.npz` holds its words, its table of vectors and its dense layers. It is a zip of arrays, no pickle:
  words         uint8 [bytes]  UTF-8, one a line, sorted; line i is row i of the vectors
  index         uint8 [bytes]  JSON, a list of layers {name, shape, bits, scale, zero_point}, first the
                               `vectors`, then the dense layers in order, `output` last
  <name>        float32 [rows, columns] where bits is 32; else its codes, packed (runtime.codes)
  <name>.scales, <name>.zero_points
                float16 and uint8 [rows], in the place of the index's where each row has its own
  <name>.bias   float32 [columns], of the dense layers
"""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Classifier, Normaliser, labels_and_normaliser
from emopress.runtime.codes import dequantize, pack, unpack
from emopress.runtime.lexicon import AVERAGE, Lexicon

MODEL = "model.npz"
VECTORS, OUTPUT = "vectors", "output"
Cut = list[list[int]]  # a text: for each of its words the rows whose mean is its vector


@dataclass(frozen=True)
class Layer:
    """A matrix [inputs, outputs] as float32 weights (bits 32) or as uint8 codes, and its bias.

    Scale and zero point are of the whole matrix, or arrays [inputs, 1] with one of each row.
    """

    name: str
    matrix: np.ndarray
    bias: np.ndarray | None = None
    bits: int = 32
    scale: float | np.ndarray = 1.0
    zero_point: int | np.ndarray = 0

    def weights(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return some rows of the matrix as float32 weights."""
        if self.bits == 32:
            return self.matrix[rows]
        scale = self.scale[rows] if isinstance(self.scale, np.ndarray) else self.scale
        zero = self.zero_point
        zero = zero[rows] if isinstance(zero, np.ndarray) else zero
        return dequantize(self.matrix[rows], scale, zero)

    @property
    def params(self) -> int:
        """How many numbers it has."""
        return self.matrix.size + (0 if self.bias is None else self.bias.size)

    @property
    def nonzero_params(self) -> int:
        """How many of them are not zero."""
        zero = 0 if self.bits == 32 else self.zero_point
        biases = 0 if self.bias is None else int(np.count_nonzero(self.bias))
        return int(np.count_nonzero(self.matrix != zero)) + biases

    def coded(self, codes: np.ndarray, bits: int, scale: Any, zero_point: Any) -> "Layer":
        """Return this layer with codes in the place of its weights."""
        return replace(self, matrix=codes, bits=bits, scale=scale, zero_point=zero_point)


def write_model(path: Path, words: Sequence[str], layers: Sequence[Layer]) -> None:
    """Write a dense model's file."""
    index: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {"words": _bytes("\n".join(words))}
    for layer in layers:
        known = {"name": layer.name, "shape": list(layer.matrix.shape), "bits": layer.bits}
        if layer.bits == 32:
            arrays[layer.name] = layer.matrix.astype(np.float32)
        else:
            arrays[layer.name] = pack(layer.matrix, layer.bits)
        if isinstance(layer.scale, np.ndarray):
            arrays[f"{layer.name}.scales"] = layer.scale[:, 0].astype(np.float16)
            arrays[f"{layer.name}.zero_points"] = np.ravel(layer.zero_point)
        elif layer.bits != 32:
            known |= {"scale": layer.scale, "zero_point": layer.zero_point}
        if layer.bias is not None:
            arrays[f"{layer.name}.bias"] = layer.bias.astype(np.float32)
        index.append(known)
    arrays["index"] = _bytes(json.dumps(index, separators=(",", ":")))
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)


def read_model(path: Path) -> tuple[list[str], list[Layer]]:
    """Return the words and the layers of a dense model's file; UserError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            text = arrays["words"].tobytes().decode("utf-8")
            index = json.loads(arrays["index"].tobytes())
            layers = [_layer(entry, arrays) for entry in index]
        if len(layers) < 2 or layers[0].name != VECTORS or layers[-1].name != OUTPUT:
            raise ValueError("its layers do not begin with vectors and end with output")
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a dense model of emopress ({error})") from None
    return text.split("\n") if text else [], layers


def _layer(entry: dict[str, Any], arrays: Any) -> Layer:
    name, shape = entry["name"], tuple(entry["shape"])
    bias = arrays.get(f"{name}.bias")
    if entry["bits"] == 32:
        return Layer(name, arrays[name].reshape(shape), bias)
    codes, bits = unpack(arrays[name], entry["bits"], shape), entry["bits"]
    if "scale" in entry:
        return Layer(name, codes, bias, bits, entry["scale"], entry["zero_point"])
    scales = arrays[f"{name}.scales"].reshape(shape[0], 1).astype(np.float32)
    zero_points = arrays[f"{name}.zero_points"].reshape(shape[0], 1)
    return Layer(name, codes, bias, bits, scales, zero_points)


def pooled(texts: Sequence[Cut], vectors: Layer, *, pooling: str, max_length: int) -> np.ndarray:
    """Return what the dense layers read of some cut texts, float32 [N, D], or [N, max_length * D].

    `average`: the mean of the words' vectors. `flatten`: the vectors side by side in order, zeros
    after the last word. A text without a known word gives zeros.
    """
    width = vectors.matrix.shape[1]
    places = 1 if pooling == AVERAGE else max_length
    result = np.zeros((len(texts), places, width), dtype=np.float32)
    for features, words in zip(result, texts, strict=True):
        if not words:
            continue
        rows = np.array([row for word in words for row in word])
        word_vectors = vectors.weights(rows)
        if len(rows) > len(words):  # some words are means over n-grams
            starts = np.cumsum([0, *(len(word) for word in words[:-1])])
            counts = np.array([[len(word)] for word in words], dtype=np.float32)
            word_vectors = np.add.reduceat(word_vectors, starts, axis=0) / counts
        if pooling == AVERAGE:
            features[0] = word_vectors.mean(axis=0)
        else:
            features[: len(words)] = word_vectors
    return result.reshape(len(texts), places * width)


def forward(features: np.ndarray, layers: Sequence[Layer]) -> np.ndarray:
    """Return the logits [N, C] of features [N, F]: dense layers with a ReLU between any two."""
    for place, layer in enumerate(layers):
        if place:
            features = np.maximum(features, 0)
        features = features @ layer.weights() + layer.bias
    return features


class DenseClassifier(Classifier):
    """Word vectors and dense layers, in fp32 or from codes of 2 to 8 bits."""

    unit = "words"
    max_length: int

    def __init__(
        self,
        model: Path,
        *,
        labels: list[str],
        normalise: Normaliser,
        pooling: str,
        max_length: int,
        buckets: int,
        ngrams: Sequence[int],
    ) -> None:
        super().__init__(labels, normalise)
        words, (self.vectors, *layers) = read_model(model)
        rows = len(words) + buckets
        if len(self.vectors.matrix) != rows or layers[-1].matrix.shape[1] != len(labels):
            raise UserError(f"{model}: does not fit its bundle.json ({rows} rows, {labels})")
        # The dense layers are small: fp32 once. Of the vectors only the rows of a text are needed.
        self.layers = [Layer(layer.name, layer.weights(), layer.bias) for layer in layers]
        self.lexicon = Lexicon(words, buckets=buckets, ngrams=ngrams)
        self.pooling, self.max_length = pooling, max_length

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "DenseClassifier":
        """Open a bundle; numpy predicts on the CPU, whatever `threads` and `device` are."""
        facts = bundle.manifest
        settings = {name: facts[name] for name in ("pooling", "max_length", "buckets", "ngrams")}
        return cls(bundle.folder / "model.npz", **labels_and_normaliser(facts), **settings)

    def too_long(self, texts: list[str]) -> list[bool]:
        """Return for each normalised text whether it has more than `max_length` words with a vector."""
        return [
            len(self.lexicon.cut(text, self.max_length + 1)) > self.max_length for text in texts
        ]

    def cut(self, texts: list[str]) -> list[Cut]:
        """Return normalised texts as rows of the vectors."""
        return [self.lexicon.cut(text, self.max_length) for text in texts]

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C]; a text without a known word gets those of all zeros."""
        features = pooled(
            self.cut(texts), self.vectors, pooling=self.pooling, max_length=self.max_length
        )
        return forward(features, self.layers)
