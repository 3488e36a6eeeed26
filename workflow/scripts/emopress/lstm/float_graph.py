"""The ONNX graph of an LSTM classifier, built from its weights without PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from emopress.bundle.graph_nodes import BOOL, FLOAT, INT64, Nodes, Values, value
from emopress.checkpoint import DISCRIMINATIVE
from emopress.lstm.weights import LstmWeights, onnx_gates


def onnx_lstm(weights: LstmWeights) -> dict[str, np.ndarray]:
    """Return what the ONNX operator LSTM reads: W [1, 4H, E + L], R [1, 4H, H], B [1, 8H]."""
    bias = onnx_gates(weights.bias)
    return {
        "W": onnx_gates(weights.input_weight).T[None],
        "R": onnx_gates(weights.recurrent_weight).T[None],
        "B": np.concatenate([bias, np.zeros_like(bias)])[None],
    }


def _states(made: Nodes, read: str, width: int) -> str:
    """Return the states [T, B, H] over what is read [T, B, E + L]; `made` has W, R and B of `onnx_lstm`."""
    states = made.add("LSTM", read, "W", "R", "B", hidden_size=width)
    return made.add("Squeeze", states, made.constant("direction", [1]))


def lstm_graph(weights: LstmWeights) -> onnx.ModelProto:
    """Return the graph: input_ids and attention_mask [B, T] (int64) -> logits [B, C].

    A generative one also gives token_log_probabilities [B, C, T - 1], 0 where padded: entry t is
    log p(token t + 1 | label, tokens to t). Padding must be at the end of a text; states of real
    tokens do not depend on it. The softmax is taken token by token (Loop), so that nothing of
    T x V numbers is ever held.
    """
    made, width = Nodes(), len(weights.recurrent_weight)
    shared = {
        name: getattr(weights, name) for name in ("embedding", "output_weight", "output_bias")
    }
    for name, array in {**shared, **onnx_lstm(weights)}.items():
        made.constant(name, array)
    if weights.kind == DISCRIMINATIVE:
        _discriminative(made, width)
        outputs: Values = {"logits": ["batch", len(weights.output_bias)]}
    else:
        label_embedding, log_prior = _of(weights.label_embedding), _of(weights.log_prior)
        made.constant("label_embedding", label_embedding[None, None])
        made.constant("log_prior", log_prior)
        outputs = generative(
            made, labels=len(log_prior), inputs=len(weights.input_weight), width=width
        )
    model = made.model(f"{weights.kind}-lstm", outputs)
    onnx.checker.check_model(model, full_check=True)
    return model


def _discriminative(made: Nodes, width: int) -> None:
    ids = made.add("Transpose", "input_ids", perm=[1, 0])
    states = _states(made, made.add("Gather", "embedding", ids), width)
    mask = made.add("Transpose", "attention_mask", perm=[1, 0])
    last = made.constant("last", [-1])
    kept = made.add("Unsqueeze", made.add("Cast", mask, to=FLOAT), last)
    first = made.constant("first", [0])
    total = made.add("ReduceSum", made.add("Mul", states, kept), first, keepdims=0)
    mean = made.add("Div", total, made.add("ReduceSum", kept, first, keepdims=0))
    product = made.add("MatMul", mean, "output_weight")
    made.add("Add", product, "output_bias", gives="logits")


@dataclass(frozen=True)
class Scoring:
    """How a generative model scores tokens: what is made of the states before, and how a step multiplies them.

    `read`: adds nodes that turn the states [T, B C, H] into what each step reads. `product`: adds nodes, in a step,
    that give the product of its `state` [B C, H] with the vocabulary, fp32 [B C, V].
    """

    read: Callable[[Nodes, str], str]
    product: Callable[[Nodes], str]


IN_FP32 = Scoring(
    lambda made, states: states, lambda step: step.add("MatMul", "state", "output_weight")
)


def generative(
    made: Nodes, *, labels: int, inputs: int, width: int, scoring: Scoring = IN_FP32
) -> Values:
    """Add all nodes of a generative model and return its outputs.

    `made` has embedding [V, E], label_embedding [1, 1, C, L], W, R and B of `onnx_lstm`, output_bias [V],
    log_prior [C] and what `scoring` reads: output_weight [H, V]. `inputs`: E + L; `width`: H. Rows are the labels of
    the first text, then those of the next one: B x C of them.
    """
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
    label = made.add("Expand", "label_embedding", over)
    both = made.add("Concat", words, label, axis=-1)
    rows = made.add("Reshape", both, made.constant("rows", [0, -1, inputs]))
    states = scoring.read(made, _states(made, rows, width))  # [T - 1, B C, H]
    targets = made.add("Unsqueeze", predicted, second)
    targets = made.add("Expand", targets, made.constant("labels", [1, 1, labels]))
    targets = made.add("Reshape", targets, made.constant("column", [0, -1, 1]))
    # Not a Scan: OpenVINO reads one only if all that its body takes from outside are initializers.
    steps = made.add("Squeeze", made.add("Shape", states, start=0, end=1))
    always = made.constant("always", np.array(True))
    scores = made.add("Loop", steps, always, body=_token(states, targets, scoring))
    scores = made.add("Reshape", scores, made.constant("by_label", [0, -1, labels]))
    scores = made.add("Transpose", scores, perm=[1, 2, 0])  # [B, C, T - 1]
    mask = made.add("Slice", "attention_mask", start, far, one)
    kept = made.add("Cast", made.add("Unsqueeze", mask, one), to=FLOAT)
    made.add("Mul", scores, kept, gives="token_log_probabilities")
    # Squeezed apart: a sum without that axis, then the prior, OpenVINO 2026.4 adds up wrongly for several texts.
    total = made.add("ReduceSum", "token_log_probabilities", second, keepdims=1)
    made.add("Add", made.add("Squeeze", total, second), "log_prior", gives="logits")
    return {
        "logits": ["batch", labels],
        "token_log_probabilities": ["batch", labels, "predicted"],
    }


def _token(states: str, targets: str, scoring: Scoring) -> onnx.GraphProto:
    """Return the step of the Loop over states [T, B C, H] and targets [T, B C, 1] -> log-probability [B C, 1]."""
    made = Nodes()
    made.add("Gather", states, "step", axis=0, gives="state")
    made.add("Gather", targets, "step", axis=0, gives="target")
    made.add("Add", scoring.product(made), "output_bias", gives="token_logits")
    logs = made.add("LogSoftmax", "token_logits", axis=-1)
    made.add("GatherElements", logs, "target", axis=1, gives="token_score")
    made.add("Identity", "always_now", gives="always_next")
    return helper.make_graph(
        made.nodes,
        "token",
        [value("step", INT64), value("always_now", BOOL)],
        [value("always_next", BOOL), value("token_score", FLOAT, "rows", 1)],
    )


def _of(array: np.ndarray | None) -> np.ndarray:
    """Return an array that a generative model has."""
    assert array is not None
    return array
