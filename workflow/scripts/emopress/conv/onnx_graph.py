"""A convolutional model as an ONNX graph: pieces looked up outside, all else in standard operators."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from emopress.bundle.graph_of_layers import Graph
from emopress.bundle.onnx_file import Feed, write_described
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.conv import ConvClassifier
from emopress.runtime.convolution import BOTH, MAX, MEAN, beside
from emopress.runtime.layers_file import MODEL, Layer, read_model
from emopress.runtime.wide import parted

INPUTS = {"input_ids": TensorProto.INT64, "attention_mask": TensorProto.INT64}


def conv_inputs(model: ConvClassifier, texts: Sequence[str]) -> Feed:
    """Return what the graph reads of normalised texts: the ids of their pieces and a mask of ones [N, T].

    A place that is not needed has id 0 and mask 0; there is one at least.
    """
    ids = [model.tokenizer.array(text) for text in texts]
    feed = np.zeros((2, len(ids), max([1, *map(len, ids)])), dtype=np.int64)
    for text, pieces in enumerate(ids):
        feed[0, text, : len(pieces)], feed[1, text, : len(pieces)] = pieces, 1
    return dict(zip(INPUTS, feed, strict=True))


def as_kernel(layer: Layer, width: int) -> Layer:
    """Return the kernels [filters, tokens * width] of a layer as ONNX's Conv reads them: [filters, width, tokens]."""

    def of_filters(numbers: Any) -> Any:
        return numbers[..., None] if isinstance(numbers, np.ndarray) else numbers

    kernels = layer.matrix.reshape(len(layer.matrix), -1, width).transpose(0, 2, 1)
    return replace(
        layer,
        matrix=kernels,
        scale=of_filters(layer.scale),
        zero_point=of_filters(layer.zero_point),
    )


def conv_graph(model: ConvClassifier, file: Path) -> onnx.ModelProto:
    """Return the graph of a model and its file: input_ids and attention_mask (int64) [N, T] -> logits [N, C].

    Codes are in it at their bits. An engine unpacks them when it loads the graph, to a byte each in the table.
    """
    parts = parted(read_model(file, "conv")[1])
    if parts.matrix:
        raise UserError(
            f"{file}: a conv model with a wide part has no ONNX graph; give one without"
        )
    vectors, *layers, output = parts.network
    kernels = [as_kernel(layer, vectors.matrix.shape[1]) for layer in layers]
    graph, pooling = Graph(), model.settings["pooling"]
    graph.unpacked_layers([vectors, *kernels, output])
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.add("Unsqueeze", mask, graph.constant("channels_axis", [1]))
    # Beside a text, as in the place of what fills it up, are zeros.
    read = graph.add("Transpose", graph.rows(vectors, "input_ids"), perm=[0, 2, 1])
    read = graph.add("Mul", read, mask)
    found = []
    for kernel in kernels:
        before, after = beside(kernel.matrix.shape[2])
        bias = graph.constant(f"{kernel.name}.bias", kernel.bias)
        filters = graph.add("Conv", read, graph.weights(kernel), bias, pads=[before, after])
        found.append(graph.add("Mul", graph.add("Relu", filters), mask))
    values = graph.add("Concat", *found, axis=1) if len(found) > 1 else found[0]
    pooled = []
    if pooling in (MAX, BOTH):
        pooled.append(graph.add("ReduceMax", values, axes=[2], keepdims=0))
    if pooling in (MEAN, BOTH):
        tokens = graph.constant("tokens_axis", [2])
        total = graph.add("ReduceSum", values, tokens, keepdims=0)
        number = graph.add("ReduceSum", mask, tokens, keepdims=0)
        number = graph.add("Max", number, graph.constant("one", np.float32(1)))
        pooled.append(graph.add("Div", total, number))
    features = graph.add("Concat", *pooled, axis=1) if len(pooled) > 1 else pooled[0]
    weights = graph.add("Transpose", graph.weights(output), perm=[1, 0])
    bias = graph.constant(f"{output.name}.bias", output.bias)
    graph.add("Add", graph.add("MatMul", features, weights), bias, gives="logits")
    return graph.of_numbers("conv", INPUTS, ("batch", "tokens"))


def write_conv(bundle: Bundle, out: Path) -> float:
    """Write the model of a conv bundle to `out`; return its largest difference of a logit (see `write_onnx`)."""
    model = ConvClassifier.of_bundle(bundle, threads=1, device="cpu")
    graph, inputs = conv_graph(model, bundle.folder / MODEL), partial(conv_inputs, model)
    pieces, _ = read_model(bundle.folder / MODEL, "conv")
    return write_described(bundle, out, graph, model, inputs, pieces)
