"""A linear model as an ONNX graph: n-grams counted outside, TF-IDF and logits in standard operators."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from emopress.bundle.graph_of_layers import Graph
from emopress.bundle.onnx_file import Feed, write_described
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.linear import LinearClassifier

INPUTS = {"ids": TensorProto.INT64, "counts": TensorProto.FLOAT}
LEAST_SQUARE = 1e-30  # under the root of a text without a known n-gram, whose features are zeros


def linear_inputs(model: LinearClassifier, texts: Sequence[str]) -> Feed:
    """Return what the graph reads of normalised texts: ids and counts [N, T] of each text's known n-grams.

    A place that is not needed has id 0 and count 0; there is one at least.
    """
    known = [model.known.counts(text) for text in texts]
    places = max([1, *map(len, known)])
    ids = np.zeros((len(texts), places), dtype=np.int64)
    counted = np.zeros((len(texts), places), dtype=np.float32)
    for row, counts in enumerate(known):
        ids[row, : len(counts)] = list(counts)
        counted[row, : len(counts)] = list(counts.values())
    return {"ids": ids, "counts": counted}


def linear_graph(model: LinearClassifier) -> onnx.ModelProto:
    """Return the graph: ids (int64) and counts (float32) [N, T] of n-grams -> logits [N, C].

    Weights in int8 stay so: only the rows of a text's n-grams are turned into float32.
    """
    graph = Graph()
    # (1 + ln count) * idf, zero where the count is
    one = graph.constant("one", np.float32(1))
    present = graph.add("Min", "counts", one)
    logarithm = graph.add("Log", graph.add("Max", "counts", one))
    frequency = graph.add("Mul", graph.add("Add", logarithm, one), present)
    idf = graph.add("Gather", graph.constant("idf", model.idf), "ids")
    values = graph.add("Mul", frequency, idf)
    last = graph.constant("last_axis", [-1])
    square = graph.add("ReduceSum", graph.add("Mul", values, values), last)
    least = graph.constant("least_square", np.float32(LEAST_SQUARE))
    values = graph.add("Div", values, graph.add("Sqrt", graph.add("Max", square, least)))
    rows = graph.add("Gather", graph.constant("weights", model.weights), "ids")
    if model.weights.dtype != np.float32:
        rows = graph.add("Cast", rows, to=TensorProto.FLOAT)
    middle = graph.constant("middle_axis", [1])
    sums = graph.add("MatMul", graph.add("Unsqueeze", values, middle), rows)
    sums = graph.add(
        "Mul", graph.add("Squeeze", sums, middle), graph.constant("scale", model.scale)
    )
    graph.add("Add", sums, graph.constant("bias", model.bias), gives="logits")
    return graph.of_numbers("linear", INPUTS, ("batch", "ngrams"))


def write_linear(bundle: Bundle, out: Path) -> float:
    """Write the model of a linear bundle to `out`; return its largest difference of a logit (see `write_onnx`)."""
    model = LinearClassifier.of_bundle(bundle, threads=1, device="cpu")
    inputs = partial(linear_inputs, model)
    return write_described(
        bundle, out, linear_graph(model), model, inputs, list(model.known.vocabulary)
    )
