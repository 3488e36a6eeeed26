"""Stores the weights of LSTM operators in int8 and leaves what they read in fp32.

ONNX Runtime's int8 operator, DynamicQuantizeLSTM, rounds all vectors of a text over one range, which later tokens
widen: of a generative model, whose tokens are scored from those before them alone, it would be another model.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LARGEST = 127  # the codes are symmetric
READ = (1, 2)  # of the operator's inputs: W [1, 4H, E] and R [1, 4H, H]


def quantize_lstm_weights(model: onnx.ModelProto) -> None:
    """Replace the weights of every LSTM by int8 codes, a scale per gate of each unit and their product, in place.

    An engine computes the product once, when it loads the graph.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    added = []
    for node in model.graph.node:
        for place in READ if node.op_type == "LSTM" else ():
            name = node.input[place]
            if name not in weights:
                continue
            values = numpy_helper.to_array(weights.pop(name))
            reach = np.abs(values).max(axis=2, keepdims=True)
            scales = np.where(reach > 0, reach / LARGEST, 1).astype(np.float32)
            codes, scale, wide, decoded = (
                f"{name}_{part}" for part in ("quantized", "scale", "wide", "decoded")
            )
            rounded = np.rint(values / scales).astype(np.int8)
            weights |= {
                codes: numpy_helper.from_array(rounded, codes),
                scale: numpy_helper.from_array(scales, scale),
            }
            added += [
                helper.make_node("Cast", [codes], [wide], to=TensorProto.FLOAT),
                helper.make_node("Mul", [wide, scale], [decoded]),
            ]
            node.input[place] = decoded
    nodes = [*added, *model.graph.node]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights.values())
