"""Graphs whose shapes are constants: what Reshape is told, and what an exported encoder no longer computes."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from emopress.bundle.shapes import fix_shapes, fixed_shape


def seen(*pairs):
    return [(np.array(data), np.array(shape)) for data, shape in pairs]


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([([2, 7, 8], [2, 7, 4, 2]), ([3, 5, 8], [3, 5, 4, 2])], [0, 0, 4, 2]),
        ([([2, 7, 8], [2, 7, -1, 2]), ([3, 5, 8], [3, 5, -1, 2])], [0, 0, -1, 2]),
        ([([2, 7, 8], [14, 8]), ([3, 5, 8], [15, 8])], [-1, 8]),  # a product of two sizes
        (
            [([2, 7, 8], [7, 2, 8]), ([3, 5, 8], [5, 3, 8])],
            None,
        ),  # each is the size of another place
        ([([2, 7, 8], [14, -1]), ([3, 5, 8], [15, -1])], None),  # two to infer
        ([([8], [2, 4]), ([8], [2, 4])], [2, 4]),
    ],
)
def test_what_reshape_is_told(pairs, told):
    """A size is a number, that of the data at its place, or the one that is inferred."""
    found = fixed_shape(seen(*pairs))
    assert (None if found is None else found.tolist()) == told


def graph():
    """A graph that turns its inputs around and back: one Reshape can be fixed, one cannot."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["x"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Shape", ["attention_mask"], ["size"], "shape"),
        helper.make_node("Gather", ["size", "first"], ["texts"], "texts"),
        helper.make_node("Gather", ["size", "second"], ["tokens"], "tokens"),
        helper.make_node("Concat", ["tokens", "texts"], ["turned"], "turned", axis=0),
        helper.make_node("Concat", ["texts", "tokens", "one"], ["wider"], "wider", axis=0),
        helper.make_node("Reshape", ["x", "turned"], ["y"], "turn"),
        helper.make_node("Reshape", ["x", "wider"], ["z"], "widen"),
        helper.make_node("ReduceSum", ["z"], ["sum"], "sum"),
        helper.make_node("Add", ["y", "sum"], ["logits"], "add"),
    ]
    constants = [("first", [0]), ("second", [1]), ("one", [1])]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "graph",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["tokens", "batch"])],
            [numpy_helper.from_array(np.array(value), name) for name, value in constants],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def test_a_graph_gives_the_same_without_its_arithmetic():
    """What cannot be a constant stays computed; nodes that nothing reads are gone."""
    before, after = graph(), graph()
    assert fix_shapes(after, 10) == 1
    onnx.checker.check_model(after)
    names = [node.name for node in after.graph.node]
    assert "wider" not in names
    assert "turned" in names
    feed = {name: np.arange(6).reshape(2, 3) for name in ("input_ids", "attention_mask")}
    results = [
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, feed)[0]
        for each in (before, after)
    ]
    np.testing.assert_array_equal(*results)


def test_an_encoder_computes_no_shapes_but_of_positions(artifacts):
    """The exported graph of BERT has one Shape, which positions need, and no mask of masks."""
    counts = Counter(
        node.op_type for node in onnx.load(artifacts.bundles["bert"] / "model.onnx").graph.node
    )
    assert counts["Shape"] <= 1
    assert not counts.keys() & {"Expand", "Range", "GatherElements", "Equal", "And"}
