"""The file of a model of words and layers, `model.npz`: all that its bundle holds beside the manifest.

It is a zip of arrays, no pickle:
  words         uint8 [bytes]  UTF-8, one a line; line i is row i of the vectors
  index         uint8 [bytes]  JSON, a list of layers {name, shape, bits, scale, zero_point}, first the
                               `vectors`, then the layers that follow, `output` last
  <name>        float32 [rows, columns] where bits is 32; else its codes, packed (runtime.codes)
  <name>.scales, <name>.zero_points
                float16 and uint8 [rows], in the place of the index's where each row has its own
  <name>.bias   float32 [outputs], of the layers after the vectors

Written compact it has fewer and smaller arrays, since each costs 200 bytes of its own:
  pieces        uint8 [bytes]  UTF-8, the words front-coded (runtime.front_coding)
  index         as above, without scales; zero_point where all rows of a layer have the same
  codes         uint8 [bytes]  the packed codes of the layers with fewer bits than 32, one after the other
  scales, zero_points
                uint8 [rows]   of these layers, one after the other: scales as float8 (E5M2, the upper byte of
                               a float16)
  numbers       float32, float16 if all layers have codes: the weights of the layers with 32 bits, and the
                               biases, in the order of the layers
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emopress.errors import UserError
from emopress.runtime.codes import DAMAGE, dequantize, pack, unpack
from emopress.runtime.front_coding import front_coded, without_front_coding

MODEL = "model.npz"
VECTORS, OUTPUT, IDF, WIDE = "vectors", "output", "idf", "wide"
WITHOUT_BIAS = (VECTORS, IDF, WIDE)


@dataclass(frozen=True)
class Layer:
    """A matrix as float32 weights (bits 32) or as uint8 codes, and its bias.

    Scale and zero point are of the whole matrix, or arrays [rows, 1] with one of each row.
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
    """Write the file of a model; equal layers give equal files."""
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


def read_model(path: Path, family: str) -> tuple[list[str], list[Layer]]:
    """Return the words and the layers of the file of a model of `family`; UserError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            text = arrays["words" if "words" in arrays else "pieces"].tobytes().decode("utf-8")
            index = json.loads(arrays["index"].tobytes())
            if "words" in arrays:
                words = text.split("\n") if text else []
                layers = [_layer(entry, arrays) for entry in index]
            else:
                words, layers = without_front_coding(text), _compact_layers(index, arrays)
        if len(layers) < 2 or layers[0].name != VECTORS or layers[-1].name != OUTPUT:
            raise ValueError("its layers do not begin with vectors and end with output")
    except DAMAGE as error:
        raise UserError(f"{path}: not a {family} model of emopress ({error})") from None
    return words, layers


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


def write_compact(path: Path, words: Sequence[str], layers: Sequence[Layer]) -> None:
    """Write the file of a model in its compact form; equal layers give equal files.

    Scales must be of rows, and float8 hold them. The file of layers that all have codes holds biases as float16.
    """
    index: list[dict[str, Any]] = []
    codes, scales, zero_points, numbers = [], [], [], []
    for layer in layers:
        known = {"name": layer.name, "shape": list(layer.matrix.shape), "bits": layer.bits}
        if layer.bits == 32:
            numbers.append(layer.matrix.ravel())
        else:
            codes.append(pack(layer.matrix, layer.bits))
            scales.append(_upper_bytes(np.ravel(layer.scale)))
            zeros = np.ravel(layer.zero_point).astype(np.uint8)
            if np.ptp(zeros):
                zero_points.append(zeros)
            else:
                known["zero_point"] = int(zeros[0])
        if layer.bias is not None:
            numbers.append(layer.bias)
        index.append(known)
    exact = np.float32 if any(layer.bits == 32 for layer in layers) else np.float16
    arrays = {"index": [_bytes(json.dumps(index, separators=(",", ":")))]}
    arrays |= {"pieces": [_bytes(front_coded(words))], "codes": codes, "scales": scales}
    arrays |= {"zero_points": zero_points, "numbers": [np.concatenate(numbers).astype(exact)]}
    joined = {name: np.concatenate(parts) for name, parts in arrays.items() if parts}
    np.savez_compressed(path, **joined)  # type: ignore[arg-type]


def _upper_bytes(scales: np.ndarray) -> np.ndarray:
    """Return the upper bytes of float16 numbers; ValueError for one that has anything in its lower byte."""
    halves = scales.astype(np.float16)
    if np.any(halves.astype(scales.dtype) != scales) or np.any(halves.view(np.uint16) & 0xFF):
        raise ValueError("a scale that float8 does not hold")
    return (halves.view(np.uint16) >> 8).astype(np.uint8)


class _Stream:
    """The elements of an array, given out from the first on; ValueError where they are too few."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.place = array, 0

    def take(self, size: int) -> np.ndarray:
        first, self.place = self.place, self.place + size
        if self.place > len(self.array):
            raise ValueError(f"{len(self.array)} elements for {self.place}")
        return self.array[first : self.place]


def _compact_layers(index: list[dict[str, Any]], arrays: Any) -> list[Layer]:
    none = np.zeros(0, dtype=np.uint8)
    codes, scales, zero_points, numbers = (
        _Stream(arrays.get(name, none)) for name in ("codes", "scales", "zero_points", "numbers")
    )
    layers = []
    for entry in index:
        name, bits = entry["name"], entry["bits"]
        rows, columns = entry["shape"]
        layer = Layer(name, none, bits=bits)
        if bits == 32:
            layer = replace(layer, matrix=numbers.take(rows * columns).reshape(rows, columns))
        else:
            packed = codes.take((rows * columns * bits + 7) // 8)
            halves = (scales.take(rows).astype(np.uint16) << 8).view(np.float16)
            zeros = np.full(rows, entry["zero_point"], np.uint8) if "zero_point" in entry else None
            layer = layer.coded(
                unpack(packed, bits, (rows, columns)),
                bits,
                halves.astype(np.float32)[:, None],
                (zero_points.take(rows) if zeros is None else zeros)[:, None],
            )
        if name not in WITHOUT_BIAS:
            layer = replace(layer, bias=numbers.take(rows).astype(np.float32))
        layers.append(layer)
    return layers
