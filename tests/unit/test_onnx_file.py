"""`emopress export --onnx`: files that ONNX Runtime and OpenVINO open alone, with the bundle's logits."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from command_line import STUCK_S
from emopress.artifact import PROVENANCE, short_hash, short_hashes, write_json
from emopress.bundle.affine import quantize, weight_range
from emopress.bundle.onnx_file import describe, write_onnx
from emopress.bundle.pack import pack
from emopress.cli import main
from emopress.conv.onnx_graph import conv_inputs
from emopress.dense.onnx_graph import dense_inputs
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.linear.onnx_graph import linear_inputs
from emopress.linear.quantize import int8_per_class
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import MANIFEST, read_bundle
from emopress.runtime.layers_file import Layer, write_compact, write_model
from emopress.runtime.ngrams import analyzer

LABELS = ["joy", "sadness", "fear"]
TEXTS = [
    "",
    "\t ",
    "i am so happy happy today",
    "unheard-of wörds 🙂",
    "don't, it's so so sad!",
    "so " * 40,
]
KNOWN = ["am", "do", "happy", "i", "it", "n't", "sad", "so", "today", "!"]
SCRIPT = Path(__file__).parents[2] / "docs" / "onnx_file.py"
LIBRARY = SCRIPT.parents[1] / "workflow" / "scripts"
LINEAR = [(kind, bits) for kind in ("word", "char_wb") for bits in (32, 8)]
DENSE = [("average", 0, 32), ("flatten", 50, 32), ("average", 50, 2), ("flatten", 0, 3)]
DENSE += [("average", 50, bits) for bits in (4, 5, 8)] + [("flatten", 50, 4)]

CONV = [("max+mean", 32), ("max", 4), ("mean", 3), ("max+mean", 8)]
INPUTS = {"linear": linear_inputs, "dense": dense_inputs, "conv": conv_inputs}


def sealed(folder, **facts):
    """Write the manifest of a bundle made by hand."""
    write_json(folder / PROVENANCE, {"recipe": []})
    facts |= {"format": 2, "labels": LABELS, "normalise": "none"}
    files = {name: h for name, h in short_hashes(folder).items() if name != PROVENANCE}
    facts |= {"files": files, "provenance": short_hash(folder / PROVENANCE)}
    write_json(folder / MANIFEST, facts, compact=True)
    return folder


def linear_bundle(folder, kind, bits):
    """Write a linear bundle with random weights of the n-grams of two of the texts."""
    rng, ngrams = np.random.default_rng(0), [1, 2] if kind == "word" else [2, 4]
    cut = analyzer(kind, ngrams)
    grams = sorted({gram for text in (TEXTS[2], TEXTS[4]) for gram in cut(text)})
    weights = rng.standard_normal((len(grams), 3)).astype("f")
    coded = dict(zip(("weights", "scale"), int8_per_class(weights), strict=True))
    np.savez(
        folder / "model.npz",
        vocabulary=np.frombuffer("\n".join(grams).encode(), dtype=np.uint8),
        idf=rng.uniform(1, 5, len(grams)).astype("f"),
        bias=rng.standard_normal(3).astype("f"),
        **({"weights": weights} if bits == 32 else coded),
    )
    return sealed(folder, runtime="linear", analyzer=kind, ngrams=ngrams)


def dense_bundle(folder, pooling, buckets, bits):
    """Write a dense bundle with random vectors and two layers; coded: by rows, and by matrix."""
    rng, width, length = np.random.default_rng(0), 10, 6
    shapes = {"vectors": (len(KNOWN) + buckets, width), "hidden0": (width, 7), "output": (7, 3)}
    if pooling == "flatten":
        shapes["hidden0"] = (width * length, 7)
    layers = []
    for name, shape in shapes.items():
        weights, bias = rng.standard_normal(shape).astype("f"), rng.standard_normal(shape[1])
        layer = Layer(name, weights, None if name == "vectors" else bias.astype("f"))
        if bits != 32:
            low, high = weight_range(
                weights, symmetric=name == "output", percentile=100, by_row=name == "vectors"
            )
            coded = quantize(weights, bits=bits, low=low, high=high)
            layer = layer.coded(coded.codes, bits, coded.scale, coded.zero_point)
        layers.append(layer)
    write_model(folder / "model.npz", sorted(KNOWN), layers)
    facts = {"pooling": pooling, "max_length": length, "buckets": buckets, "ngrams": [3, 4]}
    return sealed(folder, runtime="dense", **facts)


def conv_bundle(folder, pooling, bits):
    """Write a convolutional bundle with random vectors and kernels over 2 and 3 tokens."""
    rng, width = np.random.default_rng(0), 6
    letters = sorted({c for text in TEXTS for c in text if c.isalpha()})
    pieces = ["[UNK]", *KNOWN, *letters, *(f"##{letter}" for letter in letters)]
    features = 9 * (2 if pooling == "max+mean" else 1)
    shapes = {"vectors": (len(pieces), width), "kernel2": (4, 2 * width), "kernel3": (5, 3 * width)}
    layers = []
    for name, shape in {**shapes, "output": (3, features)}.items():
        weights, bias = rng.standard_normal(shape).astype("f"), rng.standard_normal(shape[0])
        layer = Layer(name, weights, None if name == "vectors" else bias.astype("e").astype("f"))
        if bits != 32:
            codes = rng.integers(0, 2**bits, shape).astype(np.uint8)
            scales = np.full((shape[0], 1), 2.0**-bits, "f") * rng.integers(1, 3, (shape[0], 1))
            zeros = np.full((shape[0], 1), 2 ** (bits - 1), np.uint8)
            layer = layer.coded(codes, bits, scales.astype("f"), zeros)
        layers.append(layer)
    write_compact(folder / "model.npz", pieces, layers)
    facts = {"pooling": pooling, "max_length": 12, "lowercase": True, "strip_accents": True}
    return sealed(folder, runtime="conv", **facts)


MAKERS = {("linear", *key): linear_bundle for key in LINEAR}
MAKERS |= {("dense", *key): dense_bundle for key in DENSE}
MAKERS |= {("conv", *key): conv_bundle for key in CONV}


@pytest.fixture(scope="module", params=MAKERS, ids=lambda key: "-".join(map(str, key)))
def exported(request, tmp_path_factory):
    """A bundle and the file that the command wrote of it."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "bundle").mkdir()
    bundle = MAKERS[request.param](folder / "bundle", *request.param[1:])
    assert main(["export", "--onnx", str(bundle), str(folder / "model.onnx")]) == 0
    return bundle, folder / "model.onnx"


def inputs_of(classifier, texts):
    make = INPUTS[type(classifier).__name__.removesuffix("Classifier").lower()]
    return make(classifier, [classifier.normalise(text) for text in texts])


@pytest.mark.parametrize("texts", [*([text] for text in TEXTS), TEXTS], ids=lambda t: f"{len(t)}")
def test_the_logits_are_the_bundles(exported, texts):
    bundle, file = exported
    classifier = load(bundle)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, inputs_of(classifier, texts))
    assert logits == pytest.approx(classifier.predict_logits(texts), abs=1e-5)
    assert len({tuple(np.round(row, 4)) for row in classifier.predict_logits(TEXTS)}) > 3


def test_it_is_a_standard_file_that_says_what_its_reader_must_know(exported):
    bundle, file = exported
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    facts, manifest = read_bundle(bundle).manifest, {p.key: p.value for p in model.metadata_props}
    said = json.loads(manifest["emopress"])
    assert said == {k: v for k, v in facts.items() if k not in ("files", "format", "provenance")}
    assert len(manifest["vocabulary"].split("\n")) > 5


def test_weights_lie_in_it_at_their_bits(tmp_path):
    sizes = {}
    for bits in (32, 8, 4, 2):
        (tmp_path / f"{bits}").mkdir()
        dense_bundle(tmp_path / f"{bits}", "average", 5000, bits)
        out = tmp_path / f"{bits}.onnx"
        assert main(["export", "--onnx", str(tmp_path / f"{bits}"), str(out)]) == 0
        sizes[bits] = out.stat().st_size
    numbers, rows = 5010 * 10, 5010
    assert sizes[32] - 4 * numbers < 6000
    for bits in (8, 4, 2):  # a scale of two bytes and a zero point of one a row
        assert sizes[bits] - (numbers * bits / 8 + rows * 3) < 6000


def test_openvino_opens_it(exported):
    openvino = pytest.importorskip("openvino")
    bundle, file = exported
    classifier = load(bundle)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)
    for texts in (TEXTS, TEXTS[2:3]):
        logits = compiled(inputs_of(classifier, texts))[0]
        assert logits == pytest.approx(classifier.predict_logits(texts), abs=1e-4)


@pytest.mark.parametrize("text", [TEXTS[2], TEXTS[3], ""])
def test_the_documents_example_predicts_so_in_a_process_of_its_own(exported, text):
    bundle, file = exported
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(file), text],
        env={**kept, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=STUCK_S,
    )
    assert done.returncode == 0, done.stderr
    logits = ast.literal_eval(done.stdout)
    assert list(logits) == LABELS
    assert list(logits.values()) == pytest.approx(load(bundle).predict_logits([text])[0], abs=1e-5)


def test_the_command_in_a_process_of_its_own_needs_no_torch(tmp_path, python):
    (tmp_path / "bundle").mkdir()
    dense_bundle(tmp_path / "bundle", "average", 0, 4)
    code = (
        "import sys\n"
        "from emopress.cli import main\n"
        "assert main(['export', '--onnx', sys.argv[1], sys.argv[2]]) == 0\n"
        "heavy = {'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    python(code, tmp_path / "bundle", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").is_file()


def packed_bundle(folder):
    """Write a bundle of ONNX Runtime whose table, half of it zeros, is stored as a bitmask beside the graph."""
    table = np.random.default_rng(0).standard_normal((2000, 3)).astype("f")
    table[::2] = 0
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["rows", "weights"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["logits"], keepdims=0),
    ]
    tensors = {"table": table, "last": np.array([2]), "middle": np.array([1])}
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph(
        nodes,
        "sum",
        [ids, mask],
        [logits],
        [numpy_helper.from_array(a, n) for n, a in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    whole = folder / "whole"
    whole.mkdir()
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), whole / "model.onnx")
    words = {"[PAD]": 0, "[UNK]": 1, **{f"w{i}": i for i in range(2, 2000)}}
    Tokenizer(WordLevel(words, unk_token="[UNK]")).save(str(whole / "tokenizer.json"))
    sealed(whole, runtime="onnxruntime", max_length=30, pad_id=0)
    step = typed_step({"name": "pack", "kind": "pack"})
    pack(parent=whole, step=step, out=folder / "packed")
    return folder / "packed"


def test_weights_stored_apart_come_into_the_file(tmp_path):
    bundle, out = packed_bundle(tmp_path), tmp_path / "model.onnx"
    with pytest.raises(Exception, match="weights-that-emopress-supplies"):
        onnxruntime.InferenceSession(str(bundle / "model.onnx"))
    assert main(["export", "--onnx", str(bundle), str(out)]) == 0
    session, classifier = onnxruntime.InferenceSession(str(out)), load(bundle)
    feed = {"input_ids": np.array([[3, 4, 1999]]), "attention_mask": np.array([[1, 1, 1]])}
    (found,), (expected,) = session.run(None, feed), classifier.session.run(None, feed)
    assert np.array_equal(found, expected) and np.abs(found).max() > 0
    labels = json.loads({p.key: p.value for p in onnx.load(out).metadata_props}["emopress"])[
        "labels"
    ]
    assert labels == LABELS


def test_the_card_speaks_of_it_where_the_command_has_a_writer():
    from emopress.card.text import EXPORTABLE
    from emopress.cli.export import WRITERS

    assert set(EXPORTABLE) == set(WRITERS)


def refused(capsys, *arguments):
    """Return the line with which the command refuses."""
    assert main(["export", "--onnx", *map(str, arguments)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_refusals(tmp_path, capsys):
    (tmp_path / "bundle").mkdir()
    bundle, out = linear_bundle(tmp_path / "bundle", "word", 32), tmp_path / "m.onnx"
    assert "give the file to write a name that ends in .onnx" in refused(
        capsys, bundle, tmp_path / "m"
    )
    out.write_text("mine")
    assert "m.onnx: exists; --force replaces it" in refused(capsys, bundle, out)
    assert out.read_text() == "mine"
    assert main(["export", "--onnx", str(bundle), str(out), "--force"]) == 0
    assert onnx.load(out).graph.name == "linear"
    out.unlink()
    for runtime, said in (
        ("onnxruntime", "its model is an ONNX file already, "),
        ("openvino", "its runtime is openvino, for which no ONNX file is written (only for linear"),
        ("transformers", "its runtime is transformers"),
    ):
        folder = tmp_path / runtime
        folder.mkdir()
        (folder / "model.onnx").write_bytes(b"")
        facts = {"max_length": 9, "pad_id": 0, "inference_precision": "f32"}
        sealed(folder, runtime=runtime, **facts)
        line = refused(capsys, folder, out)
        assert said in line and str(folder) in line and not out.exists()
    with pytest.raises(SystemExit):
        main(["export", str(bundle), str(out)])
    assert "--onnx" in capsys.readouterr().err


def test_no_file_where_the_logits_are_not_the_bundles(tmp_path):
    (tmp_path / "bundle").mkdir()
    bundle = linear_bundle(tmp_path / "bundle", "word", 32)
    from emopress.linear.onnx_graph import linear_graph

    classifier = load(bundle)
    graph, feed = linear_graph(classifier), linear_inputs(classifier, TEXTS)
    describe(graph, read_bundle(bundle), [])
    out, right = tmp_path / "m.onnx", classifier.logits(TEXTS)
    with pytest.raises(UserError, match=r"m\.onnx: not written; its logits differ .* by 0\.0"):
        write_onnx(graph, out, [feed], [right + 0.01])
    assert not out.exists()
    assert write_onnx(graph, out, [feed], [right]) < 1e-5 and out.exists()
