"""A dense model as an ONNX graph: words looked up outside; vectors, pooling and layers in standard operators."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from emopress.bundle.graph_of_layers import Graph
from emopress.bundle.onnx_file import Feed, write_described
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.dense import DenseClassifier
from emopress.runtime.layers_file import MODEL, read_model
from emopress.runtime.lexicon import AVERAGE

INPUTS = {"rows": TensorProto.INT64, "shares": TensorProto.FLOAT}


def dense_inputs(model: DenseClassifier, texts: Sequence[str]) -> Feed:
    """Return what the graph reads of normalised texts: rows and shares [N, W, P].

    Word w of a text is the mean of its rows (one, or those of its n-grams), so the share of each is one over
    their number. A place that is not needed has row 0 and share 0. W is `max_length` for pooling flatten;
    else it and P are one at least.
    """
    cut = model.cut(list(texts))
    pieces = max([1, *(len(word) for words in cut for word in words)])
    words = max([1, *map(len, cut)]) if model.pooling == AVERAGE else model.max_length
    rows = np.zeros((len(cut), words, pieces), dtype=np.int64)
    shares = np.zeros((len(cut), words, pieces), dtype=np.float32)
    for text, words_of_text in enumerate(cut):
        for place, word in enumerate(words_of_text):
            rows[text, place, : len(word)] = word
            shares[text, place, : len(word)] = 1 / len(word)
    return {"rows": rows, "shares": shares}


def dense_graph(model: DenseClassifier, file: Path) -> onnx.ModelProto:
    """Return the graph of a model and its file: rows (int64) and shares (float32) [N, W, P] -> logits [N, C].

    Codes are in it at their bits. An engine unpacks them when it loads the graph, to a byte each in the table.
    """
    _, (vectors, *layers) = read_model(file, "dense")
    graph = Graph()
    graph.unpacked_layers([vectors, *layers])
    third = graph.constant("third_axis", [2])
    shares = graph.add("Unsqueeze", "shares", third)
    words = graph.add("Squeeze", graph.add("MatMul", shares, graph.rows(vectors, "rows")), third)
    if model.pooling == AVERAGE:
        total = graph.add("ReduceSum", words, graph.constant("words_axis", [1]), keepdims=0)
        number = graph.add("ReduceSum", "shares", graph.constant("places_axes", [1, 2]), keepdims=0)
        number = graph.add("Max", number, graph.constant("one", np.float32(1)))
        number = graph.add("Unsqueeze", number, graph.constant("last", [-1]))
        features = graph.add("Div", total, number)
    else:
        features = graph.add("Flatten", words, axis=1)
    for place, layer in enumerate(layers):
        if place:
            features = graph.add("Relu", features)
        product = graph.add("MatMul", features, graph.weights(layer))
        bias = graph.constant(f"{layer.name}.bias", layer.bias)
        features = graph.add("Add", product, bias, gives="logits" if layer is layers[-1] else "")
    words_axis = "words" if model.pooling == AVERAGE else model.max_length
    return graph.of_numbers("dense", INPUTS, ("batch", words_axis, "pieces"))


def write_dense(bundle: Bundle, out: Path) -> float:
    """Write the model of a dense bundle to `out`; return its largest difference of a logit (see `write_onnx`)."""
    model = DenseClassifier.of_bundle(bundle, threads=1, device="cpu")
    graph, inputs = dense_graph(model, bundle.folder / MODEL), partial(dense_inputs, model)
    return write_described(bundle, out, graph, model, inputs, list(model.lexicon.index))
