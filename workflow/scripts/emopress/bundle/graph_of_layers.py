"""Builds ONNX graphs of words and layers in standard operators, with weights at their bits."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from emopress.bundle.graph_nodes import Nodes
from emopress.runtime.layers_file import Layer


class Graph(Nodes):
    """The nodes and constants of a graph of layers while it is built."""

    def unpacked_layers(self, layers: Sequence[Layer]) -> None:
        """Add the codes of those of some layers that have any, under the layers' names; all have the same bits."""
        coded = {layer.name: layer.matrix for layer in layers if layer.bits != 32}
        if coded:
            (bits,) = {layer.bits for layer in layers if layer.bits != 32}
            self.unpacked(coded, bits)

    def weights(self, layer: Layer) -> str:
        """Return the name of a layer's float32 weights; codes become them once, when an engine loads the graph."""
        if layer.bits == 32:
            return self.constant(layer.name, layer.matrix)
        codes = self.add("Cast", layer.name, to=TensorProto.FLOAT)
        zero = np.asarray(layer.zero_point, dtype=np.float32)
        centred = self.add("Sub", codes, self.constant(f"{layer.name}.zero_point", zero))
        scale = np.asarray(layer.scale, dtype=np.float32)
        return self.add("Mul", centred, self.constant(f"{layer.name}.scale", scale))

    def rows(self, table: Layer, ids: str) -> str:
        """Return the name of the float32 rows [..., D] of a table at some ids; no other row is decoded."""
        if table.bits == 32:
            return self.add("Gather", self.constant(table.name, table.matrix), ids)
        values = self.add("Cast", self.add("Gather", table.name, ids), to=TensorProto.FLOAT)
        of_rows: dict[str, np.ndarray] = {
            "Sub": np.asarray(table.zero_point, dtype=np.uint8),
            "Mul": np.asarray(table.scale, dtype=np.float32),
        }
        halves = of_rows["Mul"].astype(np.float16)
        if np.array_equal(halves, of_rows["Mul"]):  # a row's own scale is a number of 16 bits
            of_rows["Mul"] = halves
        for operator, numbers in of_rows.items():
            each = np.broadcast_to(numbers, (len(table.matrix), 1))
            found = self.add("Gather", self.constant(f"{table.name}.{operator}", each), ids)
            values = self.add(operator, values, self.add("Cast", found, to=TensorProto.FLOAT))
        return values

    def of_numbers(
        self, name: str, kinds: Mapping[str, int], axes: Sequence[Any]
    ) -> onnx.ModelProto:
        """Return the model: inputs of these element types, all with `axes`, -> float32 logits [batch, labels]."""
        inputs = dict.fromkeys(kinds, axes)
        return self.model(name, {"logits": ["batch", "labels"]}, inputs, kinds)
