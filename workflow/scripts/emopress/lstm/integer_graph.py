"""The ONNX graph of a quantized LSTM classifier: products of integers at every bit width, gates in fp32.

Codes are uint8 in memory whatever their bits, weights around the middle of their alphabet and activations
around a calibrated zero point, so that one operator (MatMulInteger) serves 2 to 8 bits and is exact on
processors with 8-bit dot products and without. The recurrence is a Scan over time. A generative model scores
each next token inside it: of the products with the vocabulary only one position's, [N * C, V], is ever held.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emopress.lstm.graph_builder import IR_VERSION, OPSET, Nodes, onnx_gates
from emopress.lstm.integers import Activation, Columns
from emopress.lstm.post_training import QuantizedLstm
from emopress.runtime.stored import NOWHERE

FLOAT, UINT8, INT64 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64


class _Graph(Nodes):
    """A graph that rounds activations to codes and multiplies codes."""

    def rounded(self, values: str, how: Activation, prefix: str, output: str) -> str:
        """Append the rounding of activations to codes of `how.bits` bits."""
        scale = self.constant(f"{prefix}.scale", np.array(how.scale, dtype=np.float32))
        zero = self.constant(f"{prefix}.zero_point", np.array(how.zero_point, dtype=np.uint8))
        if how.bits == 8:
            return self.add("QuantizeLinear", values, scale, zero, gives=output)
        codes = self.add("QuantizeLinear", values, scale, zero, gives=f"{output}.unclipped")
        last = self.constant(f"{prefix}.last", np.array(2**how.bits - 1, dtype=np.uint8))
        return self.add("Min", codes, last, gives=output)

    def product(
        self, codes: str, how: Activation, prefix: str, columns: Columns, name: str, output: str
    ) -> str:
        """Append codes of activations times the matrix `name`, scaled to what it stands for, in fp32."""
        zero = self.constant(f"{name}.zero_point", np.array(columns.zero_point, dtype=np.uint8))
        whole = self.add(
            "MatMulInteger", codes, name, f"{prefix}.zero_point", zero, gives=f"{output}.whole"
        )
        number = self.add("Cast", whole, gives=f"{output}.float", to=FLOAT)
        scales = (np.float32(how.scale) * columns.scales).astype(np.float32)
        return self.add(
            "Mul", number, self.constant(f"{name}.product_scales", scales), gives=output
        )


def integer_graph(model: QuantizedLstm) -> tuple[onnx.ModelProto, dict[str, Columns]]:
    """Return the graph and the matrices that it refers to by name but does not hold.

    Inputs: input_ids and attention_mask int64 [N, T], padding on the right. Outputs: logits fp32 [N, C];
    of a generative model token_log_probabilities [N, C, T - 1] too, 0 where padded. Matrices are
    those of the model with their gates in the order of the graph, [d, n] as uint8 initializers with
    external data, which the runtime supplies (`runtime/stored.py`).
    """
    matrices = {name: _in_order(name, columns) for name, columns in model.matrices.items()}
    graph = _Graph()
    if model.network.generative:
        words = matrices.pop("input_weight")
        split = model.network.words.shape[1]
        matrices["input_weight.words"] = Columns(words.codes[:split], words.scales, words.bits)
        matrices["input_weight.label"] = Columns(words.codes[split:], words.scales, words.bits)
        outputs = _generative(graph, model, matrices)
    else:
        outputs = _discriminative(graph, model, matrices)
    ids = [
        helper.make_tensor_value_info(name, INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    body = helper.make_graph(
        graph.nodes,
        "lstm",
        ids,
        outputs,
        graph.initializers(),
    )
    body.initializer.extend(_external(name, columns) for name, columns in matrices.items())
    result = helper.make_model(
        body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    return result, matrices


def _in_order(name: str, columns: Columns) -> Columns:
    """Return a matrix of gates with its columns in the graph's order, another as it is."""
    if name not in ("input_weight", "recurrent_weight"):
        return columns
    return Columns(onnx_gates(columns.codes), onnx_gates(columns.scales), columns.bits)


def _external(name: str, columns: Columns) -> onnx.TensorProto:
    """Return an initializer that names a matrix of codes whose bytes the runtime supplies."""
    tensor = TensorProto(name=name, data_type=UINT8, dims=columns.codes.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=NOWHERE)
    return tensor


def _vectors(
    graph: _Graph, codes: str, name: str, columns: Columns, output: str, rows: str = ""
) -> str:
    """Append what codes of the table `name` stand for, fp32: of the rows with the numbers `rows`, or of all."""
    number = graph.add("Cast", codes, gives=f"{output}.float", to=FLOAT)
    zero = graph.constant(f"{name}.middle", np.array(columns.zero_point, dtype=np.float32))
    centred = graph.add("Sub", number, zero, gives=f"{output}.centred")
    scales = graph.constant(f"{name}.scales", columns.scales.astype(np.float16))
    if rows:
        scales = graph.add("Gather", scales, rows, gives=f"{output}.halves")
    wide = graph.add("Cast", scales, gives=f"{output}.scales", to=FLOAT)
    return graph.add("Mul", centred, wide, gives=output)


def _driven(
    graph: _Graph, model: QuantizedLstm, matrices: dict[str, Columns], ids: str, matrix: str
) -> str:
    """Append what the tokens add to the gates, [N, T, 4H]."""
    how = model.activations["input"]
    rows = graph.add("Gather", "embedding", ids, gives="words.codes")
    vectors = _vectors(graph, rows, "embedding", matrices["embedding"], "words", rows=ids)
    codes = graph.rounded(vectors, how, "input", "words.rounded")
    return graph.product(codes, how, "input", matrices[matrix], matrix, "words.driven")


def _cell(graph: _Graph, model: QuantizedLstm, matrices: dict[str, Columns], driven: str) -> None:
    """Append one step of the recurrence: codes and cell -> state_now, next_codes and next_cell, [R, H] each."""
    how, columns = model.activations["state"], matrices["recurrent_weight"]
    fed = graph.product("codes", how, "state", columns, "recurrent_weight", "fed")
    graph.add("Add", fed, driven, gives="gates")
    width = len(model.network.bias) // 4
    halves = graph.constant("gates.parts", np.array([3 * width, width]))
    graph.add("Split", "gates", halves, gives=["gates.open", "gates.new"], axis=1)
    graph.add("Sigmoid", "gates.open", gives="opened")
    thirds = graph.constant("opened.parts", np.array([width] * 3))
    graph.add("Split", "opened", thirds, gives=["given", "shown", "kept"], axis=1)
    graph.add("Tanh", "gates.new", gives="new")
    graph.add("Mul", "given", "new", gives="added")
    graph.add("Mul", "kept", "cell", gives="remembered")
    graph.add("Add", "added", "remembered", gives="next_cell")
    graph.add("Tanh", "next_cell", gives="next_cell.tanh")
    graph.add("Mul", "shown", "next_cell.tanh", gives="state_now")
    graph.rounded("state_now", how, "state", "next_codes")


def _start(graph: _Graph, model: QuantizedLstm, rows: str) -> list[str]:
    """Append the codes and the cell before the first token, [R, H] each, for `rows` [1] texts."""
    width = graph.constant("width", np.array([len(model.network.bias) // 4]))
    shape = graph.add("Concat", rows, width, gives="start.shape", axis=0)
    zero = numpy_helper.from_array(
        np.array([model.activations["state"].zero_point], dtype=np.uint8), "zero"
    )
    graph.add("ConstantOfShape", shape, gives="start.codes", value=zero)
    graph.add(
        "ConstantOfShape",
        shape,
        gives="start.cell",
        value=numpy_helper.from_array(np.zeros(1, dtype=np.float32), "zero"),
    )
    return ["start.codes", "start.cell"]


def _value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _discriminative(
    graph: _Graph, model: QuantizedLstm, matrices: dict[str, Columns]
) -> list[onnx.ValueInfoProto]:
    """Append: tokens -> states -> their mean -> logits."""
    width, labels = len(model.network.bias) // 4, len(model.network.output_bias)
    words = _driven(graph, model, matrices, "input_ids", "input_weight")
    bias = graph.constant("bias", onnx_gates(model.network.bias))
    driven = graph.add("Add", words, bias, gives="driven")
    step = _Graph(constants=graph.constants)
    _cell(step, model, matrices, "driven_now")
    body = helper.make_graph(
        step.nodes,
        "step",
        [
            _value("codes", UINT8, "batch", width),
            _value("cell", FLOAT, "batch", width),
            _value("driven_now", FLOAT, "batch", 4 * width),
        ],
        [
            _value("next_codes", UINT8, "batch", width),
            _value("next_cell", FLOAT, "batch", width),
            _value("state_now", FLOAT, "batch", width),
        ],
    )
    rows = graph.add("Shape", "input_ids", gives="rows", start=0, end=1)
    graph.add(
        "Scan",
        *_start(graph, model, rows),
        driven,
        gives=["last_codes", "last_cell", "states"],
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
        body=body,
    )
    axis = graph.constant("axis1", np.array([1]))
    last = graph.constant("axis2", np.array([2]))
    mask = graph.add("Cast", "attention_mask", gives="mask", to=FLOAT)
    counted = graph.add("Unsqueeze", mask, last, gives="mask.column")
    kept = graph.add("Mul", "states", counted, gives="states.kept")
    total = graph.add("ReduceSum", kept, axis, gives="states.total", keepdims=0)
    tokens = graph.add("ReduceSum", mask, axis, gives="tokens", keepdims=1)
    mean = graph.add("Div", total, tokens, gives="mean")
    how = model.activations["mean_state"]
    codes = graph.rounded(mean, how, "mean_state", "mean.rounded")
    columns = matrices["output_weight"]
    scores = graph.product(codes, how, "mean_state", columns, "output_weight", "scores")
    graph.add(
        "Add", scores, graph.constant("output_bias", model.network.output_bias), gives="logits"
    )
    return [_value("logits", FLOAT, "batch", labels)]


def _generative(
    graph: _Graph, model: QuantizedLstm, matrices: dict[str, Columns]
) -> list[onnx.ValueInfoProto]:
    """Append: tokens under every label -> log-probability of each next token -> logits."""
    network, how = model.network, model.activations["state"]
    assert network.labels is not None and network.log_prior is not None
    width, labels = len(network.bias) // 4, len(network.labels)
    zero, one = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
    two, minus = graph.constant("two", np.array([2])), graph.constant("minus_one", np.array([-1]))
    end = graph.constant("end", np.array([np.iinfo(np.int64).max]))
    read = graph.add("Slice", "input_ids", zero, minus, one, gives="read")
    words = _driven(graph, model, matrices, read, "input_weight.words")
    # What each label adds to the gates, the same at every token: [1, C, 4H].
    table = matrices["label_embedding"]
    label_vectors = _vectors(graph, "label_embedding", "label_embedding", table, "label")
    codes = graph.rounded(label_vectors, model.activations["input"], "input", "label.rounded")
    named = graph.product(
        codes,
        model.activations["input"],
        "input",
        matrices["input_weight.label"],
        "input_weight.label",
        "label.driven",
    )
    biased = graph.add(
        "Add", named, graph.constant("bias", onnx_gates(network.bias)), gives="label.biased"
    )
    graph.add("Unsqueeze", biased, zero, gives="label.row")
    targets = graph.add("Slice", "input_ids", one, end, one, gives="targets")
    mask_ids = graph.add("Slice", "attention_mask", one, end, one, gives="mask.ids")
    mask = graph.add("Cast", mask_ids, gives="mask", to=FLOAT)
    texts = graph.add("Shape", "input_ids", gives="texts", start=0, end=1)
    count = graph.constant("labels", np.array([labels]))
    rows = graph.add("Mul", texts, count, gives="rows")

    step = _Graph(constants=graph.constants)
    step.add("Unsqueeze", "words_now", one, gives="words_now.column")
    step.add("Add", "words_now.column", "label.row", gives="both")
    flat = step.constant("gates.shape", np.array([-1, 4 * width]))
    step.add("Reshape", "both", flat, gives="driven_now")
    _cell(step, model, matrices, "driven_now")
    columns = matrices["output_weight"]
    scores = step.product("next_codes", how, "state", columns, "output_weight", "scaled")
    step.add("Add", scores, step.constant("output_bias", network.output_bias), gives="scores")
    # LogSoftmax is one pass in ONNX Runtime; ReduceLogSumExp took twelve times as long.
    step.add("LogSoftmax", "scores", gives="scores.logs", axis=1)
    step.add("Unsqueeze", "target_now", one, gives="target.column")
    shape = step.constant("label.repeats", np.array([1, labels]))
    step.add("Tile", "target.column", shape, gives="target.repeated")
    column = step.constant("column.shape", np.array([-1, 1]))
    step.add("Reshape", "target.repeated", column, gives="target.rows")
    step.add("GatherElements", "scores.logs", "target.rows", gives="target.logs", axis=1)
    step.add(
        "Reshape", "target.logs", step.constant("by_label", np.array([-1, labels])), gives="logs"
    )
    step.add("Unsqueeze", "mask_now", one, gives="mask_now.column")
    step.add("Mul", "logs", "mask_now.column", gives="counted")
    body = helper.make_graph(
        step.nodes,
        "step",
        [
            _value("codes", UINT8, "rows", width),
            _value("cell", FLOAT, "rows", width),
            _value("words_now", FLOAT, "batch", 4 * width),
            _value("target_now", INT64, "batch"),
            _value("mask_now", FLOAT, "batch"),
        ],
        [
            _value("next_codes", UINT8, "rows", width),
            _value("next_cell", FLOAT, "rows", width),
            _value("counted", FLOAT, "batch", labels),
        ],
    )
    graph.add(
        "Scan",
        *_start(graph, model, rows),
        words,
        targets,
        mask,
        gives=["last_codes", "last_cell", "token_log_probabilities"],
        num_scan_inputs=3,
        scan_input_axes=[1, 1, 1],
        scan_output_axes=[2],
        body=body,
    )
    likelihood = graph.add(
        "ReduceSum", "token_log_probabilities", two, gives="likelihood", keepdims=0
    )
    graph.add("Add", likelihood, graph.constant("log_prior", network.log_prior), gives="logits")
    return [
        _value("logits", FLOAT, "batch", labels),
        _value("token_log_probabilities", FLOAT, "batch", labels, "next_tokens"),
    ]
