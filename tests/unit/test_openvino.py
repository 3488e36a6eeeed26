"""Runtime openvino: the same answers in every precision, real int8 files, errors that say what to do."""

import builtins
import importlib.util
import json
import re
import shutil
import sys

import numpy as np
import onnx
import pandas
import pytest
from onnx import numpy_helper
from resealed import alone, reseal

from emopress.artifact import read_json
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.run import TrainingRun
from plain_entries import built

MISSING = [name for name in ("openvino", "nncf") if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING),
    reason=f"NOT TESTED: no {', '.join(MISSING)}; needs the extra: requirements-openvino.lock",
)
CALIBRATION = {"texts": 20, "balanced": False}
WANTED = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
ENCODERS = ["bert", "distilbert", "electra"]
RELOAD = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
request = json.load(open(sys.argv[1], encoding="utf-8"))
found = load(request["bundle"]).predict_logits(request["texts"])
heavy = sorted({"torch", "transformers", "onnx", "onnxruntime", "nncf", "pandas"} & set(sys.modules))
assert not heavy, heavy
assert not [m for m in sys.modules if m.startswith("openvino_telemetry.")]
np.save(sys.argv[2], found)
"""


def step(precision):
    return {
        "name": precision,
        "kind": "openvino",
        "precision": precision,
        "calibration": CALIBRATION,
    }


def supported():
    """Return the precisions of `WANTED` that this CPU computes in."""
    from emopress.runtime.openvino import import_openvino

    able = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {"fp32", "int8", *(name for name in ("bf16", "fp16") if name.upper() in able)}


def convert_from(folder, precision, out, *, train=None, seed=0):
    from emopress.bundle.openvino import openvino

    openvino(parent=folder, step=typed_step(step(precision)), seed=seed, train=train, out=out)


def convert(artifacts, few, parent, precision, out, seed=0):
    convert_from(artifacts.bundles[parent], precision, out, train=few.train, seed=seed)


def altered(folder, copy=None, **facts):
    """Copy a bundle if `copy` is given, and write its manifest anew with other facts."""
    folder = shutil.copytree(folder, copy) if copy else folder
    return reseal(folder, **facts)


@pytest.fixture(scope="module")
def converted(artifacts, few, tmp_path_factory):
    """The converted bundles by (parent, precision)."""
    root = tmp_path_factory.mktemp("openvino")
    pairs = [(p, w) for p in ENCODERS for w in ("fp32", "int8")] + [("pruned", "int8")]
    if "bf16" in supported():
        pairs.append(("bert", "bf16"))
    for parent, precision in pairs:
        convert(artifacts, few, parent, precision, root / f"{parent}-{precision}")
    return {pair: root / "-".join(pair) for pair in pairs}


@pytest.fixture(scope="module")
def expected(artifacts, texts):
    """The parents' logits in ONNX Runtime."""
    return {
        name: load(artifacts.bundles[name]).predict_logits(texts) for name in [*ENCODERS, "pruned"]
    }


def gap(converted, expected, texts, parent, precision):
    return np.abs(load(converted[parent, precision]).predict_logits(texts) - expected[parent])


@pytest.mark.parametrize("name", ENCODERS)
def test_fp32_gives_the_logits_of_onnx_runtime(converted, expected, texts, name):
    assert gap(converted, expected, texts, name, "fp32").max() < 1e-4


@pytest.mark.parametrize("name", [*ENCODERS, "pruned"])
def test_int8_stays_near_fp32_and_differs(converted, expected, texts, name):
    found = load(converted[name, "int8"]).predict_logits(texts)
    gap = np.abs(found - expected[name])
    assert 0 < gap.mean() < 0.1 * expected[name].std()
    batch = load(converted[name, "int8"]).predict_logits(texts, batch_size=16)
    assert np.abs(batch - expected[name]).mean() < 0.1 * expected[name].std()


def test_a_trained_model_keeps_its_labels_in_int8(demo, training, tmp_path):
    """Random weights have near ties; a model that has learned has few."""
    from emopress.bundle.export import export_transformer
    from emopress.bundle.openvino import openvino
    from emopress.train.finetune import finetune

    shape = {"architecture": "bert", "layers": 2, "width": 64, "heads": 2, "ffn": 128}
    entry = {
        "name": "micro",
        "family": "transformer",
        "init": {**shape, "dropout": 0.1},
        "tokenizer": {"train": "wordpiece", "vocab_size": 800, "lowercase": True},
        "train": training(epochs=6, learning_rate=2e-3),
    }
    finetune(
        step=built(entry),
        data=demo["en"].data,
        seed=0,
        device="cpu",
        train=demo["en"].train,
        validation=demo["en"].validation,
        pretrained=None,
        pretrained_tokenizer=None,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    export_transformer(tmp_path / "checkpoint", tmp_path / "bundle")
    openvino(
        parent=tmp_path / "bundle",
        step=typed_step({**step("int8"), "calibration": {"texts": 100, "balanced": True}}),
        seed=0,
        train=demo["en"].train,
        out=tmp_path / "int8",
    )
    test = pandas.read_parquet(demo["en"].test)
    fp32 = load(tmp_path / "bundle").predict_logits(test["text"].tolist()).argmax(axis=1)
    int8 = load(tmp_path / "int8").predict_logits(test["text"].tolist()).argmax(axis=1)
    assert (fp32 == test["label"].to_numpy()).mean() > 0.5  # it has learned
    assert (fp32 == int8).mean() >= 0.98


def test_bf16_is_computed_in_bf16(converted, expected, texts):
    if "bf16" not in supported():
        pytest.skip("NOT TESTED: this CPU has no bf16")
    found = gap(converted, expected, texts, "bert", "bf16")
    assert 1e-4 < found.max() < 0.1 * expected["bert"].std()


def with_large_weight(artifacts, folder):
    """Copy a bundle whose first word vector has a value that fp16 does not hold, and return it."""
    parent = shutil.copytree(artifacts.bundles["bert"], folder)
    model = onnx.load(parent / "model.onnx")
    table = next(t for t in model.graph.initializer if t.name.endswith("word_embeddings.weight"))
    array = numpy_helper.to_array(table).copy()
    array[-1, 3], array[-1, 4] = 1e5, 1e-9
    table.CopyFrom(numpy_helper.from_array(array, table.name))
    onnx.save(model, parent / "model.onnx")
    return altered(parent), array


def test_bf16_is_stored_with_the_range_of_fp32(artifacts, tmp_path):
    """Whatever this CPU computes in: the graph as it is written."""
    import openvino

    from emopress.bundle.openvino import _store_in_bf16

    folder, table = with_large_weight(artifacts, tmp_path / "large")
    model = openvino.Core().read_model(folder / "model.onnx")
    before = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ids = np.array([[len(table) - 1, 5, 6]])
    expected = before({"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
    _store_in_bf16(model, what="out")
    openvino.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    stored = openvino.Core().read_model(tmp_path / "model.xml")
    kinds = {
        node.get_friendly_name(): node
        for node in stored.get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type().to_string() == "bf16"
    }
    (words,) = (node for name, node in kinds.items() if "word_embeddings" in name)
    bits = table.view(np.uint32).astype(np.uint64)  # to nearest, ties to even
    wanted = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    assert np.array_equal(np.asarray(words.data).view(np.uint16), wanted)
    size = (folder / "model.onnx").stat().st_size
    assert 0.4 * size < (tmp_path / "model.bin").stat().st_size < 0.55 * size
    after = openvino.Core().compile_model(stored, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = after({"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()
    if "bf16" in supported():
        convert_from(folder, "bf16", tmp_path / "out")
        assert (tmp_path / "out" / "model.bin").stat().st_size < 0.55 * size
        assert np.isfinite(load(tmp_path / "out").predict_logits(["so"])).all()


def test_a_weight_that_fp16_cannot_hold_is_named(artifacts, tmp_path):
    folder, _ = with_large_weight(artifacts, tmp_path / "large")
    with pytest.raises(
        UserError,
        match=r"out: fp16: a value of .*word_embeddings.* is 1e\+05, and fp16 ends at 65504",
    ):
        convert_from(folder, "fp16", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [("bert", "fp32"), ("bert", "int8"), ("electra", "int8")])
def test_a_fresh_process_needs_neither_torch_nor_onnx_runtime(
    converted, texts, python, tmp_path, name
):
    request = {"bundle": str(alone(converted[name], tmp_path / "copy")), "texts": texts}
    (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
    python(RELOAD, tmp_path / "request.json", tmp_path / "found.npy")
    assert np.array_equal(
        np.load(tmp_path / "found.npy"), load(converted[name]).predict_logits(texts)
    )


@pytest.mark.parametrize("name", ENCODERS)
def test_batches_of_any_shape(converted, expected, texts, name):
    found = load(converted[name, "fp32"]).predict_logits(texts, batch_size=7)
    assert np.abs(found - expected[name]).max() < 1e-4


def test_single_texts_have_a_graph_per_eight_tokens(converted, texts):
    classifier = load(converted["bert", "fp32"])
    classifier.predict_logits(texts)
    longest = classifier.encoder.max_length  # the position embeddings end there
    assert set(classifier.single) <= {8, 16, 24, longest} and longest in classifier.single
    assert len(classifier.single) > 1
    shapes = {
        tokens: request.get_tensor("input_ids").shape
        for tokens, request in classifier.single.items()
    }
    assert all(list(shape) == [1, tokens] for tokens, shape in shapes.items())


def test_a_length_that_no_step_divides_ends_at_the_models(converted, texts, tmp_path):
    folder = altered(converted["bert", "fp32"], tmp_path / "copy", max_length=27)
    classifier = load(folder)
    assert np.isfinite(classifier.predict_logits(["very " * 100])).all()
    assert set(classifier.single) == {27}


def test_large_models_have_one_graph(converted, expected, texts, monkeypatch):
    monkeypatch.setattr("emopress.runtime.openvino.SMALL_BYTES", 0)
    classifier = load(converted["bert", "fp32"])
    found = classifier.predict_logits(texts)
    assert not classifier.single
    assert np.abs(found - expected["bert"]).max() < 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_int8_does_not_depend_on_padding(converted, texts, monkeypatch, name):
    """DistilBERT's did, before fused attention was switched off."""
    padded = load(converted[name, "int8"]).predict_logits(texts)
    monkeypatch.setattr("emopress.runtime.openvino.SMALL_BYTES", 0)
    exact = load(converted[name, "int8"]).predict_logits(texts)
    # fp32 layer norms and softmax round differently; a value on the edge of a step may tip over
    assert np.abs(padded - exact).mean() < 0.005 * exact.std()


@pytest.mark.parametrize("name", [*ENCODERS, "pruned"])
def test_int8_weights_are_int8_in_the_file(artifacts, converted, name):
    from emopress.runtime.openvino import import_openvino

    folder, parent = converted[name, "int8"], read_bundle(artifacts.bundles[name])
    stored = [
        node
        for node in import_openvino().Core().read_model(str(folder / "model.xml")).get_ordered_ops()
        if node.get_type_name() == "Constant" and node.get_element_type().to_string() == "i8"
    ]
    elements = sum(node.data.size for node in stored)
    assert elements > 0.9 * parent.facts["params"]
    assert any(node.data.shape[0] > 300 for node in stored)  # the vocabulary's embeddings
    binary = (folder / "model.bin").stat().st_size
    assert elements <= binary <= 0.35 * (parent.folder / "model.onnx").stat().st_size
    facts = read_bundle(folder).facts
    assert facts["weight_bits"] == 8
    assert facts["findings"]["int8"]["int8_weight_share"] > 0.9
    zeros = sum(int((node.data == 0).sum()) for node in stored)
    assert facts["params"] - facts["nonzero_params"] == pytest.approx(zeros, abs=500)


def product_codes(model):
    """The int8 codes of the weights that products read, by the product's name."""
    from emopress.bundle.openvino import weights_by_use

    return {
        use: codes
        for use, codes in weights_by_use(model, stored="i8").items()
        if use[1] == 1 and "MatMul" in use[0]
    }


def test_weights_use_all_of_their_bits(converted):
    """Half of the range would lose half of the precision on processors that need not."""
    model = load(converted["bert", "int8"]).model
    codes = product_codes(model)
    assert codes
    assert all(np.abs(array.astype(int)).max() == 127 for array in codes.values())


def test_without_vnni_weights_are_halved_when_a_bundle_is_opened(
    converted, expected, texts, monkeypatch
):
    """Pairs of products must fit into 16 bits there; a bit of the weights is lost."""
    from emopress.runtime import processor
    from emopress.runtime.overflow import halve_weights

    full = load(converted["bert", "int8"])
    monkeypatch.setattr(processor, "products_overflow", lambda: True)
    half = load(converted["bert", "int8"])
    codes = product_codes(half.model)
    assert codes.keys() == product_codes(full.model).keys()
    assert all(np.abs(array.astype(int)).max() <= 64 for array in codes.values())
    assert halve_weights(half.model) == 0  # as is a bundle that was made with half the range
    logits = {each: model.predict_logits(texts) for each, model in (("half", half), ("full", full))}
    error = {
        each: np.sqrt(np.mean((found - expected["bert"]) ** 2)) for each, found in logits.items()
    }
    assert error["full"] < error["half"] < 4 * error["full"]


def test_manifest_and_files(artifacts, converted):
    for (name, precision), folder in converted.items():
        facts = read_bundle(folder).facts
        assert facts["runtime"] == "openvino"
        assert facts["inference_precision"] == WANTED[precision]
        assert facts["findings"][precision]["inference_precision"] == WANTED[precision]
        assert set(facts["files"]) == {"model.xml", "model.bin", "tokenizer.json"}
        assert {path.name for path in folder.iterdir()} == {
            *facts["files"],
            "bundle.json",
            "provenance.json",
        }
        assert "openvino" in facts["versions"] and facts["recipe"][-1]["name"] == precision
        assert ("nncf" in facts["versions"]) == (precision == "int8")
        parent = read_bundle(artifacts.bundles[name]).facts
        assert facts["params"] == parent["params"]
        assert (facts["nonzero_params"] == parent["nonzero_params"]) == (precision != "int8")


def test_the_graph_keeps_free_shapes_and_no_paths(converted):
    for folder in converted.values():
        text = (folder / "model.xml").read_text()
        assert text.count('<data shape="?,?" element_type="i64" />') == 2
        values = re.findall(r'(?:value|name)="([^"]*)"', text)
        assert not [value for value in values if str(folder.parent) in value or "/tmp/" in value]


def test_the_same_seed_gives_the_same_file(artifacts, converted, few, tmp_path):
    convert(artifacts, few, "bert", "int8", tmp_path / "again")
    for file in ("model.xml", "model.bin"):
        first = (converted["bert", "int8"] / file).read_bytes()
        assert (tmp_path / "again" / file).read_bytes() == first


def test_the_order_of_the_calibration_texts_plays_no_part(artifacts, few, tmp_path):
    """NNCF averages over the texts: in another order biases were off by up to 0.05 %."""
    from emopress.bundle.openvino import openvino

    frame, files = pandas.read_parquet(few.train), []
    every = {**step("int8"), "calibration": {"texts": len(frame), "balanced": False}}
    for order in (frame, frame.iloc[::-1]):
        train = tmp_path / "train.parquet"
        order.to_parquet(train)
        openvino(
            parent=artifacts.bundles["bert"],
            step=typed_step(every),
            seed=0,
            train=train,
            out=tmp_path / "out",
        )
        files.append((tmp_path / "out" / "model.bin").read_bytes())
    assert files[0] == files[1]


def test_large_models_shrink_to_a_quarter(tmp_path, artifacts, few):
    """The graph's XML is of one size; beside the weights of a real model it does not count."""
    from emopress.bundle.openvino import openvino

    parent = shutil.copytree(artifacts.bundles["bert"], tmp_path / "wide")
    model = onnx.load(parent / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name.endswith("word_embeddings.weight"):
            rows = np.tile(numpy_helper.to_array(tensor), (150, 1))
            tensor.CopyFrom(numpy_helper.from_array(rows, tensor.name))
    onnx.save(model, parent / "model.onnx")
    altered(parent)
    openvino(
        parent=parent, step=typed_step(step("int8")), seed=0, train=few.train, out=tmp_path / "out"
    )
    # a row of 64 has a scale of its own: 1 / 64 of the table (of 768: 0.1 %)
    share = read_bundle(tmp_path / "out").size_bytes / read_bundle(parent).size_bytes
    assert 0.25 < share <= 0.285


def test_a_precision_that_the_cpu_lacks_is_refused(artifacts, few, tmp_path):
    lacking = sorted({"bf16", "fp16"} - supported())
    if not lacking:
        pytest.skip("NOT TESTED: this CPU computes in every precision")
    wanted = WANTED[lacking[0]]
    with pytest.raises(UserError, match=rf"does not compute in {wanted}, .*it supports .*f32"):
        convert(artifacts, few, "bert", lacking[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_loading_on_a_cpu_that_lacks_the_precision_is_refused(converted, tmp_path):
    lacking = sorted({"bf16", "fp16"} - supported())
    if not lacking:
        pytest.skip("NOT TESTED: this CPU computes in every precision")
    folder = altered(
        converted["bert", "fp32"], tmp_path / "copy", inference_precision=WANTED[lacking[0]]
    )
    with pytest.raises(UserError, match=r"model\.xml: this CPU does not compute in"):
        load(folder)


@pytest.mark.parametrize("package", ["openvino", "nncf"])
def test_a_missing_package_is_an_extra(artifacts, few, tmp_path, monkeypatch, package):
    original = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return original(name, *arguments, **keywords)

    from emopress.bundle import openvino as module  # what it imports itself is not missing

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"extra: pip install -r requirements-openvino\.lock"):
        module.openvino(
            parent=artifacts.bundles["bert"],
            step=typed_step(step("int8")),
            seed=0,
            train=few.train,
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_loading_without_openvino_names_the_extra(converted, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UserError, match=r"extra: pip install -r requirements-openvino\.lock"):
        load(converted["bert", "fp32"])


@pytest.mark.parametrize("name", ENCODERS)
def test_the_reference_row_runs_the_onnx_file_itself(artifacts, expected, texts, name):
    from emopress.runtime.openvino import load_onnx, reads_onnx

    bundle = artifacts.bundles[name]
    assert reads_onnx(read_bundle(bundle))
    classifier = load_onnx(bundle, threads=1)
    assert np.abs(classifier.predict_logits(texts) - expected[name]).max() < 1e-4
    assert np.abs(classifier.predict_logits(texts, batch_size=7) - expected[name]).max() < 1e-4
    assert classifier.single  # single texts have their graphs, as in a bundle of this runtime
    compiled = classifier.any_shape.get_compiled_model()
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 1


def test_the_reference_row_is_of_whole_fp32_graphs(artifacts, converted):
    from emopress.runtime.openvino import load_onnx

    folders = [artifacts.bundles["bert-static"], artifacts.bundles["linear"]]
    for folder in [*folders, converted["bert", "fp32"]]:
        with pytest.raises(UserError, match="OpenVINO reads a whole fp32 ONNX graph"):
            load_onnx(folder, threads=1)


def test_the_reference_row_is_timed_and_named(artifacts, demo, tmp_path):
    from emopress.measure.candidates import candidates_of
    from emopress.measure.timing import time_bundles

    manifest = artifacts.bundles["bert"] / "bundle.json"
    wanted = [("bert", 0, "bundle"), ("bert", 0, "openvino-reference")]
    settings = {"rounds": 1, "texts": 3, "warmup": 3, "batch_size": 4, "cold_starts": 1}
    out = tmp_path / "timing.json"
    time_bundles(
        candidates_of(wanted, [manifest, manifest]),
        test=demo["en"].test,
        settings=settings,
        threads=[1],
        out=out,
    )
    found = read_json(out)
    assert [row["runtime"] for row in found["rows"]] == ["onnxruntime", "openvino-reference"]
    assert [row["runtime"] for row in found["processes"]] == ["onnxruntime"]
    assert found["environment"]["openvino"] is True
    assert "openvino" in found["environment"]["versions"]


def test_whether_it_is_installed(monkeypatch):
    from emopress.runtime.openvino import installed

    assert installed()
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not installed()


QUIET = """
import sys
from pathlib import Path
home = Path(sys.argv[1])
import os
os.environ["HOME"] = str(home)
import socket
def refused(*arguments):
    raise AssertionError("something reaches for the network")
socket.socket.connect = refused
from emopress.bundle.openvino import import_nncf
import_nncf()
from nncf.telemetry import telemetry
telemetry.start_session("nncf_ov")
assert list(home.rglob("*intel*")) == [], list(home.rglob("*"))
assert not [m for m in sys.modules if m.startswith("openvino_telemetry.")]
"""


def test_telemetry_is_off(python, tmp_path):
    python(QUIET, tmp_path)


def test_the_threads_of_calibration_are_the_jobs():
    from emopress.bundle.openvino import core_threads
    from emopress.runtime.openvino import import_openvino

    openvino = import_openvino()
    before = openvino.Core
    with core_threads(1):
        assert openvino.Core().get_property("CPU", "INFERENCE_NUM_THREADS") == 1
    assert openvino.Core is before
