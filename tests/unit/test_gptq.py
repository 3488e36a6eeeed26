"""GPTQ: each error is made up for as well as it can be, and weights on a grid of 4 bits stay as they are."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from emopress.bundle.block_writer import round_blocks
from emopress.bundle.gptq import DAMPING, fitted_scales, gptq
from emopress.bundle.products import products_of_inputs


def values(blocks, columns):
    """Return the weights [rows, columns] that blocks stand for."""
    steps = blocks.codes.astype(np.float64) - blocks.zero_points[..., None]
    return (steps * blocks.scales[..., None]).reshape(len(steps), -1)[:, :columns]


def inputs(columns, tokens=300, seed=0):
    """Return correlated inputs [tokens, columns] of very different sizes."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((tokens, columns)) @ rng.standard_normal((columns, columns))
    return mixed * rng.uniform(0.2, 5, columns)


def weights_of(rows, columns, seed=1):
    return np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    "columns", [5, 40, 300]
)  # less than a block, several, several lazy batches
def test_each_error_is_made_up_for_as_well_as_it_can_be(symmetric, columns):
    """The definition: with t weights rounded, the others are those that leave the least squared error."""
    x, weights = inputs(columns, tokens=2 * columns), weights_of(3, columns)
    found = gptq(weights, x.T @ x, block_size=16, symmetric=symmetric)
    squares = x.T @ x + DAMPING * np.trace(x.T @ x) / columns * np.eye(columns)
    order = np.argsort(-np.diag(squares).astype(np.float32), kind="stable")
    scale, zero = (
        np.repeat(each, 16, axis=1)[:, :columns].astype(np.float64)
        for each in (found.scales, found.zero_points)
    )
    expected = np.zeros((3, columns))
    for row in range(3):
        current, rounded = weights[row].astype(np.float64), weights[row].astype(np.float64)
        for t in range(columns):
            at, rest = order[t], order[t + 1 :]
            code = (np.round(current[at] / scale[row, at]) + zero[row, at]).clip(0, 15)
            expected[row, at] = code
            rounded[at] = (code - zero[row, at]) * scale[row, at]
            done = order[: t + 1]
            lost = weights[row, done] - rounded[done]
            better = np.linalg.solve(
                squares[np.ix_(rest, rest)], squares[np.ix_(rest, done)] @ lost
            )
            current[rest] = weights[row, rest] + better
    codes = found.codes.reshape(3, -1)[:, :columns]
    assert (codes == expected).mean() > 0.99  # a tie may fall to either side
    assert len(np.unique(codes)) > 4


@pytest.mark.parametrize("symmetric", [True, False])
def test_outputs_change_less_than_by_rounding_to_the_nearest(symmetric):
    x, weights = inputs(100), weights_of(20, 100)
    settings = {"block_size": 32, "symmetric": symmetric}
    lost = [
        np.square((values(blocks, 100) - weights) @ x.T).mean()
        for blocks in (
            gptq(weights, x.T @ x, **settings),
            round_blocks(weights, bits=4, **settings),
        )
    ]
    assert lost[0] < 0.7 * lost[1]


@pytest.mark.parametrize("largest", [-8, 8, 7, 6, 4, 3, 2, 1])
def test_weights_on_a_grid_of_four_bits_stay_as_they_are(largest):
    """As those of a checkpoint that was published in 4 bits, or trained so, whatever its blocks were."""
    rng, x = np.random.default_rng(0), inputs(96)
    levels = rng.integers(-min(abs(largest), 7), min(abs(largest), 7) + 1, (6, 96))
    levels[:, ::24] = largest if largest != 8 else -8
    scales = rng.uniform(0.001, 0.1, (6, 1)).astype(np.float16).astype(np.float32)
    scales *= -1 if largest == 8 else 1
    weights = levels.astype(np.float32) * scales
    found = gptq(weights, x.T @ x, block_size=32, symmetric=True)
    assert np.array_equal(values(found, 96).astype(np.float32), weights)


def test_pruned_weights_stay_zero_and_a_silent_input_says_nothing():
    x, weights = inputs(48), weights_of(8, 48)
    weights[:, 7::5] = 0
    x[:, 3] = 0
    found = values(gptq(weights, x.T @ x, block_size=16, symmetric=True), 48)
    assert not found[weights == 0].any()
    assert np.abs(found[:, 3] - weights[:, 3]).max() < np.abs(weights).max() / 14 * 1.01
    nothing = gptq(weights, np.zeros((48, 48)), block_size=16, symmetric=True)
    assert np.abs(values(nothing, 48) - weights).max() < np.abs(weights).max() / 7


def test_scales_fit_what_counts():
    """Where one input counts alone, its weight is what its block's scale fits."""
    weights = np.array([[1.0, 0.53, -0.2, 0.1]], dtype=np.float32)
    everywhere = fitted_scales(weights, np.ones(4, "f"), block_size=4)
    alone = fitted_scales(weights, np.array([0, 1, 0, 0], "f"), block_size=4)

    def lost(scales, column):
        levels = np.round(weights / scales[:, :1]).clip(-8, 7)
        return float(np.square(levels * scales[:, :1] - weights)[0, column])

    assert lost(alone, 1) < 1e-6 < lost(everywhere, 1)
    for importance in (np.ones(64, "f"), np.linspace(0.1, 9, 64).astype("f")):
        rows = weights_of(30, 64)
        for block_size in (16, 64):
            chosen = fitted_scales(rows, importance, block_size=block_size)
            plain = round_blocks(rows, bits=4, block_size=block_size, symmetric=True).scales
            errors = []
            for scales in (chosen, plain):
                wide = np.repeat(scales, block_size, axis=1)
                errors.append(np.square(np.round(rows / wide).clip(-8, 7) * wide - rows))
            assert (errors[0] * importance).sum() < 0.95 * (errors[1] * importance).sum()
            assert np.array_equal(chosen.astype(np.float16), chosen)  # stored so


def test_what_multiplies_a_weight_is_summed_over_its_tokens_and_its_readers(tmp_path):
    rng = np.random.default_rng(0)
    table, shared, last = (
        rng.standard_normal(shape).astype("f") for shape in ((9, 4), (4, 4), (4, 2))
    )
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "/model/Gather"),
        helper.make_node("MatMul", ["rows", "shared"], ["h"], "/model/0/MatMul"),
        helper.make_node("Identity", ["shared"], ["again"], "/model/1/Identity"),
        helper.make_node("MatMul", ["h", "again"], ["g"], "/model/1/MatMul"),
        helper.make_node("Gemm", ["g", "last"], ["logits"], "/model/2/Gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(np.ascontiguousarray(array), name)
            for name, array in (("table", table), ("shared", shared), ("last", last.T))
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "g.onnx")
    feeds = [{"ids": np.array([1, 2, 3])}, {"ids": np.array([8])}]
    found = products_of_inputs(tmp_path / "g.onnx", feeds, threads=1)
    rows = table[[1, 2, 3, 8]].astype(np.float64)
    h, g = rows @ shared, rows @ shared @ shared
    assert set(found) == {"shared", "last_transposed"}
    assert found["shared"] == pytest.approx(rows.T @ rows + h.T @ h, rel=1e-4, abs=1e-5)
    assert found["last_transposed"] == pytest.approx(g.T @ g, rel=1e-4, abs=1e-5)
