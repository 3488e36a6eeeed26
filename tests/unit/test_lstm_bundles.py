"""Quantized LSTM bundles: as many bits on disk as asked for, the same answers in a fresh process."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
from lstm_models import LABELS, VOCABULARY, weights_of, write_checkpoint
from resealed import alone

from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.lstm import forward, post_training
from emopress.lstm.integer_graph import integer_graph
from emopress.lstm.quantize import quantize_lstm
from emopress.lstm.weights import read_weights
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.codes import read_codes, write_codes

RELOAD = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
request = json.load(open(sys.argv[1], encoding="utf-8"))
found = load(request["bundle"]).predict_logits(request["texts"])
heavy = sorted({"torch", "transformers", "onnx", "pandas", "scipy"} & set(sys.modules))
assert not heavy, heavy
np.save(sys.argv[2], found)
"""


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Eighty training texts, of label c only a few."""
    rng = np.random.default_rng(0)
    words = [" ".join(rng.choice(VOCABULARY[4:], rng.integers(2, 9))) for _ in range(80)]
    labels = [0] * 40 + [1] * 34 + [2] * 6
    path = tmp_path_factory.mktemp("data") / "train.parquet"
    ids = [str(place) for place in range(80)]
    pandas.DataFrame({"id": ids, "text": words, "label": labels}).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, train, filled):
    """Return a function that quantizes a checkpoint of some kind and gives its two folders."""
    root = tmp_path_factory.mktemp("lstm")
    checkpoints = {
        kind: write_checkpoint(root / kind / "checkpoint", weights_of(kind))
        for kind in ("discriminative", "generative")
    }

    def make(kind, method="gpfq", seed=0, place="", **changes):
        settings = {"calibration": {"texts": 30}, **changes}
        step = filled(method, name="q", kind="quantize", method=method, **settings)
        out = root / f"{kind}-{method}-{seed}-{json.dumps(changes, sort_keys=True)}{place}"
        quantize_lstm(
            parent=checkpoints[kind], step=typed_step(step), seed=seed, train=train, out=out
        )
        return checkpoints[kind], out

    return make


TEXTS = ["w1 w2 w3", "w4", "", "w9 w8 w7 w6 w5 w4 w3 w2 w1 w0 w11 w12 w13", "unheard w20 of"]


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
@pytest.mark.parametrize("method", ["rtn", "gpfq"])
def test_eight_bits_are_nearly_the_fp32_model(made, kind, method):
    checkpoint, bundle = made(kind, method, bits=8)
    model = load(bundle)
    feed = model.encoder(TEXTS)
    network = forward.network_of(read_weights(checkpoint))
    expected = forward.logits(network, feed["input_ids"], feed["attention_mask"])
    found = model.predict_logits(TEXTS, batch_size=5)
    assert np.abs(found - expected).mean() < 0.05 * expected.std()
    assert model.predict_logits(TEXTS) == pytest.approx(found, abs=1e-4)  # one by one, unpadded


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_eight_bits_are_exact_on_this_processor(made, exact_unasked, kind):
    assert exact_unasked(made(kind, "rtn", bits=8)[1], TEXTS)


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_a_fresh_process_gives_the_same_logits_and_needs_no_torch(made, python, tmp_path, kind):
    _, bundle = made(kind, bits=3)
    copy = alone(bundle, tmp_path / "copy")
    (tmp_path / "request.json").write_text(json.dumps({"bundle": str(copy), "texts": TEXTS}))
    python(RELOAD, tmp_path / "request.json", tmp_path / "found.npy")
    assert np.load(tmp_path / "found.npy").tobytes() == load(bundle).predict_logits(TEXTS).tobytes()


@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_codes_take_their_bits_on_disk(made, bits):
    checkpoint, bundle = made("generative", "rtn", bits=bits)
    arrays = read_weights(checkpoint).arrays()
    matrices = [array.size for name, array in arrays.items() if array.ndim == 2]
    with np.load(bundle / "codes.npz") as stored:
        size = sum(stored[name].nbytes for name in stored.files if name != "index")
    assert sum(matrices) * bits / 8 <= size <= sum(matrices) * bits / 8 + 6
    codes = read_codes(bundle / "codes.npz")
    assert max(int(array.max()) for array in codes.values()) == 2**bits - 2
    (graph,) = {onnx.load(bundle / "model.onnx", load_external_data=False).graph.name}
    assert graph == "lstm"
    held = onnx.load(bundle / "model.onnx", load_external_data=False).graph.initializer
    apart = [t for t in held if t.data_location == onnx.TensorProto.EXTERNAL]
    assert {t.name for t in apart} == set(codes)
    named = {entry.value for t in apart for entry in t.external_data if entry.key == "location"}
    assert named == {"weights-that-emopress-supplies"}
    assert not (bundle / "weights-that-emopress-supplies").exists()


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_plain_onnx_runtime_refuses_to_open_it(made, kind):
    _, bundle = made(kind, "rtn", bits=8)
    with pytest.raises(Exception, match="weights-that-emopress-supplies"):
        onnxruntime.InferenceSession(bundle / "model.onnx", providers=["CPUExecutionProvider"])
    load(bundle).predict_logits(TEXTS)


def test_the_manifest_tells_what_was_done(made):
    _, bundle = made("generative", "gpfq", bits=4, activation_bits=6)
    facts = read_bundle(bundle).facts
    assert (facts["family"], facts["kind"], facts["runtime"]) == (
        "lstm",
        "generative",
        "onnxruntime",
    )
    assert (facts["weight_bits"], facts["simulated"]) == (4, False)
    assert [step["name"] for step in facts["recipe"]] == ["lstm", "q"]
    assert facts["nonzero_params"] < facts["params"]
    found = facts["findings"]["q"]
    assert found["calibration_texts"] == 30 and found["calibration_tokens"] > 90
    layers = found["quantized_layers"]
    assert layers["embedding"]["bits"] == 4 and layers["state (activations)"]["bits"] == 6
    assert set(facts["files"]) == {"model.onnx", "codes.npz", "tokenizer.json"}


def test_the_seed_chooses_the_texts_and_balanced_their_labels(made, monkeypatch):
    seen = []

    def spy(weights, ids, mask, labels, *rest, **more):
        seen.append(np.bincount(labels).tolist())
        return post_training.quantized_network(weights, ids, mask, labels, *rest, **more)

    monkeypatch.setattr("emopress.lstm.quantize.quantized_network", spy)
    same, other = (made("generative", bits=3, seed=seed, place="-labels")[1] for seed in (0, 1))
    assert (same / "codes.npz").read_bytes() != (other / "codes.npz").read_bytes()
    again = made("generative", bits=3, seed=0, place="-again")[1]
    assert again != same
    assert (same / "codes.npz").read_bytes() == (again / "codes.npz").read_bytes()
    assert sum(seen[0]) == 30 and seen[0] == seen[2]
    balanced = made("generative", bits=3, calibration={"texts": 30, "balanced": True})[1]
    assert seen[3] == [12, 12, 6] != seen[0]  # label c has but 6 texts; the others share the rest
    assert (same / "codes.npz").read_bytes() != (balanced / "codes.npz").read_bytes()


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_a_graph_that_computes_something_else_is_not_written(made, monkeypatch, kind):
    def wrong(model):
        bias = model.network.output_bias + np.float32(0.01) * np.arange(
            len(model.network.output_bias)
        )
        other = replace(model, network=replace(model.network, output_bias=bias.astype(np.float32)))
        return integer_graph(other)

    monkeypatch.setattr("emopress.lstm.quantize.integer_graph", wrong)
    with pytest.raises(UserError, match="logits differ from the quantized network's by 0"):
        made(kind, bits=4, place="-wrong")


def test_other_files_are_no_codes(tmp_path):
    path = tmp_path / "codes.npz"
    codes = np.arange(LABELS * 4, dtype=np.uint8).reshape(LABELS, 4) % 8
    write_codes(path, {"one": (codes, 3), "two": (codes[:1], 8)})
    found = read_codes(path)
    assert np.array_equal(found["one"], codes) and np.array_equal(found["two"], codes[:1])
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="not codes of emopress"):
        read_codes(path)
