"""The ONNX graph that a quantized LSTM classifier is shipped as: ONNX Runtime's fused operators, which are the fastest.

A discriminative one multiplies in ONNX Runtime's own operator DynamicQuantizeLSTM: weights in int8, whatever
their bits on disk, activations in 8 bits. It finds the range of what it multiplies when it runs, one for all
vectors of a call and one for all states of a step: with several texts in a call each would change the others, and
padding all of them. So the graph takes one text a call, and needs no attention mask.

A generative one must not do so: the range of all vectors would tell early tokens of later ones. Its LSTM is the
standard operator, in fp32 on the decoded weights. Most of the work is the product with the vocabulary, of every
state under every label: that one is of integers, the states in 8 bits over the range that no state can leave,
-1 to 1. (A Scan of integer products with calibrated ranges, `integer_graph`, takes 1.4 times as long.)
"""

import numpy as np
import onnx

from emopress.bundle.graph_nodes import FLOAT, INT8, MICROSOFT, Nodes, Values
from emopress.lstm.float_graph import Scoring, generative
from emopress.lstm.integers import STATE
from emopress.lstm.post_training import QuantizedLstm
from emopress.lstm.weights import onnx_gates


def fused_graph(model: QuantizedLstm) -> onnx.ModelProto:
    """Return the graph, which holds the matrices as codes packed at their bits.

    Discriminative: input_ids int64 [1, T], one text without padding -> logits fp32 [1, C].
    Generative: inputs and outputs as of `lstm.float_graph`.
    """
    return _generative(model) if model.network.generative else _discriminative(model)


def _lstm_weights(model: QuantizedLstm) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the codes of W [E + L, 4H] and R [H, 4H] and their scales [4H], in ONNX's order of gates."""
    named = {"W": model.matrices["input_weight"], "R": model.matrices["recurrent_weight"]}
    codes = {name: onnx_gates(columns.codes) for name, columns in named.items()}
    return codes, {name: onnx_gates(columns.scales) for name, columns in named.items()}


def _decoded(made: Nodes, name: str, scales: np.ndarray) -> str:
    """Add what the codes `name`.codes stand for, as `name`; an engine computes it once, when it loads the graph."""
    scale = made.constant(f"{name}.scales", scales)
    if scales.dtype != np.float32:
        scale = made.add("Cast", scale, to=FLOAT)
    return made.add("Mul", f"{name}.codes", scale, gives=name)


def _table(made: Nodes, model: QuantizedLstm, name: str) -> str:
    """Add the vectors of a table, from its codes; its scales are numbers that float16 holds."""
    return _decoded(made, name, model.matrices[name].scales.astype(np.float16))


def _unpacked(made: Nodes, model: QuantizedLstm, codes: dict[str, np.ndarray]) -> None:
    """Add codes as `name`.codes, whole numbers around 0 in fp32.

    Not int8: OpenVINO leaves int8 weights times a scale as they are, and then its LSTM refuses them.
    """
    named = {f"{name}.codes": array for name, array in codes.items()}
    zero_point = model.matrices["embedding"].zero_point
    made.unpacked(named, model.bits, zero_point=zero_point, to=FLOAT)


def _bias(made: Nodes, model: QuantizedLstm) -> None:
    """Add B [1, 8H] of the operators, whose second half, a bias of the states, is 0."""
    bias = onnx_gates(model.network.bias)
    made.constant("bias", bias[None])
    made.add("Pad", "bias", made.constant("bias.pads", [0, 0, 0, len(bias)]), gives="B")


def _discriminative(model: QuantizedLstm) -> onnx.ModelProto:
    network, made = model.network, Nodes()
    codes, scales = _lstm_weights(model)
    plain = {name: model.matrices[name].codes for name in ("embedding", "output_weight")}
    _unpacked(made, model, plain | {name: array[None] for name, array in codes.items()})
    for name in codes:
        made.add("Cast", f"{name}.codes", to=INT8, gives=name)
    _table(made, model, "embedding")
    _decoded(made, "output_weight", model.matrices["output_weight"].scales)
    _bias(made, model)
    column = made.add("Reshape", "input_ids", made.constant("column", [-1, 1]))  # [T, 1]
    quantized = []
    for name, scale in scales.items():
        # A zero point for each: ONNX Runtime refuses a shared one where it makes int8 weights unsigned.
        zero = made.constant(f"{name}.zero_point", np.zeros(1, dtype=np.int8))
        quantized += [made.constant(f"{name}.scales", scale[None]), zero]
    states = made.add(
        "DynamicQuantizeLSTM",
        *(made.add("Gather", "embedding", column), "W", "R", "B", "", "", "", "", *quantized),
        domain=MICROSOFT,
        hidden_size=len(network.bias) // 4,
    )  # [T, 1, 1, H]
    mean = made.add("ReduceMean", states, axes=[0, 1], keepdims=0)
    made.add(
        "Gemm",
        mean,
        "output_weight",
        made.constant("output_bias", network.output_bias),
        gives="logits",
    )
    outputs: Values = {"logits": [1, len(network.output_bias)]}
    return made.model("lstm", outputs, {"input_ids": [1, "tokens"]})


def _generative(model: QuantizedLstm) -> onnx.ModelProto:
    network, made = model.network, Nodes()
    assert network.labels is not None and network.log_prior is not None
    codes, scales = _lstm_weights(model)
    plain = {name: model.matrices[name].codes for name in ("embedding", "output_weight")}
    labels = {"label_embedding": model.matrices["label_embedding"].codes[None, None]}
    _unpacked(made, model, plain | labels | {n: array.T[None] for n, array in codes.items()})
    made.add("Cast", "output_weight.codes", to=INT8, gives="output_weight")
    _table(made, model, "embedding")
    _table(made, model, "label_embedding")
    for name, scale in scales.items():
        _decoded(made, name, scale[None, :, None])
    _bias(made, model)
    made.constant("output_bias", network.output_bias)
    made.constant("log_prior", network.log_prior)
    made.constant("state.scale", np.array(STATE.scale, dtype=np.float32))
    made.constant("state.zero_point", np.array(STATE.zero_point, dtype=np.uint8))
    product_scales = np.float32(STATE.scale) * model.matrices["output_weight"].scales
    made.constant("output.scales", product_scales.astype(np.float32))
    outputs = generative(
        made,
        labels=len(network.log_prior),
        inputs=network.words.shape[1] + network.labels.shape[1],
        width=len(network.bias) // 4,
        scoring=Scoring(_state_codes, _integer_product),
    )
    return made.model("lstm", outputs)


def _state_codes(made: Nodes, states: str) -> str:
    return made.add("QuantizeLinear", states, "state.scale", "state.zero_point")


def _integer_product(step: Nodes) -> str:
    whole = step.add("MatMulInteger", "state", "output_weight", "state.zero_point")
    return step.add("Mul", step.add("Cast", whole, to=FLOAT), "output.scales")
