"""Builds ONNX graphs of LSTM classifiers node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
OPSET, IR_VERSION = 17, 8  # the version is that of the opset; an engine may not know the newest
INPUTS = ("input_ids", "attention_mask")
Values = Mapping[str, Sequence[Any]]  # name of an fp32 output -> its shape


def onnx_gates(weight: np.ndarray) -> np.ndarray:
    """Return a matrix [n, 4H] or a bias [4H] with gates i, f, g, o in ONNX's order i, o, f, g."""
    i, f, g, o = np.split(weight, 4, axis=-1)
    return np.concatenate([i, o, f, g], axis=-1)


def value(name: str, kind: int, *shape: str | int | None) -> onnx.ValueInfoProto:
    """Return the description of a graph's input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


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

    def model(
        self, name: str, outputs: Values, external: Sequence[onnx.TensorProto] = ()
    ) -> onnx.ModelProto:
        """Return the model: input_ids and attention_mask [B, T] (int64) -> `outputs`.

        `external` are initializers beside the constants, whose bytes the runtime supplies.
        """
        graph = helper.make_graph(
            self.nodes,
            name,
            [value(each, INT64, "batch", "tokens") for each in INPUTS],
            [value(each, FLOAT, *shape) for each, shape in outputs.items()],
            [*self.initializers(), *external],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
