"""What passes need to know about an exported ONNX graph: which node is which layer, and which nodes read a tensor."""

import onnx

PRODUCTS = ("MatMul", "Gemm")


def layer_of(node: str) -> str:
    """Return the name of the PyTorch layer that the exporter made an ONNX node of.

    A node is called /model/<module>/<module>/<operator>, where a child of a list or Sequential
    repeats its parent's name: /model/bert/encoder/layer.0/attention/self/query/query.1/MatMul.
    """
    names: list[str] = []
    for part in node.split("/")[2:-1]:
        if names and part.startswith(f"{names[-1]}."):
            names.pop()
        names.append(part)
    return ".".join(names)


def activation_products(model: onnx.ModelProto) -> list[str]:
    """Return the names of the MatMul nodes of two activations (attention), which stay fp32."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and not constants & set(node.input)
    ]


def read_weights_themselves(model: onnx.ModelProto) -> bool:
    """Let nodes read a weight where they read an Identity of it, in place; return whether any did.

    The exporter stores equal weights once (a layer that is used twelve times, two layers that are alike) and
    passes them on through Identity nodes, behind which a quantizer sees no weight.
    """
    weights = {tensor.name: tensor.name for tensor in model.graph.initializer}
    given = {output.name for output in model.graph.output}
    nodes, known = [], len(weights)
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in weights and node.output[0] not in given:
            weights[node.output[0]] = weights[node.input[0]]
        else:
            nodes.append(node)
    if len(weights) == known:
        return False
    for node in nodes:
        _rename(node, weights)
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return True


def _rename(node: onnx.NodeProto, names: dict[str, str]) -> None:
    """Let a node, and those within it, read tensors by their new names."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in attribute.g.node:
                _rename(inner, names)


def only_products_read_integers(model: onnx.ModelProto, tensors: set[str]) -> None:
    """Let nodes that are not products read `tensors` as they were before quantization.

    ONNX Runtime's quantizer puts the rounded tensor in the place of the tensor for all its readers.
    The residual sums after it lose nothing then, and are saved a conversion.
    """
    rounded = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    exact = {
        node.output[0]: rounded[node.input[0]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and rounded.get(node.input[0]) in tensors
    }
    for node in model.graph.node:
        if node.op_type not in PRODUCTS:
            node.input[:] = [exact.get(name, name) for name in node.input]


def give_readers_copies(model: onnx.ModelProto) -> None:
    """Give every product that reads an int8 weight which another reads too a copy of it, in place.

    ONNX Runtime does not open a graph that shares one where session.x64quantprecision is 1.
    """
    tensors = {t.name: t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8}
    scaled = {
        node.output[0]: node
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors
    }
    read: set[str] = set()
    for node in list(model.graph.node):  # in static graphs products share what gives the weight
        for place, name in enumerate(node.input):
            if name in scaled and name in read:
                copy = onnx.NodeProto()
                copy.CopyFrom(scaled[name])
                copy.name, copy.output[0] = f"{copy.name}_{len(read)}", f"{name}_{len(read)}"
                node.input[place] = copy.output[0]
                model.graph.node.insert(0, copy)  # it reads constants only
            read.add(node.input[place])
    read = set()
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name in tensors and name in read:
                own_tensor = onnx.TensorProto()
                own_tensor.CopyFrom(tensors[name])
                own_tensor.name = f"{name}_{len(read)}"
                node.input[place] = own_tensor.name
                model.graph.initializer.append(own_tensor)
            read.add(node.input[place])
