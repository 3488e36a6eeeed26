"""Takes out of an exported graph the arithmetic of shapes whose result can be written down.

The exporter computes what a Reshape is told from the sizes of other tensors, in five nodes for each: in a small
int8 model they take longer than attention. Reshape itself can keep a size of its input, or infer one.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from emopress.bundle.block_writer import names_read
from emopress.runtime.onnxruntime import session_options

TRIED = ((2, 7), (3, 5), (5, 11))  # texts and tokens, of which no two sizes or products are alike


def fix_shapes(model: onnx.ModelProto, vocabulary: int) -> int:
    """Tell every Reshape of a graph its shape as a constant where one fits all inputs, in place; return how many.

    The graph takes input_ids and attention_mask [B, T]; `vocabulary` is the number of ids that it knows. It runs
    on inputs of three sizes: a size of the new shape that is the same in all is that number, one that is always
    the size of the data at its place is kept (0), and one other may be inferred (-1). Shapes that nothing reads
    any more leave the graph, with what computes them.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    computed = [
        node
        for node in model.graph.node
        if node.op_type == "Reshape" and node.input[1] not in constants
    ]
    if not computed:
        return 0
    seen = _sizes(model, computed, vocabulary)
    fixed = 0
    for node in computed:
        shape = fixed_shape([sizes[node.name] for sizes in seen])
        if shape is not None:
            name = f"{node.name}_shape"
            model.graph.initializer.append(numpy_helper.from_array(shape, name))
            node.input[1] = name
            fixed += 1
    remove_unread(model)
    return fixed


def fixed_shape(seen: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray | None:
    """Return what Reshape must be told to give these shapes, None if no constant does.

    seen: (shape of the data, new shape) for several inputs; a size of the latter may be -1.
    """
    told = []
    for place in range(len(seen[0][1])):
        new = {int(shape[place]) for _, shape in seen}
        kept = all(place < len(data) and shape[place] == data[place] for data, shape in seen)
        told.append(new.pop() if len(new) == 1 else 0 if kept else -1)
    return np.array(told, dtype=np.int64) if told.count(-1) <= 1 else None


def _sizes(
    model: onnx.ModelProto, reshapes: list[onnx.NodeProto], vocabulary: int
) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return for each of TRIED, by the name of a Reshape, the shape of its data and what it is told."""
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    given = {f"{node.name}_given": node.input[0] for node in reshapes}
    graph.graph.node.extend(helper.make_node("Shape", [of], [name]) for name, of in given.items())
    names = list(dict.fromkeys([*given, *(node.input[1] for node in reshapes)]))
    del graph.graph.output[:]
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.INT64, None) for name in names
    )
    options = session_options(threads=1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = []
    for size in TRIED:
        ids = np.random.default_rng(0).integers(0, vocabulary, size)
        feed = {"input_ids": ids, "attention_mask": np.ones(size, dtype=np.int64)}
        values = dict(zip(names, session.run(names, feed), strict=True))
        found.append({n.name: (values[f"{n.name}_given"], values[n.input[1]]) for n in reshapes})
    return found


def remove_unread(model: onnx.ModelProto) -> None:
    """Remove the nodes and constants of a graph that lead to none of its outputs, in place."""
    read = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):  # nodes come after what they read
        if read & set(node.output):
            kept.append(node)
            read |= names_read(node)
    constants = [tensor for tensor in model.graph.initializer if tensor.name in read]
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)
    model.graph.node.extend(reversed(kept))
    model.graph.initializer.extend(constants)
