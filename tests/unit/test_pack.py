"""Packing: bit patterns by hand, the same logits from a smaller file, errors that say what to do."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from resealed import reseal

from emopress.bundle.export import export_transformer
from emopress.bundle.pack import encode, pack
from emopress.compress.prune_magnitude import prune_magnitude
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.packed import decode, read_packed
from emopress.train.run import TrainingRun

STEP = {"name": "packed", "kind": "pack"}
RELOAD = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
request = json.load(open(sys.argv[1], encoding="utf-8"))
found = load(request["bundle"]).predict_logits(request["texts"])
heavy = sorted({"torch", "transformers", "onnx", "pandas"} & set(sys.modules))
assert not heavy, heavy
np.save(sys.argv[2], found)
"""


def round_trip(array):
    coded = encode(array)
    patterns = decode(coded.mask, coded.values, array.size, coded.fill)
    return coded, patterns.view(array.dtype).reshape(array.shape)


def test_a_float_array_by_hand():
    array = np.array([0, 1.5, 0, 0, -2, 0, 0, 0, 3, 0], dtype=np.float32)
    coded, back = round_trip(array)
    assert coded.mask.tolist() == [0b01001000, 0b10000000]
    assert coded.values.view(np.float32).tolist() == [1.5, -2, 3]
    assert coded.size_bytes == 2 + 3 * 4
    assert np.array_equal(back, array)


def test_an_int8_table_leaves_its_commonest_value_out():
    array = np.array([[7, 128, 128], [128, 0, 128]], dtype=np.uint8)
    coded, back = round_trip(array)
    assert coded.fill == 128 and coded.values.tolist() == [7, 0]
    assert coded.mask.tolist() == [0b10001000]
    assert np.array_equal(back, array)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8])
@pytest.mark.parametrize("size", [1, 8, 4099])
def test_decoding_gives_the_same_bits(dtype, size):
    rng = np.random.default_rng(size)
    array = (rng.normal(size=size) * 50 * (rng.random(size) < 0.4)).astype(np.int8).astype(dtype)
    _, back = round_trip(array)
    assert back.dtype == array.dtype and back.tobytes() == array.tobytes()


def test_minus_zero_and_nan_survive():
    array = np.array([0.0, -0.0, np.nan, np.inf], dtype=np.float32)
    coded, back = round_trip(array)
    assert coded.values.size == 3
    assert back.tobytes() == array.tobytes()


def with_zeros(folder, share, *, smallest=4096):
    """Set the smallest `share` of every large float weight of an fp32 bundle to zero; return their size."""
    model, elements = onnx.load(folder / "model.onnx"), 0
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if array.size >= smallest and array.dtype == np.float32:
            array[np.abs(array) <= np.quantile(np.abs(array), share)] = 0
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
            elements += array.size
    onnx.save(model, folder / "model.onnx")
    reseal(folder)
    return elements


@pytest.mark.parametrize(("share", "expected"), [(0.3, 0.73), (0.5, 0.53)])
def test_size_falls_with_the_zeros(copied, tmp_path, share, expected):
    parent, out = copied("bert"), tmp_path / "out"
    elements = with_zeros(parent, share)
    pack(parent=parent, step=typed_step(STEP), out=out)
    findings = read_bundle(out).facts["findings"]["packed"]
    assert findings["dense_size_bytes"] == 4 * elements
    assert findings["packed_tensors"] == 14
    assert findings["stored_size_bytes"] == (out / "packed.npz").stat().st_size
    # 1 bit of 32 for the mask, and the values that are left; the index of names comes on top
    assert findings["stored_size_bytes"] / (4 * elements) == pytest.approx(expected, abs=0.015)
    saved = read_bundle(parent).size_bytes - read_bundle(out).size_bytes
    assert saved > 0.9 * (1 - expected) * 4 * elements


@pytest.fixture(scope="module")
def packed(artifacts, tmp_path_factory):
    """The packed children of a pruned bundle in fp32 and int8, by their parent's name."""
    root = tmp_path_factory.mktemp("packed")
    bundles = {name: root / name for name in ("pruned", "pruned-static")}
    for name, out in bundles.items():
        pack(parent=artifacts.bundles[name], step=typed_step(STEP), out=out)
    return bundles


@pytest.mark.parametrize("name", ["pruned", "pruned-static"])
def test_logits_are_the_parents_to_the_bit(artifacts, packed, texts, name):
    expected = load(artifacts.bundles[name]).predict_logits(texts)
    found = load(packed[name]).predict_logits(texts)
    assert found.tobytes() == expected.tobytes()
    batch = load(packed[name]).predict_logits(texts, batch_size=8)
    assert (
        batch.tobytes()
        == load(artifacts.bundles[name]).predict_logits(texts, batch_size=8).tobytes()
    )


@pytest.mark.parametrize("name", ["pruned", "pruned-static"])
def test_a_fresh_process_needs_neither_torch_nor_onnx(
    artifacts, packed, texts, python, tmp_path, name
):
    request = {"bundle": str(packed[name]), "texts": texts}
    (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
    python(RELOAD, tmp_path / "request.json", tmp_path / "found.npy")
    found = np.load(tmp_path / "found.npy")
    assert found.tobytes() == load(artifacts.bundles[name]).predict_logits(texts).tobytes()


def test_plain_onnx_runtime_refuses_to_open_it(packed):
    with pytest.raises(Exception, match="weights-that-emopress-supplies"):
        onnxruntime.InferenceSession(
            packed["pruned"] / "model.onnx", providers=["CPUExecutionProvider"]
        )


@pytest.mark.parametrize("name", ["pruned", "pruned-static"])
def test_the_decoded_weights_are_the_parents(artifacts, packed, name):
    stored = onnx.load(artifacts.bundles[name] / "model.onnx").graph.initializer
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}
    decoded = read_packed(packed[name] / "packed.npz")
    assert len(decoded) > 5
    for weight, array in decoded.items():
        assert array.shape == before[weight].shape and array.dtype == before[weight].dtype
        assert array.tobytes() == before[weight].tobytes()


@pytest.mark.parametrize("name", ["pruned", "pruned-static"])
def test_the_file_is_smaller_and_the_facts_are_the_parents(artifacts, packed, name):
    parent, child = read_bundle(artifacts.bundles[name]), read_bundle(packed[name])
    assert child.size_bytes < parent.size_bytes
    assert set(child.facts["files"]) == {"model.onnx", "packed.npz", "tokenizer.json"}
    assert child.facts["packed"] is True and child.facts["runtime"] == "onnxruntime"
    for key in ("weight_bits", "params", "nonzero_params", "labels", "simulated"):
        assert child.facts[key] == parent.facts[key]
    assert [step["name"] for step in child.facts["recipe"]][-1] == "packed"


def test_equal_bundles_give_equal_files(artifacts, packed, tmp_path):
    pack(parent=artifacts.bundles["pruned"], step=typed_step(STEP), out=tmp_path / "again")
    for name in ("model.onnx", "packed.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (packed["pruned"] / name).read_bytes()


@pytest.mark.parametrize("name", ["bert", "bert-static", "bert-dynamic"])
def test_dense_weights_are_refused(artifacts, tmp_path, name):
    with pytest.raises(UserError, match="too few weights are zero; pack follows pruning"):
        pack(parent=artifacts.bundles[name], step=typed_step(STEP), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_runtimes_and_packed_bundles_are_refused(artifacts, packed, tmp_path):
    for parent in (artifacts.bundles["linear"], packed["pruned"]):
        with pytest.raises(UserError, match="unpacked bundle of runtime onnxruntime"):
            pack(parent=parent, step=typed_step(STEP), out=tmp_path / "out")


def test_foreign_weights_are_named(tmp_path):
    np.savez(tmp_path / "packed.npz", weights=np.zeros(3))
    with pytest.raises(UserError, match=r"packed\.npz: not packed weights of emopress"):
        read_packed(tmp_path / "packed.npz")


@pytest.mark.parametrize(("amount", "expected"), [(0.3, 0.73), (0.5, 0.53)])
def test_what_the_pruning_pass_leaves_is_stored_as_one_bit_a_zero(
    artifacts, few, filled, tmp_path, amount, expected
):
    """Zeros of negative weights too: -0 would be stored as a value."""
    step = filled("magnitude", kind="prune", method="magnitude", amount=amount, scope="layer")
    prune_magnitude(
        parent=artifacts.checkpoints["bert"],
        step=typed_step(step),
        seed=0,
        train=few.train,
        validation=few.validation,
        out=tmp_path / "pruned",
        device="cpu",
        run=TrainingRun(tmp_path / "state", code="tests"),
    )
    export_transformer(tmp_path / "pruned", tmp_path / "dense")
    pack(parent=tmp_path / "dense", step=typed_step(STEP), out=tmp_path / "out")
    findings = read_bundle(tmp_path / "out").facts["findings"]["packed"]
    assert findings["packed_tensors"] == 13, "two layers of six, and the pooler"
    share = findings["stored_size_bytes"] / findings["dense_size_bytes"]
    assert share == pytest.approx(expected, abs=0.02)
