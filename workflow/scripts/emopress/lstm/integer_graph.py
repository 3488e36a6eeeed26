"""The ONNX graph of a quantized LSTM classifier: products of integers at every bit width, gates in fp32.

Codes are uint8 in memory whatever their bits, weights around the middle of their alphabet and activations
around a calibrated zero point, so that one operator (MatMulInteger) serves 2 to 8 bits and is exact on
processors with 8-bit dot products and without. The recurrence is a Scan over time. A generative model scores
each next token inside it: of the products with the vocabulary only one position's, [N * C, V], is ever held.
"""

import numpy as np
import onnx

from emopress.bundle.graph_nodes import FLOAT, INT64, Values, value
from emopress.lstm.integer_nodes import IntegerNodes
from emopress.lstm.integers import Columns
from emopress.lstm.post_training import QuantizedLstm
from emopress.lstm.weights import onnx_gates


def integer_graph(model: QuantizedLstm) -> onnx.ModelProto:
    """Return the graph, which holds the matrices as codes packed at their bits.

    Inputs: input_ids and attention_mask int64 [N, T], padding on the right. Outputs: logits fp32 [N, C];
    of a generative model token_log_probabilities [N, C, T - 1] too, 0 where padded.
    """
    matrices = {name: _in_order(name, columns) for name, columns in model.matrices.items()}
    if model.network.generative:
        whole = matrices.pop("input_weight")
        split = model.network.words.shape[1]
        matrices["input_weight.words"] = Columns(whole.codes[:split], whole.scales, whole.bits)
        matrices["input_weight.label"] = Columns(whole.codes[split:], whole.scales, whole.bits)
    graph = IntegerNodes(quantized=model, matrices=matrices)
    graph.unpacked({name: m.codes for name, m in matrices.items()}, model.bits)
    outputs = _generative(graph) if model.network.generative else _discriminative(graph)
    return graph.model("lstm", outputs)


def _in_order(name: str, columns: Columns) -> Columns:
    """Return a matrix of gates with its columns in the graph's order, another as it is."""
    if name not in ("input_weight", "recurrent_weight"):
        return columns
    return Columns(onnx_gates(columns.codes), onnx_gates(columns.scales), columns.bits)


def _discriminative(graph: IntegerNodes) -> Values:
    """Append: tokens -> states -> their mean -> logits."""
    network, width = graph.quantized.network, graph.width
    words = graph.words("input_ids", "input_weight")
    driven = graph.add("Add", words, graph.bias(), gives="driven")
    step = graph.inner()
    step.cell("driven_now")
    rows = graph.add("Shape", "input_ids", gives="rows", start=0, end=1)
    reads = {driven: value("driven_now", FLOAT, "batch", 4 * width)}
    state = value("state_now", FLOAT, "batch", width)
    graph.scan(step, (rows, "batch"), reads, state, gives="states", axis=1)
    axis, last = graph.constant("axis1", np.array([1])), graph.constant("axis2", np.array([2]))
    mask = graph.add("Cast", "attention_mask", gives="mask", to=FLOAT)
    counted = graph.add("Unsqueeze", mask, last, gives="mask.column")
    kept = graph.add("Mul", "states", counted, gives="states.kept")
    total = graph.add("ReduceSum", kept, axis, gives="states.total", keepdims=0)
    tokens = graph.add("ReduceSum", mask, axis, gives="tokens", keepdims=1)
    mean = graph.add("Div", total, tokens, gives="mean")
    codes = graph.rounded(mean, "mean_state", "mean.rounded")
    scores = graph.product(codes, "mean_state", "output_weight", "scores")
    graph.add("Add", scores, graph.constant("output_bias", network.output_bias), gives="logits")
    return {"logits": ["batch", len(network.output_bias)]}


def _generative(graph: IntegerNodes) -> Values:
    """Append: tokens under every label -> log-probability of each next token -> logits."""
    network, width = graph.quantized.network, graph.width
    assert network.labels is not None and network.log_prior is not None
    labels = len(network.labels)
    zero, one = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
    two, minus = graph.constant("two", np.array([2])), graph.constant("minus_one", np.array([-1]))
    end = graph.constant("end", np.array([np.iinfo(np.int64).max]))
    read = graph.add("Slice", "input_ids", zero, minus, one, gives="read")
    words = graph.words(read, "input_weight.words")
    # What each label adds to the gates, the same at every token: [1, C, 4H].
    label_vectors = graph.vectors("label_embedding", "label_embedding", "label")
    codes = graph.rounded(label_vectors, "input", "label.rounded")
    added = graph.product(codes, "input", "input_weight.label", "label.driven")
    biased = graph.add("Add", added, graph.bias(), gives="label.biased")
    graph.add("Unsqueeze", biased, zero, gives="label.row")
    targets = graph.add("Slice", "input_ids", one, end, one, gives="targets")
    mask_ids = graph.add("Slice", "attention_mask", one, end, one, gives="mask.ids")
    mask = graph.add("Cast", mask_ids, gives="mask", to=FLOAT)
    texts = graph.add("Shape", "input_ids", gives="texts", start=0, end=1)
    count = graph.constant("labels", np.array([labels]))
    rows = graph.add("Mul", texts, count, gives="rows")

    step = graph.inner()
    step.add("Unsqueeze", "words_now", one, gives="words_now.column")
    step.add("Add", "words_now.column", "label.row", gives="both")
    flat = step.constant("gates.shape", np.array([-1, 4 * width]))
    step.add("Reshape", "both", flat, gives="driven_now")
    step.cell("driven_now")
    scores = step.product("next_codes", "state", "output_weight", "scaled")
    step.add("Add", scores, step.constant("output_bias", network.output_bias), gives="scores")
    # LogSoftmax is one pass in ONNX Runtime; ReduceLogSumExp took twelve times as long.
    step.add("LogSoftmax", "scores", gives="scores.logs", axis=1)
    step.add("Unsqueeze", "target_now", one, gives="target.column")
    repeats = step.constant("label.repeats", np.array([1, labels]))
    step.add("Tile", "target.column", repeats, gives="target.repeated")
    column = step.constant("column.shape", np.array([-1, 1]))
    step.add("Reshape", "target.repeated", column, gives="target.rows")
    step.add("GatherElements", "scores.logs", "target.rows", gives="target.logs", axis=1)
    by_label = step.constant("by_label", np.array([-1, labels]))
    step.add("Reshape", "target.logs", by_label, gives="logs")
    step.add("Unsqueeze", "mask_now", one, gives="mask_now.column")
    step.add("Mul", "logs", "mask_now.column", gives="counted")
    reads = {
        words: value("words_now", FLOAT, "batch", 4 * width),
        targets: value("target_now", INT64, "batch"),
        mask: value("mask_now", FLOAT, "batch"),
    }
    scored = value("counted", FLOAT, "batch", labels)
    graph.scan(step, (rows, "rows"), reads, scored, gives="token_log_probabilities", axis=2)
    likelihood = graph.add(
        "ReduceSum", "token_log_probabilities", two, gives="likelihood", keepdims=0
    )
    graph.add("Add", likelihood, graph.constant("log_prior", network.log_prior), gives="logits")
    return {
        "logits": ["batch", labels],
        "token_log_probabilities": ["batch", labels, "next_tokens"],
    }
