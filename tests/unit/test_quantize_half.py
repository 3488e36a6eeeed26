"""Sixteen bits: half the file, nearly the same logits, and what the products are computed in."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from resealed import reseal

from emopress.bundle.quantize_half import (
    bfloat16,
    count_floats,
    product_types,
    quantize_half,
    to_bf16,
    to_fp16,
)
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle

ENCODERS = ["bert", "distilbert", "electra"]
METHODS = ["fp16", "bf16"]
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


def convert(parent, method, out):
    step = {"name": "half", "kind": "quantize", "method": method}
    quantize_half(parent=parent, step=typed_step(step), out=out)
    return out


@pytest.fixture(scope="module")
def bundles(artifacts, tmp_path_factory):
    """The 16-bit bundles, by parent and method."""
    root = tmp_path_factory.mktemp("half")
    return {
        (parent, method): convert(artifacts.bundles[parent], method, root / f"{parent}-{method}")
        for parent in [*ENCODERS, "pruned"]
        for method in METHODS
    }


def test_same_predictions_in_a_fresh_process_without_onnx(bundles, texts, python, tmp_path):
    names = {" ".join(key): str(path) for key, path in bundles.items()}
    request = json.dumps({"bundles": names, "texts": texts})
    (tmp_path / "request.json").write_text(request, encoding="utf-8")
    python(RELOAD, tmp_path / "request.json", tmp_path / "found.npz")
    with np.load(tmp_path / "found.npz") as found:
        for name, path in names.items():
            assert np.array_equal(found[name], load(path).predict_proba(texts)), name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("parent", ENCODERS)
def test_logits_stay_within_rounding_and_differ(artifacts, bundles, texts, parent, method):
    expected = load(artifacts.bundles[parent]).predict_logits(texts)
    found = load(bundles[parent, method]).predict_logits(texts)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    gap = np.abs(found - expected).max() / expected.std()
    # 11 bits of significand against 8: a bf16 weight is off by up to 1 in 512
    assert 0 < gap < {"fp16": 0.02, "bf16": 0.05}[method]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("parent", ENCODERS)
def test_weights_take_half_the_bytes(artifacts, bundles, parent, method):
    before, after = (
        read_bundle(path) for path in (artifacts.bundles[parent], bundles[parent, method])
    )
    total, _, _ = count_floats(onnx.load(before.folder / "model.onnx"))
    vectors = sum(
        int(np.prod(tensor.dims))
        for tensor in onnx.load(before.folder / "model.onnx").graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 1
    )
    halved = total - vectors if method == "bf16" else total
    saved = 2 * halved - 35_000  # casts, and the types of values that fp16 notes
    assert before.size_bytes - after.size_bytes > saved > 0.3 * before.size_bytes
    facts = after.facts
    assert facts["weight_bits"] == 16 and not facts["simulated"]
    assert facts["findings"]["half"]["half_weight_share"] == round(halved / total, 4)
    types = {
        tensor.data_type for tensor in onnx.load(after.folder / "model.onnx").graph.initializer
    }
    stored = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}[method]
    assert (stored in types) and (TensorProto.FLOAT in types) == (method == "bf16")


@pytest.mark.parametrize("method", METHODS)
def test_the_manifest_says_what_the_products_are_computed_in(bundles, method):
    folder = bundles["bert", method]
    findings = read_bundle(folder).facts["findings"]["half"]
    counts = product_types(folder / "model.onnx", threads=1)
    # 2 layers of 4 projections, 2 attention products and 2 feed-forward ones; pooler, classifier
    assert findings["products"] == sum(counts.values()) == 2 * 8 + 2
    assert findings["products_in_half_precision"] == counts["fp16"] + counts["bf16"]
    assert findings["arithmetic"] == " and ".join(name for name in counts if counts[name])
    if method == "bf16":
        assert findings["arithmetic"] == "fp32"


def test_bfloat16_is_the_upper_half_of_a_float(artifacts):
    model = onnx.load(artifacts.bundles["bert"] / "model.onnx")
    name = "model.classifier.weight"
    before = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}[name]
    halved = {t.name: t for t in to_bf16(model).graph.initializer}[f"{name}_bf16"]
    # to nearest, ties to even, on the bits
    bits = before.view(np.uint32).astype(np.uint64)
    expected = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    assert halved.raw_data == expected.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_pruned_weights_stay_zero(artifacts, bundles, method):
    kept = read_bundle(artifacts.bundles["pruned"]).facts["nonzero_params"]
    parent = count_floats(onnx.load(artifacts.bundles["pruned"] / "model.onnx"))[2]
    found = count_floats(onnx.load(bundles["pruned", method] / "model.onnx"))[2]
    facts = read_bundle(bundles["pruned", method]).facts
    assert facts["nonzero_params"] == kept - (parent - found)
    assert facts["nonzero_params"] == kept  # no weight of these is too small for a half


def test_a_weight_that_fp16_cannot_hold_is_named(artifacts, copied, tmp_path):
    folder = copied("bert")
    model = onnx.load(folder / "model.onnx")
    tensor = next(t for t in model.graph.initializer if t.name == "model.classifier.weight")
    array = numpy_helper.to_array(tensor).copy()
    array[0, 0] = 1e5
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    with pytest.raises(
        UserError, match=r"a value of model\.classifier\.weight is 1e\+05, and fp16"
    ):
        to_fp16(model)
    onnx.save(model, folder / "model.onnx")
    reseal(folder)
    with pytest.raises(UserError, match="fp16 ends at 65504"):
        convert(folder, "fp16", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert np.isfinite(load(convert(folder, "bf16", tmp_path / "out")).predict_logits(["so"])).all()


def test_what_bf16_would_make_infinite_is_named():
    """Its range is that of fp32 but for the last half step."""
    assert (
        bfloat16("w", np.float32([[3.38e38, -1e-38]]), "method bf16").astype(float).max() < np.inf
    )
    with pytest.raises(
        UserError, match=r"method bf16: a value of w is 3\.4e\+38, which bf16 rounds"
    ):
        bfloat16("w", np.float32([[1, -3.4e38]]), "method bf16")


@pytest.mark.parametrize("method", METHODS)
def test_the_same_bytes_again(artifacts, bundles, tmp_path, method):
    again = convert(artifacts.bundles["bert"], method, tmp_path / "again")
    first = bundles["bert", method] / "model.onnx"
    assert (again / "model.onnx").read_bytes() == first.read_bytes()
