"""Codes of 2 to 8 bits unpacked inside a graph: right in every engine, computed once when it is loaded."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from emopress.bundle.packed_nodes import unpacking


def graph(tensors, bits, **more):
    """Return a model whose outputs are the unpacked tensors, each times an input of 1."""
    nodes, initializers = unpacking(tensors, bits, **more)
    nodes += [helper.make_node("Cast", [name], [f"{name}.float"], to=1) for name in tensors]
    nodes += [helper.make_node("Mul", [f"{n}.float", "one"], [f"{n}.given"]) for n in tensors]
    outputs = [
        helper.make_tensor_value_info(f"{name}.given", TensorProto.FLOAT, codes.shape)
        for name, codes in tensors.items()
    ]
    one = helper.make_tensor_value_info("one", TensorProto.FLOAT, [])
    made = helper.make_graph(nodes, "codes", [one], outputs, initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def codes_of(bits, seed=0):
    """Return tensors of three shapes whose sizes are no multiples of eight; all codes occur."""
    rng = np.random.default_rng(seed)
    all_of_them = np.arange(2**bits, dtype=np.uint8).reshape(1, -1)
    random = {"a": (7, 5), "b": (2, 3, 3)}
    return {
        "all": all_of_them,
        **{n: rng.integers(0, 2**bits, s).astype(np.uint8) for n, s in random.items()},
    }


ONE = {"one": np.array(1, dtype=np.float32)}


def test_three_bits_by_hand():
    # 5, 1, 6 from the lowest bit on: 101 100 011 ... -> bytes 0b10001101, 0b00000001, 0
    nodes, initializers = unpacking({"x": np.array([5, 1, 6], dtype=np.uint8)}, 3)
    (packed,) = (onnx.numpy_helper.to_array(i) for i in initializers if i.name == "codes")
    assert packed.tolist() == [[0b10001101, 0b00000001, 0]]
    assert {node.domain for node in nodes} == {""}


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("zero_point", [0, 3])
def test_onnx_runtime_gives_the_codes(bits, zero_point):
    tensors = codes_of(bits)
    kind = TensorProto.UINT8 if zero_point == 0 else TensorProto.INT8
    if bits == 8 and zero_point:
        tensors = {name: codes // 2 for name, codes in tensors.items()}
    model = graph(tensors, bits, zero_point=zero_point, to=kind)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for found, codes in zip(session.run(None, ONE), tensors.values(), strict=True):
        assert found.tolist() == (codes.astype(int) - zero_point).tolist()


@pytest.mark.parametrize("bits", range(2, 9))
def test_openvino_gives_the_codes(bits, tmp_path):
    needed = "NOT TESTED: needs the extra: requirements-openvino.lock"
    openvino = pytest.importorskip("openvino", reason=needed)
    tensors = codes_of(bits)
    onnx.save(graph(tensors, bits), tmp_path / "model.onnx")
    compiled = openvino.Core().compile_model(str(tmp_path / "model.onnx"), "CPU")
    found = compiled(ONE)
    for name, codes in tensors.items():
        assert found[f"{name}.given"].tolist() == codes.astype(int).tolist()


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_nothing_is_unpacked_at_run_time(bits, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    model = graph(codes_of(bits), bits)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    left = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert left == ["Mul"] * 3


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_codes_take_their_bits(bits):
    codes = np.zeros((1000, 8), dtype=np.uint8)
    nodes, initializers = unpacking({"x": codes}, bits)
    size = sum(len(made.SerializeToString()) for made in [*nodes, *initializers])
    assert 1000 * bits <= size < 1000 * bits + 1600
