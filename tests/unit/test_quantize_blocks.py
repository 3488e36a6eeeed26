"""Four bits: rounding by hand, what ONNX Runtime makes of the blocks, sizes, and reloaded bundles."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from emopress.bundle.block_writer import fitting_block, pack_nibbles, round_blocks
from emopress.bundle.products import without_gemm
from emopress.bundle.quantize_blocks import quantize_blocks, write_blocks
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle

ENCODERS = ["bert", "distilbert", "electra"]
NEAREST = {"method": "int4", "rounding": "nearest"}
GPTQ = {"method": "int4", "rounding": "gptq", "calibration": {"texts": 12}}
STEPS = {
    "int4": {**NEAREST, "block_size": 32, "symmetric": True, "embeddings": "int4"},
    "int4-gptq": {**GPTQ, "block_size": 32, "symmetric": True, "embeddings": "int4"},
    "int4-zero-points": {**GPTQ, "block_size": 16, "symmetric": False, "embeddings": "int4"},
    "int4-int8": {**NEAREST, "block_size": 256, "symmetric": True, "embeddings": "int8"},
    "nf4": {"method": "nf4", "block_size": 64, "embeddings": "int4"},
    "nf4-fp32": {"method": "nf4", "block_size": 32, "embeddings": "fp32"},
}
RELOAD = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
request = json.load(open(sys.argv[1], encoding="utf-8"))
found = {name: load(path).predict_proba(request["texts"]) for name, path in request["bundles"].items()}
heavy = sorted({"torch", "transformers", "onnx", "pandas", "ml_dtypes"} & set(sys.modules))
assert not heavy, heavy
np.savez(sys.argv[2], **found)
"""
# Dettmers et al. 2023, QLoRA, appendix E: the sixteen values of the 4-bit normal float.
NF4 = [
    *[-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453],
    *[-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0],
    *[0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
    *[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0],
]


def test_symmetric_block_by_hand():
    weights = np.array([[8, -4, 2, 1, -16, 4, 0, 0.9]], dtype=np.float32)
    found = round_blocks(weights, bits=4, block_size=4, symmetric=True)
    # the value of largest magnitude becomes -8: 8 / -1, and -16 / 2; zero is code 8
    assert found.scales.tolist() == [[-1.0, 2.0]]
    assert found.codes.tolist() == [[[0, 12, 6, 7], [0, 10, 8, 8]]]
    assert found.zero_points.tolist() == [[8, 8]]
    assert found.nonzero == 6  # 0.9 is nearer to 0 than to 2


def test_asymmetric_block_by_hand():
    weights = np.array([[-1, 2, 0, 0.4], [1, 2, 3, 15]], dtype=np.float32)
    found = round_blocks(weights, bits=4, block_size=4, symmetric=False)
    # -1..2 in fifteen steps of 0.2, zero at the fifth; 1..15 is widened to hold zero
    assert found.scales == pytest.approx(np.array([[0.2], [1.0]]))
    assert found.zero_points.tolist() == [[5], [0]]
    assert found.codes.tolist() == [[[0, 15, 5, 7]], [[1, 2, 3, 15]]]
    assert found.nonzero == 7


def test_eight_bits_a_row_of_zeros_and_a_row_that_fills_no_block():
    found = round_blocks(
        np.array([[0, 0, 0], [128, -64, 1]], np.float32), bits=8, block_size=4, symmetric=True
    )
    assert found.scales.tolist() == [[0.0], [-1.0]]
    assert found.codes.tolist() == [[[128] * 4], [[0, 192, 127, 128]]]
    assert found.nonzero == 3


def test_nibbles_are_packed_low_half_first():
    assert pack_nibbles(np.array([[1, 2, 3], [15, 0, 4]], np.uint8)).tolist() == [
        [0x21, 0x03],
        [0x0F, 0x04],
    ]


def test_a_block_is_no_larger_than_a_row_needs():
    assert [fitting_block(256, columns) for columns in (5, 16, 64, 100, 384)] == [
        *[16, 16, 64, 128, 256]
    ]
    assert fitting_block(32, 384) == 32


def small_graph(path, table, matrix, bias):
    """Write a graph: rows of `table` [V, K], times `matrix` [K, N], plus `bias`; Gemm turns it."""
    weights = {"table": table, "matrix": np.ascontiguousarray(matrix.T), "bias": bias}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "/model/embeddings/Gather"),
        helper.make_node(
            "Gemm", ["rows", "matrix", "bias"], ["logits"], "/model/dense/Gemm", transB=1
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            for name in ("rows", "logits")
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


def run(path, feeds):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def unpacked(tensor, *, low_first=True):
    """Return the 4-bit codes of a tensor along a new last axis of twice the length."""
    packed = numpy_helper.to_array(tensor)
    halves = [packed & 15, packed >> 4]
    return np.stack(halves if low_first else halves[::-1], axis=-1).reshape(*packed.shape[:-1], -1)


def dequantized(model):
    """Return what the stored weights stand for, by the parent's name of the weight, read by hand."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in tensors:  # scales in float16
            tensors[node.output[0]] = numpy_helper.from_array(
                numpy_helper.to_array(tensors[node.input[0]]).astype("f"), node.output[0]
            )
    found = {}
    for node in model.graph.node:
        facts = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "MatMulBnb4":
            size = facts["K"] * facts["N"]
            codes = unpacked(tensors[node.input[1]], low_first=False)[:size]
            scales = np.repeat(numpy_helper.to_array(tensors[node.input[2]]), facts["block_size"])
            name = node.input[1].removesuffix("_nf4_codes")
            values = np.array(NF4, np.float32)[codes] * scales[:size]
            found[name] = values.reshape(facts["N"], facts["K"]).T
        elif node.op_type in ("MatMulNBits", "GatherBlockQuantized"):
            is_table = node.op_type == "GatherBlockQuantized"
            codes, *rest = [n for n in node.input if n in tensors]
            scales = numpy_helper.to_array(tensors[rest[0]])
            read = unpacked if facts["bits"] == 4 else numpy_helper.to_array
            values = read(tensors[codes])
            rows = len(values)
            values = values.reshape(rows, -1)
            columns = values.shape[1] if is_table else facts["K"]
            zeros = np.full_like(scales, 2 ** (facts["bits"] - 1))
            if len(rest) == 2:
                zeros = read(tensors[rest[1]])[:, : scales.shape[1]].astype(np.float32)
            wide = [np.repeat(a, facts["block_size"], axis=1)[:, :columns] for a in (zeros, scales)]
            matrix = (values[:, :columns].astype(np.float32) - wide[0]) * wide[1]
            if is_table:
                found[codes.removesuffix("_table_codes")] = matrix
            else:
                found[codes.removesuffix("_product_codes")] = matrix.T
    return found


@pytest.mark.parametrize("shape", [(64, 6), (100, 33), (8, 3)])
@pytest.mark.parametrize("block_size", [16, 32, 256])
@pytest.mark.parametrize(("scheme", "symmetric"), [("int4", True), ("int4", False), ("nf4", True)])
@pytest.mark.parametrize("embeddings", ["int4", "int8"])
def test_onnx_runtime_reads_the_blocks_as_by_hand(
    tmp_path, shape, block_size, scheme, symmetric, embeddings
):
    rng = np.random.default_rng(0)
    table = np.concatenate([np.eye(shape[0]), rng.standard_normal((5, shape[0]))]).astype("f")
    matrix, bias = rng.standard_normal(shape).astype("f"), rng.standard_normal(shape[1]).astype("f")
    small_graph(tmp_path / "fp32.onnx", table, matrix, bias)
    settings = {"block_size": block_size, "symmetric": symmetric, "embeddings": embeddings}
    write_blocks(tmp_path / "fp32.onnx", tmp_path / "4.onnx", scheme=scheme, **settings)
    model = onnx.load(tmp_path / "4.onnx")
    values = dequantized(model)
    rows, logits = run(tmp_path / "4.onnx", {"ids": np.arange(len(table))})
    assert np.array_equal(rows, values["table"])
    # at most a step, where the largest positive level is missing: an eighth of the largest value
    steps = {"int4": 8, "int8": 128}[embeddings]
    assert 0 < np.abs(values["table"] - table).max() < 1.001 * np.abs(table).max() / steps
    expected = rows @ values["matrix_transposed"] + bias
    # Unit rows take the matrix apart. Of others, MatMulNBits rounds each value to 127 steps of the
    # largest in its block: at most half a step each, times the weights.
    assert logits[: shape[0]] == pytest.approx(expected[: shape[0]], abs=1e-5)
    half_steps = np.abs(rows).max(axis=1, keepdims=True) / 127 / 2
    allowed = half_steps * np.abs(values["matrix_transposed"]).sum(axis=0) * (scheme == "int4")
    assert (np.abs(logits - expected) < allowed + 1e-4).all()
    # nf4's widest gap is 0.3 of the largest value
    error = np.abs(values["matrix_transposed"] - matrix)
    assert 0 < error.max() < 0.16 * np.abs(matrix).max()


def test_large_shapes_shrink_to_less_than_a_sixth(tmp_path):
    rng = np.random.default_rng(0)
    table, matrix = (rng.standard_normal(shape).astype("f") for shape in ((3000, 256), (256, 512)))
    small_graph(tmp_path / "fp32.onnx", table, matrix, np.zeros(512, "f"))
    before = (tmp_path / "fp32.onnx").stat().st_size
    for scheme, block_size, share in (("int4", 32, 5 / 32), ("nf4", 64, 4.5 / 32)):
        settings = {"block_size": block_size, "symmetric": True, "embeddings": "int4"}
        found = write_blocks(tmp_path / "fp32.onnx", tmp_path / "4.onnx", scheme=scheme, **settings)
        assert (tmp_path / "4.onnx").stat().st_size == pytest.approx(share * before, rel=0.01)
        assert found["four_bit_weight_share"] > 0.999 and found["block_size"] == block_size


def test_a_weight_that_two_layers_share_is_stored_once(tmp_path):
    weight = np.random.default_rng(0).standard_normal((32, 32)).astype("f")
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["h"], "/model/first/MatMul"),
        helper.make_node("MatMul", ["h", "weight"], ["logits"], "/model/second/MatMul"),
    ]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 32]) for n in ("x", "logits")
    ]
    graph = helper.make_graph(
        nodes, "shared", values[:1], values[1:], [numpy_helper.from_array(weight, "weight")]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "fp32.onnx",
    )
    for scheme in ("int4", "nf4"):
        settings = {"block_size": 32, "symmetric": True, "embeddings": "int4"}
        found = write_blocks(tmp_path / "fp32.onnx", tmp_path / "4.onnx", scheme=scheme, **settings)
        model = onnx.load(tmp_path / "4.onnx")
        names = [tensor.name for tensor in model.graph.initializer]
        assert len(names) == len(set(names)) == 2 and found["four_bit_weight_share"] == 1
        once = dequantized(model)["weight"]
        (logits,) = run(tmp_path / "4.onnx", {"x": np.eye(32, dtype="f")})
        assert logits == pytest.approx(once @ once, abs=0.2)


def handed_on_graph(path, weight, layers):
    """Write a graph whose `layers` multiply by one weight, all but the first through an Identity node.

    Older versions of emopress wrote them so, and so does PyTorch's exporter write ALBERT's.
    """
    nodes, given = [], "x"
    for layer in range(layers):
        name = "weight" if layer == 0 else f"weight_{layer}"
        if layer:
            nodes.append(helper.make_node("Identity", ["weight"], [name], f"Identity_{layer}"))
        result = "logits" if layer == layers - 1 else f"h{layer}"
        nodes.append(helper.make_node("MatMul", [given, name], [result], f"/model/{layer}/MatMul"))
        given = result
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", len(weight)])
        for n in ("x", "logits")
    ]
    graph = helper.make_graph(
        nodes, "handed on", values[:1], values[1:], [numpy_helper.from_array(weight, "weight")]
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


@pytest.mark.parametrize("scheme", ["int4", "nf4"])
def test_weights_behind_identity_nodes_are_in_four_bits_too(tmp_path, scheme):
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype("f") / 8
    handed_on_graph(tmp_path / "fp32.onnx", weight, layers=5)
    settings = {"block_size": 32, "symmetric": True, "embeddings": "int4"}
    found = write_blocks(tmp_path / "fp32.onnx", tmp_path / "4.onnx", scheme=scheme, **settings)
    model = onnx.load(tmp_path / "4.onnx")
    assert {node.op_type for node in model.graph.node} == {
        {"int4": "MatMulNBits", "nf4": "MatMulBnb4"}[scheme]
    }
    assert (found["products_in_four_bits"], found["products"]) == (5, 5)
    assert found["four_bit_weight_share"] == 1
    # codes and scales, once
    assert (tmp_path / "4.onnx").stat().st_size < 64 * 64 * (4 + 1) / 8 + 1500
    x = np.random.default_rng(1).standard_normal((3, 64)).astype("f")
    (logits,) = run(tmp_path / "4.onnx", {"x": x})
    expected = x @ np.linalg.matrix_power(dequantized(model)["weight"], 5)
    assert np.abs(logits - expected).max() < 0.05 * expected.std()  # int8 activations, five times


def test_a_weight_that_is_left_in_fp32_too_is_counted_so(tmp_path):
    """Of a matrix that a product reads in 4 bits and a sum in fp32, half of what is stored is in 4 bits."""
    weight = np.random.default_rng(0).standard_normal((32, 32)).astype("f")
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["h"], "/model/MatMul"),
        helper.make_node("MatMul", ["x", "h"], ["attention"], "/model/attention/MatMul"),
        helper.make_node("Add", ["attention", "weight"], ["logits"], "/model/Add"),
    ]
    values = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [32, 32]) for n in ("x", "logits")
    ]
    graph = helper.make_graph(
        nodes, "both", values[:1], values[1:], [numpy_helper.from_array(weight, "weight")]
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "fp32.onnx")
    settings = {"block_size": 32, "symmetric": True, "embeddings": "int4"}
    found = write_blocks(tmp_path / "fp32.onnx", tmp_path / "4.onnx", scheme="int4", **settings)
    assert found["four_bit_weight_share"] == 0.5
    assert (found["products_in_four_bits"], found["products"]) == (1, 2)


def test_gemm_becomes_matmul_and_add(tmp_path):
    rng = np.random.default_rng(0)
    table, matrix = rng.standard_normal((4, 8)).astype("f"), rng.standard_normal((8, 3)).astype("f")
    small_graph(tmp_path / "fp32.onnx", table, matrix, np.ones(3, "f"))
    model = onnx.load(tmp_path / "fp32.onnx")
    without_gemm(model)
    onnx.save(model, tmp_path / "split.onnx")
    assert [node.op_type for node in model.graph.node] == ["Gather", "MatMul", "Add"]
    ids = {"ids": np.arange(4)}
    assert run(tmp_path / "split.onnx", ids)[1] == pytest.approx(table @ matrix + 1, abs=1e-5)


def test_an_odd_table_and_a_graph_without_products_are_refused(tmp_path):
    settings = {"scheme": "int4", "block_size": 32, "symmetric": True}
    small_graph(tmp_path / "odd.onnx", np.ones((4, 7), "f"), np.ones((7, 2), "f"), np.ones(2, "f"))
    with pytest.raises(UserError, match="embeddings: table has 7 columns"):
        write_blocks(tmp_path / "odd.onnx", tmp_path / "4.onnx", embeddings="int4", **settings)
    write_blocks(tmp_path / "odd.onnx", tmp_path / "4.onnx", embeddings="fp32", **settings)
    model = onnx.load(tmp_path / "odd.onnx")
    del model.graph.node[1], model.graph.output[1]
    onnx.save(model, tmp_path / "none.onnx")
    with pytest.raises(UserError, match="nothing to store in 4 bits"):
        write_blocks(tmp_path / "none.onnx", tmp_path / "4.onnx", embeddings="fp32", **settings)


@pytest.fixture(scope="module")
def bundles(artifacts, few, tmp_path_factory):
    """The 4-bit bundles, by parent and step."""
    root, found = tmp_path_factory.mktemp("blocks"), {}
    for parent in [*ENCODERS, "pruned"]:
        for name, step in STEPS.items():
            found[parent, name] = root / f"{parent}-{name}"
            step = {"name": name, "kind": "quantize", **step}
            quantize_blocks(
                parent=artifacts.bundles[parent],
                step=typed_step(step),
                seed=0,
                train=few.train,
                out=found[parent, name],
            )
    return found


def test_same_predictions_in_a_fresh_process_without_onnx(bundles, texts, python, tmp_path):
    names = {f"{parent} {step}": str(path) for (parent, step), path in bundles.items()}
    request = json.dumps({"bundles": names, "texts": texts})
    (tmp_path / "request.json").write_text(request, encoding="utf-8")
    python(RELOAD, tmp_path / "request.json", tmp_path / "found.npz")
    with np.load(tmp_path / "found.npz") as found:
        for name, path in names.items():
            assert np.array_equal(found[name], load(path).predict_proba(texts)), name


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("parent", ENCODERS)
def test_a_bundle_computes_with_the_weights_it_stores(
    artifacts, bundles, texts, copied, parent, step
):
    """The fp32 graph, its weights replaced by the dequantized ones, predicts the same."""
    folder = bundles[parent, step]
    values = dequantized(onnx.load(folder / "model.onnx"))
    model = onnx.load(artifacts.bundles[parent] / "model.onnx")
    without_gemm(model)
    original = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name], tensor.name))
    changed = copied(parent)
    onnx.save(model, changed / "model.onnx")
    found = load(folder).predict_logits(texts)
    expected = load(changed, verify=False).predict_logits(texts)
    parents = load(artifacts.bundles[parent]).predict_logits(texts)
    rounding = np.abs(expected - parents).mean()
    assert np.abs(found - expected).mean() < (1e-4 if step.startswith("nf4") else 0.15 * rounding)
    assert np.abs(found - parents).mean() > 0.5 * rounding > 0
    lost = sum(
        np.count_nonzero(original[name]) - np.count_nonzero(value) for name, value in values.items()
    )
    facts = read_bundle(folder).facts
    kept = read_bundle(artifacts.bundles[parent]).facts["nonzero_params"]
    assert lost > 0 and facts["nonzero_params"] == kept - lost


@pytest.mark.parametrize("parent", ENCODERS)
def test_what_the_manifests_say(artifacts, bundles, parent):
    total, products, tables = 0, 0, 0
    for tensor in onnx.load(artifacts.bundles[parent] / "model.onnx").graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            size = int(np.prod(tensor.dims))
            total += size
            if len(tensor.dims) == 2:
                tables += size * ("embeddings" in tensor.name)
                products += size * ("embeddings" not in tensor.name)
    before = read_bundle(artifacts.bundles[parent]).size_bytes
    for name, step in STEPS.items():
        bundle = read_bundle(bundles[parent, name])
        findings = bundle.facts["findings"][name]
        four = products + tables * (step["embeddings"] == "int4")
        eight = tables * (step["embeddings"] == "int8")
        assert findings["four_bit_weight_share"] == round(four / total, 4)
        assert findings["int8_weight_share"] == round(eight / total, 4)
        # 2 layers of 6 products with weights and 2 of activations, and a head of 2
        assert (findings["products_in_four_bits"], findings["products"]) == (14, 18)
        assert bundle.facts["weight_bits"] == 4 and not bundle.facts["simulated"]
        levels = {
            helper.get_attribute_value(fact)
            for node in onnx.load(bundle.folder / "model.onnx").graph.node
            for fact in node.attribute
            if fact.name == "accuracy_level"
        }
        nf4 = step["method"] == "nf4"
        assert bundle.manifest["activation_bits"] == (32 if nf4 else 8)  # what a user is shipped
        assert levels == (set() if nf4 else {4})
        if step.get("rounding") == "gptq":
            assert findings["calibration_texts"] == 12
        weights = before - 4 * total
        # the widths are 64 and 128; a zero point has 4 bits
        scale_bits = 32 if step["method"] == "nf4" else 16
        zero_bits = 4 * (not step.get("symmetric", True))
        bits = 4 + (scale_bits + zero_bits) / min(step["block_size"], 64)
        stored = 4 * (total - four - eight) + eight * (8 + 32 / 64) / 8 + four * bits / 8
        assert bundle.size_bytes < weights + stored + 12_000  # names and shapes of new tensors


@pytest.mark.parametrize("step", STEPS)
def test_pruned_weights_stay_zero(artifacts, bundles, step):
    kept = read_bundle(artifacts.bundles["pruned"]).facts["nonzero_params"]
    values = dequantized(onnx.load(bundles["pruned", step] / "model.onnx"))
    model = onnx.load(artifacts.bundles["pruned"] / "model.onnx")
    without_gemm(model)
    zeros = 0
    for tensor in model.graph.initializer:
        if tensor.name in values:
            before = numpy_helper.to_array(tensor)
            zeros += int((before == 0).sum())
            assert not values[tensor.name][before == 0].any()
    assert zeros > 30_000
    assert read_bundle(bundles["pruned", step]).facts["nonzero_params"] < kept


def test_the_same_bytes_again(artifacts, bundles, few, tmp_path):
    for name in ("int4", "int4-gptq", "nf4"):
        step = {"name": name, "kind": "quantize", **STEPS[name]}
        quantize_blocks(
            parent=artifacts.bundles["bert"],
            step=typed_step(step),
            seed=0,
            train=few.train,
            out=tmp_path / name,
        )
        first = bundles["bert", name] / "model.onnx"
        assert (tmp_path / name / "model.onnx").read_bytes() == first.read_bytes()


def test_layers_that_share_their_weights_are_stored_once_and_in_few_bits(
    copied, few, filled, tmp_path, exact_unasked
):
    """The exporter hands equal weights on through Identity nodes; a product behind one stayed fp32."""
    from safetensors.torch import load_file, save_file

    from emopress.bundle.export import export_transformer
    from emopress.bundle.quantize import quantize
    from emopress.checkpoint import write_manifest

    checkpoint = copied("bert", "checkpoints")
    weights = load_file(checkpoint / "model.safetensors")
    for name in weights:
        if ".layer.1." in name:
            weights[name] = weights[name.replace(".layer.1.", ".layer.0.")].clone()
    save_file(weights, checkpoint / "model.safetensors", {"format": "pt"})
    facts = json.loads((checkpoint / "checkpoint.json").read_text("utf-8"))
    (checkpoint / "checkpoint.json").unlink()
    write_manifest(checkpoint, {name: fact for name, fact in facts.items() if name != "files"})
    export_transformer(checkpoint, tmp_path / "fp32")
    graph = onnx.load(tmp_path / "fp32" / "model.onnx").graph
    constants = {tensor.name for tensor in graph.initializer}
    shared = [n for n in graph.node if n.op_type == "Identity" and set(n.input) & constants]
    products = [n for n in graph.node if n.op_type in ("MatMul", "Gemm")]
    of_weights = [n for n in products if n.input[1] in constants]
    assert not shared and len(of_weights) == 14  # 2 layers of 6, pooler, classifier
    assert len({n.input[1] for n in of_weights}) == 8
    fp32 = load(tmp_path / "fp32").predict_logits(["i am so happy"])
    steps = {
        "int4": {"name": "int4", "kind": "quantize", **STEPS["int4-gptq"]},
        "static": filled("quantize", kind="quantize", method="static", calibration={"texts": 9}),
        "dynamic": filled("quantize", kind="quantize", method="dynamic"),
    }
    for name, step in steps.items():
        out = tmp_path / name
        make = quantize_blocks if name == "int4" else quantize
        make(parent=tmp_path / "fp32", step=typed_step(step), seed=0, train=few.train, out=out)
        tensors = onnx.load(out / "model.onnx").graph.initializer
        whole = [t.name for t in tensors if t.data_type == TensorProto.FLOAT and len(t.dims) == 2]
        assert all("scales" in each for each in whole), name  # no matrix is left in fp32
        assert np.abs(load(out).predict_logits(["i am so happy"]) - fp32).max() < 1
        assert exact_unasked(out, ["i am so happy"])  # opens, on a processor without VNNI too
    findings = read_bundle(tmp_path / "int4").facts["findings"]["int4"]
    assert findings["four_bit_weight_share"] > 0.95
