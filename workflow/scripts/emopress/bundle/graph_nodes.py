"""Builds ONNX graphs node by node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emopress.bundle.packed_nodes import unpacking

FLOAT, UINT8, INT8 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8
INT64, BOOL = TensorProto.INT64, TensorProto.BOOL
OPSET, IR_VERSION = 17, 8  # the version is that of the opset; an engine may not know the newest
MICROSOFT = "com.microsoft"  # operators of ONNX Runtime's own
Values = Mapping[str, Sequence[Any]]  # name of an input or an output -> its shape
INT64S: Mapping[str, int] = {}  # no input of another type
INPUTS: Values = {name: ("batch", "tokens") for name in ("input_ids", "attention_mask")}


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

    def unpacked(
        self, tensors: Mapping[str, np.ndarray], bits: int, *, zero_point: int = 0, to: int = UINT8
    ) -> None:
        """Add uint8 codes by name, which are stored in `bits` bits each; see `bundle.packed_nodes`."""
        nodes, initializers = unpacking(tensors, bits, zero_point=zero_point, to=to)
        self.nodes += nodes
        self.constants |= {each.name: numpy_helper.to_array(each) for each in initializers}

    def initializers(self) -> list[onnx.TensorProto]:
        """Return the constants as tensors."""
        return [
            numpy_helper.from_array(np.asarray(value, order="C"), name)
            for name, value in self.constants.items()
        ]

    def model(
        self, name: str, outputs: Values, inputs: Values = INPUTS, kinds: Mapping[str, int] = INT64S
    ) -> onnx.ModelProto:
        """Return the model `inputs` (int64, or the element type of `kinds`) -> `outputs` (fp32)."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [value(each, kinds.get(each, INT64), *shape) for each, shape in inputs.items()],
            [value(each, FLOAT, *shape) for each, shape in outputs.items()],
            self.initializers(),
        )
        domains = {node.domain for node in self.nodes}
        opsets = [helper.make_opsetid("", OPSET)]
        opsets += [helper.make_opsetid(MICROSOFT, 1)] if MICROSOFT in domains else []
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
