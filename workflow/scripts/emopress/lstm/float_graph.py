"""The ONNX graph of an LSTM classifier, built from its weights without PyTorch."""

import numpy as np
import onnx
from onnx import helper

from emopress.checkpoint import DISCRIMINATIVE
from emopress.lstm.graph_builder import FLOAT, INT64, Nodes, Values, onnx_gates, value
from emopress.lstm.weights import LstmWeights


def onnx_lstm(weights: LstmWeights) -> dict[str, np.ndarray]:
    """Return what the ONNX operator LSTM reads: W [1, 4H, E + L], R [1, 4H, H], B [1, 8H]."""
    bias = onnx_gates(weights.bias)
    return {
        "W": onnx_gates(weights.input_weight).T[None],
        "R": onnx_gates(weights.recurrent_weight).T[None],
        "B": np.concatenate([bias, np.zeros_like(bias)])[None],
    }


def _states(made: Nodes, read: str, weights: LstmWeights) -> str:
    """Return the states [T, B, H] over what is read [T, B, E + L]."""
    names = [made.constant(name, value) for name, value in onnx_lstm(weights).items()]
    states = made.add("LSTM", read, *names, hidden_size=len(weights.recurrent_weight))
    return made.add("Squeeze", states, made.constant("direction", [1]))


def lstm_graph(weights: LstmWeights) -> onnx.ModelProto:
    """Return the graph: input_ids and attention_mask [B, T] (int64) -> logits [B, C].

    A generative one also gives token_log_probabilities [B, C, T - 1], 0 where padded: entry t is
    log p(token t + 1 | label, tokens to t). Padding must be at the end of a text; states of real
    tokens do not depend on it. The softmax is taken token by token (Scan), so that nothing of
    T x V numbers is ever held.
    """
    made = Nodes()
    made.constant("embedding", weights.embedding)
    if weights.kind == DISCRIMINATIVE:
        _discriminative(made, weights)
        outputs: Values = {"logits": ["batch", len(weights.output_bias)]}
    else:
        _generative(made, weights)
        labels = len(_of(weights.log_prior))
        outputs = {
            "logits": ["batch", labels],
            "token_log_probabilities": ["batch", labels, "predicted"],
        }
    model = made.model(f"{weights.kind}-lstm", outputs)
    onnx.checker.check_model(model, full_check=True)
    return model


def _discriminative(made: Nodes, weights: LstmWeights) -> None:
    ids = made.add("Transpose", "input_ids", perm=[1, 0])
    states = _states(made, made.add("Gather", "embedding", ids), weights)
    mask = made.add("Transpose", "attention_mask", perm=[1, 0])
    last = made.constant("last", [-1])
    kept = made.add("Unsqueeze", made.add("Cast", mask, to=FLOAT), last)
    first = made.constant("first", [0])
    total = made.add("ReduceSum", made.add("Mul", states, kept), first, keepdims=0)
    mean = made.add("Div", total, made.add("ReduceSum", kept, first, keepdims=0))
    product = made.add("MatMul", mean, made.constant("output_weight", weights.output_weight))
    made.add("Add", product, made.constant("output_bias", weights.output_bias), gives="logits")


def _generative(made: Nodes, weights: LstmWeights) -> None:
    """Rows are the labels of the first text, then those of the next one: B x C of them."""
    label_embedding, log_prior = _of(weights.label_embedding), _of(weights.log_prior)
    labels, wide = len(log_prior), len(weights.input_weight)
    one, first, second = (made.constant(n, [v]) for n, v in (("one", 1), ("first", 0), ("two", 2)))
    ids = made.add("Transpose", "input_ids", perm=[1, 0])  # [T, B]
    end, start = made.constant("end", [-1]), one
    far = made.constant("far", [np.iinfo(np.int64).max])
    read = made.add("Slice", ids, first, end, first)
    predicted = made.add("Slice", ids, start, far, first)
    # What is read: [T - 1, B, C, E + L].
    words = made.add("Unsqueeze", made.add("Gather", "embedding", read), second)
    words = made.add("Expand", words, made.constant("per_label", [1, 1, labels, 1]))
    over = made.add("Concat", made.add("Shape", read), made.constant("ones", [1, 1]), axis=0)
    label = made.add("Expand", made.constant("label_embedding", label_embedding[None, None]), over)
    both = made.add("Concat", words, label, axis=-1)
    rows = made.add("Reshape", both, made.constant("rows", [0, -1, wide]))
    states = _states(made, rows, weights)  # [T - 1, B C, H]
    targets = made.add("Unsqueeze", predicted, second)
    targets = made.add("Expand", targets, made.constant("labels", [1, 1, labels]))
    targets = made.add("Reshape", targets, made.constant("column", [0, -1, 1]))
    made.constant("output_weight", weights.output_weight)
    made.constant("output_bias", weights.output_bias)
    scores = made.add("Scan", states, targets, body=_token(), num_scan_inputs=2)
    scores = made.add("Reshape", scores, made.constant("by_label", [0, -1, labels]))
    scores = made.add("Transpose", scores, perm=[1, 2, 0])  # [B, C, T - 1]
    mask = made.add("Slice", "attention_mask", start, far, one)
    kept = made.add("Cast", made.add("Unsqueeze", mask, one), to=FLOAT)
    made.add("Mul", scores, kept, gives="token_log_probabilities")
    total = made.add("ReduceSum", "token_log_probabilities", second, keepdims=0)
    made.add("Add", total, made.constant("log_prior", log_prior), gives="logits")


def _token() -> onnx.GraphProto:
    """Return the step of the Scan: state and target [B C, 1] -> log-probability [B C, 1]."""
    made = Nodes()
    product = made.add("MatMul", "state", "output_weight")
    logits = made.add("Add", product, "output_bias", gives="token_logits")
    logs = made.add("LogSoftmax", logits, axis=-1)
    made.add("GatherElements", logs, "target", axis=1, gives="token_score")
    inputs = [value("state", FLOAT, "rows", None), value("target", INT64, "rows", 1)]
    return helper.make_graph(made.nodes, "token", inputs, [value("token_score", FLOAT, "rows", 1)])


def _of(array: np.ndarray | None) -> np.ndarray:
    """Return an array that a generative model has."""
    assert array is not None
    return array
