"""Quantized LSTM bundles: as many bits on disk as asked for, the same answers in a fresh process."""

import ast
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
from lstm_models import VOCABULARY, weights_of, write_checkpoint
from resealed import alone
from test_plain_onnxruntime import predicted

from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.lstm import forward, post_training
from emopress.lstm.fused_graph import fused_graph
from emopress.lstm.quantize import quantize_lstm
from emopress.lstm.weights import read_weights
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.codes import read_codes

BEFORE = Path(__file__).parent / "bundles_before" / "lstm-gpfq3"  # made by commit 08d68c1

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


@pytest.mark.parametrize("changes", [{}, {"activation_bits": 4}])
@pytest.mark.parametrize("kind", ["discriminative", "generative"])
@pytest.mark.parametrize("bits", [2, 3, 5, 8])
def test_weights_take_their_bits_in_the_graph(made, kind, bits, changes):
    checkpoint, bundle = made(kind, "rtn", bits=bits, **changes)
    arrays = read_weights(checkpoint).arrays()
    weights = sum(array.size for array in arrays.values() if array.ndim == 2)
    held = onnx.load(bundle / "model.onnx", load_external_data=False).graph.initializer
    assert all(t.data_location == onnx.TensorProto.DEFAULT for t in held)
    (packed,) = (onnx.numpy_helper.to_array(t) for t in held if t.name == "codes")
    assert packed.dtype == np.uint8
    assert weights * bits / 8 <= packed.nbytes < weights * bits / 8 + 8
    others = {t.name: onnx.numpy_helper.to_array(t).nbytes for t in held if t.name != "codes"}
    scales = sum(size for name, size in others.items() if "scales" in name)
    biases = sum(size for name, size in others.items() if "bias" in name and "pads" not in name)
    assert sum(others.values()) < scales + biases + 700  # the rest are shapes


@pytest.mark.parametrize("changes", [{}, {"activation_bits": 8}])
@pytest.mark.parametrize("kind", ["discriminative", "generative"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_plain_onnx_runtime_opens_it(made, kind, bits, changes):
    """At every width, and alone in a folder: the same logits to the bit, for one text a call as for a batch."""
    _, bundle = made(kind, "rtn", bits=bits, **changes)
    model = load(bundle)
    run = onnxruntime.InferenceSession(bundle / "model.onnx", providers=["CPUExecutionProvider"])
    wanted = [each.name for each in run.get_inputs()]
    for text in TEXTS[:2]:
        feed = model.encoder([text])
        logits = run.run(["logits"], {name: feed[name] for name in wanted})[0]
        assert logits.tobytes() == model.predict_logits([text]).tobytes()


@pytest.mark.parametrize("changes", [{}, {"activation_bits": 8}])
@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_the_documented_lines_run_it_without_emopress(made, tmp_path, kind, changes):
    _, bundle = made(kind, bits=3, **changes)
    printed = ast.literal_eval(predicted(bundle, TEXTS[0], tmp_path))
    assert list(printed.values()) == pytest.approx(load(bundle).predict_logits(TEXTS[:1])[0])


@pytest.mark.parametrize("method", ["rtn", "gpfq"])
def test_a_batch_of_32_is_what_single_texts_are(made, method):
    model = load(made("discriminative", method, bits=3)[1])
    texts = [" ".join(f"w{place}" for place in range(n % 9)) for n in range(40)]
    alone = model.predict_logits(texts)
    assert alone.tobytes() == model.predict_logits(texts, batch_size=32).tobytes()
    assert len({row.tobytes() for row in alone}) == 9


def test_a_graph_for_one_text_refuses_two(made):
    _, bundle = made("discriminative", bits=3)
    run = onnxruntime.InferenceSession(bundle / "model.onnx", providers=["CPUExecutionProvider"])
    assert [(each.name, each.shape) for each in run.get_inputs()] == [("input_ids", [1, "tokens"])]
    with pytest.raises(Exception, match="invalid dimensions for input: input_ids"):
        run.run(["logits"], {"input_ids": np.array([[2, 5, 3], [2, 6, 3]])})


def test_another_number_of_texts_a_call_is_of_a_newer_emopress(made, tmp_path):
    copy = shutil.copytree(made("discriminative", bits=3)[1], tmp_path / "copy")
    manifest = json.loads((copy / "bundle.json").read_text("utf-8"))
    assert manifest["texts_per_call"] == 1
    (copy / "bundle.json").write_text(json.dumps({**manifest, "texts_per_call": 4}))
    with pytest.raises(UserError, match="unknown texts_per_call 4; a newer emopress made it"):
        load(copy)


def test_bundles_made_before_predict_the_same():
    """Their graph names weights that lie in codes.npz; padding and other texts change nothing."""
    model = load(BEFORE)
    expected = [
        *([-0.4201, 0.1561, 0.4612], [-0.3565, 0.2870, 0.1733], [-0.4447, 0.4672, 0.4187]),
        *([-0.3359, 0.2566, 0.3822], [-0.1019, 0.3989, 0.3416]),
    ]
    for batch_size in (1, 5):
        found = model.predict_logits(TEXTS, batch_size=batch_size)
        assert found == pytest.approx(np.array(expected), abs=2e-4)
    with pytest.raises(Exception, match="weights-that-emopress-supplies"):
        onnxruntime.InferenceSession(BEFORE / "model.onnx", providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("discriminative", {}, {"activation_bits": 8, "texts_per_call": 1}),
        ("generative", {}, {"activation_bits": 8}),
        ("discriminative", {"activation_bits": 4}, {"activation_bits": 4}),
        ("generative", {"activation_bits": 3}, {"activation_bits": 3}),
    ],
)
def test_who_ships_it_sees_how_it_computes(made, kind, changes, told):
    manifest = read_bundle(made(kind, "rtn", bits=4, **changes)[1]).manifest
    keys = ("activation_bits", "texts_per_call")
    assert {key: manifest[key] for key in keys if key in manifest} == told


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
    assert set(facts["files"]) == {"model.onnx", "tokenizer.json"}


def test_the_seed_chooses_the_texts_and_balanced_their_labels(made, monkeypatch):
    seen = []

    def spy(weights, ids, mask, labels, *rest, **more):
        seen.append(np.bincount(labels).tolist())
        return post_training.quantized_network(weights, ids, mask, labels, *rest, **more)

    monkeypatch.setattr("emopress.lstm.quantize.quantized_network", spy)
    same, other = (made("generative", bits=3, seed=seed, place="-labels")[1] for seed in (0, 1))
    assert (same / "model.onnx").read_bytes() != (other / "model.onnx").read_bytes()
    again = made("generative", bits=3, seed=0, place="-again")[1]
    assert again != same
    assert (same / "model.onnx").read_bytes() == (again / "model.onnx").read_bytes()
    assert sum(seen[0]) == 30 and seen[0] == seen[2]
    balanced = made("generative", bits=3, calibration={"texts": 30, "balanced": True})[1]
    assert seen[3] == [12, 12, 6] != seen[0]  # label c has but 6 texts; the others share the rest
    assert (same / "model.onnx").read_bytes() != (balanced / "model.onnx").read_bytes()


@pytest.mark.parametrize("kind", ["discriminative", "generative"])
def test_a_graph_that_computes_something_else_is_not_written(made, monkeypatch, kind):
    def wrong(model):
        bias = model.network.output_bias + np.float32(0.01) * np.arange(
            len(model.network.output_bias)
        )
        other = replace(model, network=replace(model.network, output_bias=bias.astype(np.float32)))
        return fused_graph(other)

    monkeypatch.setattr("emopress.lstm.quantize.fused_graph", wrong)
    with pytest.raises(UserError, match="logits differ from the quantized network's by 0"):
        made(kind, bits=4, place="-wrong")


def test_other_files_are_no_codes(tmp_path):
    found = read_codes(BEFORE / "codes.npz")
    assert max(int(codes.max()) for codes in found.values()) == 6  # 3 bits: -3 to 3
    path = tmp_path / "codes.npz"
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="not codes of emopress"):
        read_codes(path)
