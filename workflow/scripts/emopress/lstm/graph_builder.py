"""Builds ONNX graphs of LSTM classifiers node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET, IR_VERSION = (
    17,
    8,
)  # the version is that of the opset; the newest may be too new for an engine


def onnx_gates(weight: np.ndarray) -> np.ndarray:
    """Return a matrix [n, 4H] or a bias [4H] with gates i, f, g, o in ONNX's order i, o, f, g."""
    i, f, g, o = np.split(weight, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)


@dataclass
class Nodes:
    """Nodes and constants of a graph while it is built; a graph inside it may share the constants."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def add(
        self, operator: str, *inputs: str, gives: str | Sequence[str] = "", **attributes: Any
    ) -> str:
        """Add a node and return the name of its (first) output: what it `gives`, or a name of its own."""
        named = gives or f"{operator.lower()}_{len(self.nodes)}"
        outputs = [named] if isinstance(named, str) else list(named)
        self.nodes.append(
            helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes)
        )
        return outputs[0]

    def constant(self, name: str, value: Any) -> str:
        """Add an initializer and return its name; lists of whole numbers are int64, float64 is made float32."""
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype == np.float64 else array
        return name

    def initializers(self) -> list[onnx.TensorProto]:
        """Return the constants as tensors."""
        return [
            numpy_helper.from_array(np.asarray(value, order="C"), name)
            for name, value in self.constants.items()
        ]
