"""The parts of a quantized LSTM's graph: rounding to codes, products of codes, one step of the recurrence, its Scan."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from emopress.bundle.graph_nodes import FLOAT, UINT8, Nodes, value
from emopress.lstm.integers import Activation, Columns
from emopress.lstm.post_training import QuantizedLstm
from emopress.lstm.weights import onnx_gates


@dataclass(kw_only=True)
class IntegerNodes(Nodes):
    """A graph, or the body of its Scan, that rounds activations to codes and multiplies codes.

    `matrices`: those of `quantized` with their columns in the graph's order; activations have the names of
    QuantizedLstm.
    """

    quantized: QuantizedLstm
    matrices: dict[str, Columns]

    @property
    def width(self) -> int:
        """The LSTM's state, H."""
        return len(self.quantized.network.bias) // 4

    def inner(self) -> "IntegerNodes":
        """Return a graph for the body of a Scan, which shares the constants."""
        return IntegerNodes(
            constants=self.constants, quantized=self.quantized, matrices=self.matrices
        )

    def activation(self, name: str) -> Activation:
        """Return how activations are rounded: over a range that is fixed."""
        how = self.quantized.activations[name]
        assert isinstance(how, Activation)
        return how

    def bias(self) -> str:
        """Append the bias of the gates."""
        return self.constant("bias", onnx_gates(self.quantized.network.bias))

    def rounded(self, values: str, activation: str, output: str) -> str:
        """Append the rounding of activations to their codes."""
        how = self.activation(activation)
        scale = self.constant(f"{activation}.scale", np.array(how.scale, dtype=np.float32))
        zero = self.constant(f"{activation}.zero_point", np.array(how.zero_point, dtype=np.uint8))
        if how.bits == 8:
            return self.add("QuantizeLinear", values, scale, zero, gives=output)
        codes = self.add("QuantizeLinear", values, scale, zero, gives=f"{output}.unclipped")
        last = self.constant(f"{activation}.last", np.array(2**how.bits - 1, dtype=np.uint8))
        return self.add("Min", codes, last, gives=output)

    def product(self, codes: str, activation: str, matrix: str, output: str) -> str:
        """Append codes of activations times a matrix, in fp32, scaled to the product of their values."""
        how, columns = self.activation(activation), self.matrices[matrix]
        zero = self.constant(f"{matrix}.zero_point", np.array(columns.zero_point, dtype=np.uint8))
        factors = (codes, matrix, f"{activation}.zero_point", zero)
        whole = self.add("MatMulInteger", *factors, gives=f"{output}.whole")
        number = self.add("Cast", whole, gives=f"{output}.float", to=FLOAT)
        scales = (np.float32(how.scale) * columns.scales).astype(np.float32)
        scale = self.constant(f"{matrix}.product_scales", scales)
        return self.add("Mul", number, scale, gives=output)

    def vectors(self, codes: str, table: str, output: str, rows: str = "") -> str:
        """Append the fp32 values of codes of a table: of the rows with the numbers `rows`, or of all."""
        columns = self.matrices[table]
        number = self.add("Cast", codes, gives=f"{output}.float", to=FLOAT)
        middle = self.constant(f"{table}.middle", np.array(columns.zero_point, dtype=np.float32))
        centred = self.add("Sub", number, middle, gives=f"{output}.centred")
        scales = self.constant(f"{table}.scales", columns.scales.astype(np.float16))
        if rows:
            scales = self.add("Gather", scales, rows, gives=f"{output}.halves")
        wide = self.add("Cast", scales, gives=f"{output}.scales", to=FLOAT)
        return self.add("Mul", centred, wide, gives=output)

    def words(self, ids: str, matrix: str) -> str:
        """Append what the tokens add to the gates, [N, T, 4H]."""
        rows = self.add("Gather", "embedding", ids, gives="words.codes")
        vectors = self.vectors(rows, "embedding", "words", rows=ids)
        codes = self.rounded(vectors, "input", "words.rounded")
        return self.product(codes, "input", matrix, "words.driven")

    def cell(self, driven: str) -> None:
        """Append one step of the recurrence: codes and cell -> state_now, next_codes and next_cell, [R, H] each."""
        fed = self.product("codes", "state", "recurrent_weight", "fed")
        self.add("Add", fed, driven, gives="gates")
        halves = self.constant("gates.parts", np.array([3 * self.width, self.width]))
        self.add("Split", "gates", halves, gives=["gates.open", "gates.new"], axis=1)
        self.add("Sigmoid", "gates.open", gives="opened")
        thirds = self.constant("opened.parts", np.array([self.width] * 3))
        self.add("Split", "opened", thirds, gives=["given", "shown", "kept"], axis=1)
        self.add("Tanh", "gates.new", gives="new")
        self.add("Mul", "given", "new", gives="added")
        self.add("Mul", "kept", "cell", gives="remembered")
        self.add("Add", "added", "remembered", gives="next_cell")
        self.add("Tanh", "next_cell", gives="next_cell.tanh")
        self.add("Mul", "shown", "next_cell.tanh", gives="state_now")
        self.rounded("state_now", "state", "next_codes")

    def start(self, rows: str) -> list[str]:
        """Append the codes and the cell before the first token, [R, H] each, for `rows` [1] texts."""
        width = self.constant("width", np.array([self.width]))
        shape = self.add("Concat", rows, width, gives="start.shape", axis=0)
        zero_point = self.activation("state").zero_point
        starts: dict[str, np.ndarray] = {
            "start.codes": np.array([zero_point], dtype=np.uint8),
            "start.cell": np.zeros(1, dtype=np.float32),
        }
        for name, array in starts.items():
            fill = numpy_helper.from_array(array, "zero")
            self.add("ConstantOfShape", shape, gives=name, value=fill)
        return list(starts)

    def scan(
        self,
        step: "IntegerNodes",
        rows: tuple[str, str],
        inputs: dict[str, onnx.ValueInfoProto],
        output: onnx.ValueInfoProto,
        gives: str,
        axis: int,
    ) -> None:
        """Append the Scan of `step` over the tokens (axis 1) of `inputs`: source -> what the step reads.

        `rows`: the name of their number [1], and of that dimension. `gives` holds the `output` of each step,
        joined along `axis`.
        """
        number, size = rows
        carried = [(UINT8, "codes"), (FLOAT, "cell")]
        body = helper.make_graph(
            step.nodes,
            "step",
            [*(value(name, kind, size, self.width) for kind, name in carried), *inputs.values()],
            [*(value(f"next_{name}", kind, size, self.width) for kind, name in carried), output],
        )
        self.add(
            "Scan",
            *self.start(number),
            *inputs,
            gives=["last_codes", "last_cell", gives],
            num_scan_inputs=len(inputs),
            scan_input_axes=[1] * len(inputs),
            scan_output_axes=[axis],
            body=body,
        )
