"""Bundles: reloaded in a fresh process they predict the same; what their manifests say is true."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
from onnx import TensorProto, helper, numpy_helper
from resealed import reseal
from tokenizers import Tokenizer

from emopress.artifact import read_json, write_json
from emopress.bundle.block_writer import quantize_tables
from emopress.bundle.nodes import layer_of
from emopress.bundle.quantize import named_by, quantize, session_threads
from emopress.checkpoint import read_checkpoint
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.measure.predict import predict
from emopress.measure.pytorch import PytorchClassifier
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.tokens import encoder_of

ENCODERS = ["bert", "distilbert", "electra"]
INT8 = [f"{name}-{method}" for name in ENCODERS for method in ("static", "dynamic")]
NUMPY = ["linear", "linear-int8", "dense", "dense-int8", "dense-int3", "conv", "conv-int4"]
OTHERS = ["pruned", "distilled", "pruned-static", *NUMPY]
RELOAD = """
import json, sys
import numpy as np
from emopress.runtime.bundle import load
request = json.load(open(sys.argv[1], encoding="utf-8"))
found = {name: load(path).predict_proba(request["texts"]) for name, path in request["bundles"].items()}
heavy = sorted({"torch", "transformers", "sklearn", "pandas", "datasets"} & set(sys.modules))
assert not heavy, heavy
np.savez(sys.argv[2], **found)
"""


@pytest.fixture(scope="module")
def reloaded(artifacts, texts, python, tmp_path_factory):
    """What a fresh process without torch makes of every bundle on disk."""
    folder = tmp_path_factory.mktemp("reload")
    bundles = {name: str(path) for name, path in artifacts.bundles.items()}
    request = json.dumps({"bundles": bundles, "texts": texts})
    (folder / "request.json").write_text(request, encoding="utf-8")
    python(RELOAD, folder / "request.json", folder / "found.npz")
    with np.load(folder / "found.npz") as found:
        return dict(found)


@pytest.mark.parametrize("name", ENCODERS + INT8 + OTHERS)
def test_same_predictions_in_a_fresh_process(reloaded, probabilities, name):
    assert np.array_equal(reloaded[name], probabilities[name])
    assert reloaded[name].sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", [*ENCODERS, "pruned", "distilled"])
def test_bundle_predicts_what_its_checkpoint_does(artifacts, probabilities, texts, name):
    eager = PytorchClassifier(artifacts.checkpoints[name], threads=1)
    assert np.abs(eager.predict_proba(texts) - probabilities[name]).max() < 1e-4


@pytest.mark.parametrize("name", ENCODERS)
def test_batching_changes_nothing_in_fp32(artifacts, probabilities, texts, name):
    found = load(artifacts.bundles[name]).predict_proba(texts, batch_size=8)
    assert np.abs(found - probabilities[name]).max() < 1e-5


@pytest.mark.parametrize("name", INT8)
def test_int8_stays_near_fp32_and_differs(probabilities, name):
    gap = np.abs(probabilities[name] - probabilities[name.split("-")[0]])
    assert 0 < gap.max() < 0.2


@pytest.mark.parametrize("name", ENCODERS)
def test_parameters_are_those_of_torch(artifacts, name):
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(artifacts.checkpoints[name])
    params = sum(p.numel() for p in model.parameters())
    for bundle in (name, f"{name}-static", f"{name}-dynamic"):
        assert read_bundle(artifacts.bundles[bundle]).facts["params"] == params


def initializers(folder):
    return {t.name: t for t in onnx.load(folder / "model.onnx").graph.initializer}


def int8_weights(folder, parent):
    """Return what a bundle's 8-bit weights stand for, less the scale, by their name in the parent."""
    names, stored = initializers(parent), initializers(folder)
    found = {}
    for name in names:
        product = stored.get(f"{name}_quantized")
        if product is not None and product.data_type == TensorProto.INT8:  # signed: zero is 0
            assert not numpy_helper.to_array(stored[f"{name}_zero_point"]).any()
            found[name] = numpy_helper.to_array(product).astype(int)
        elif f"{name}_table_codes" in stored:  # unsigned, zero is 128
            found[name] = numpy_helper.to_array(stored[f"{name}_table_codes"]).astype(int) - 128
    return found


@pytest.mark.parametrize("name", INT8)
def test_most_weights_are_int8_and_the_file_holds_them(artifacts, name):
    folder, parent = artifacts.bundles[name], artifacts.bundles[name.split("-")[0]]
    weights = int8_weights(folder, parent)
    packed = sum(array.size for array in weights.values())
    facts = read_bundle(folder).facts
    assert packed > 0.9 * facts["params"]
    share = facts["findings"]["a-name"]["int8_weight_share"]
    assert share > 0.9 and facts["weight_bits"] == 8
    assert any(array.shape[0] > 300 for array in weights.values())  # the vocabulary's embeddings
    size = (folder / "model.onnx").stat().st_size
    assert packed <= size < 0.5 * (parent / "model.onnx").stat().st_size


@pytest.mark.parametrize("name", ENCODERS + INT8 + OTHERS)
def test_size_is_that_of_the_files_on_disk(artifacts, name):
    folder = artifacts.bundles[name]
    files = {path.name for path in folder.iterdir()}
    model = "model.npz" if name in NUMPY else "model.onnx"
    tokenizer = set() if name in NUMPY else {"tokenizer.json"}
    assert files == {"bundle.json", "provenance.json", model, *tokenizer}
    expected = sum((folder / f).stat().st_size for f in files - {"provenance.json"})
    assert read_bundle(folder).size_bytes == expected


BY_TRANSFORMERS = """
import json, sys
from transformers import AutoTokenizer
request = json.load(open(sys.argv[1], encoding="utf-8"))
tokenizers = {path: AutoTokenizer.from_pretrained(path) for path in request["folders"]}
print(json.dumps({path: t(request["texts"])["input_ids"] for path, t in tokenizers.items()}))
"""


def test_transformers_gives_every_checkpoint_and_bundle_our_tokens(
    artifacts, demo, python, tmp_path
):
    """In a fresh process, Bengali texts too: their vowel signs stay."""
    names = [*ENCODERS, "pruned", "distilled"]
    folders = [
        group[name] for group in (artifacts.checkpoints, artifacts.bundles) for name in names
    ]
    folders.append(artifacts.bundles["bert-static"])
    texts = [t for language in ("en", "bn") for t in demo[language].frame["text"].tolist()[:40]]
    texts += ["Café [MASK] ok", "কি কু কৃ ক্ষ"]
    request = {"folders": [str(folder) for folder in folders], "texts": texts}
    (tmp_path / "request.json").write_text(json.dumps(request))
    found = json.loads(python(BY_TRANSFORMERS, tmp_path / "request.json").stdout.splitlines()[-1])
    for folder in folders:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        assert found[str(folder)] == [tokenizer.encode(text).ids for text in texts]


@pytest.mark.parametrize("name", [*INT8, "pruned-static"])
def test_nonzero_parameters_of_int8(artifacts, name):
    folder, parent = artifacts.bundles[name], artifacts.bundles[name.rsplit("-", 1)[0]]
    before = initializers(parent)
    rounded = sum(
        np.count_nonzero(numpy_helper.to_array(before[weight])) - np.count_nonzero(array)
        for weight, array in int8_weights(folder, parent).items()
    )
    kept = read_bundle(parent).facts["nonzero_params"]
    assert rounded > 0
    assert read_bundle(folder).facts["nonzero_params"] == kept - rounded


def test_pruning_shows_in_the_checkpoint_and_the_bundle(artifacts):
    from safetensors.numpy import load_file

    facts = read_checkpoint(artifacts.checkpoints["pruned"]).manifest
    arrays = load_file(artifacts.checkpoints["pruned"] / "model.safetensors")
    assert facts["nonzero_params"] == sum(np.count_nonzero(a) for a in arrays.values())
    # 2 layers: attention 4 * 64 * 64, feed-forward 2 * 64 * 128; the pooler 64 * 64; half of all
    linear = 2 * (4 * 64 * 64 + 2 * 64 * 128) + 64 * 64
    assert facts["params"] - facts["nonzero_params"] == linear // 2
    assert np.count_nonzero(arrays["classifier.weight"]) == 6 * 64
    exported = read_bundle(artifacts.bundles["pruned"]).facts
    assert exported["nonzero_params"] == facts["nonzero_params"]


def test_recipe_and_parents(artifacts):
    from emopress.artifact import sha256_of

    static, bert = artifacts.bundles["bert-static"], artifacts.bundles["bert"]
    facts = read_bundle(static).facts
    assert [step["name"] for step in facts["recipe"]] == ["tiny", "a-name"]
    assert facts["recipe"][1]["calibration"]["texts"] == 20
    assert facts["parent"]["sha256"] == sha256_of(bert / "bundle.json")
    student = read_checkpoint(artifacts.checkpoints["distilled"]).manifest
    assert student["parent"]["sha256"] == sha256_of(bert / "bundle.json")
    assert not facts["simulated"] and facts["runtime"] == "onnxruntime"


@pytest.mark.parametrize(
    ("name", "file"),
    [("bert-static", "model.onnx"), ("bert", "tokenizer.json"), ("linear", "model.npz")],
)
def test_damaged_file_is_named(copied, name, file):
    folder = copied(name)
    content = bytearray((folder / file).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=rf"{file}: damaged .*expected sha256"):
        load(folder)
    (folder / file).unlink()
    with pytest.raises(UserError, match=rf"{file}: missing"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"text"])
def test_a_spoiled_model_is_one_line_also_where_no_hash_is_checked(copied, content):
    folder = copied("linear")
    (folder / "model.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"model\.npz: not a linear model of emopress \("):
        load(folder, verify=False)


def test_damaged_or_missing_manifest(copied):
    folder = copied("linear")
    (folder / "bundle.json").write_text("{")
    with pytest.raises(UserError, match=r"bundle\.json: damaged"):
        load(folder)
    with pytest.raises(UserError, match=r"bundle\.json: no such file"):
        load(folder / "elsewhere")


def test_unknown_runtime(copied):
    folder = copied("linear")
    manifest = read_json(folder / "bundle.json")
    write_json(folder / "bundle.json", {**manifest, "runtime": "llama"})
    with pytest.raises(UserError, match="unknown runtime 'llama'"):
        load(folder)


def evaluate(folder, few, out, labels):
    predict(
        bundle=folder,
        validation=few.validation,
        test=few.train,
        labels=labels,
        batch_size=1,
        threads=1,
        predictions=out,
    )


def test_predictions_file(artifacts, few, tmp_path):
    evaluate(artifacts.bundles["linear"], few, tmp_path / "p.parquet", few.labels)
    frame = pandas.read_parquet(tmp_path / "p.parquet")
    assert list(frame.columns) == ["id", "split", "noise", "label", *few.labels]
    assert frame["split"].value_counts().to_dict() == {"test": 60, "validation": 30}
    rows = frame[frame["split"] == "test"]
    source = pandas.read_parquet(few.train)
    assert rows["id"].tolist() == source["id"].tolist()
    right = rows[few.labels].to_numpy().argmax(axis=1) == source["label"].to_numpy()
    assert right.mean() > 0.9  # trained on these: the columns are the labels' own


@pytest.mark.parametrize("name", ["linear", "bert-static"])
def test_permuted_labels_are_refused(copied, few, tmp_path, name):
    folder = copied(name)
    manifest = read_json(folder / "bundle.json")
    manifest["labels"] = [*manifest["labels"][1:], manifest["labels"][0]]
    write_json(folder / "bundle.json", manifest)
    with pytest.raises(UserError, match=r"labels are \['joy'.*the data set has \['sadness'"):
        evaluate(folder, few, tmp_path / "p.parquet", few.labels)
    assert not (tmp_path / "p.parquet").exists()


def test_checkpoint_with_permuted_labels_is_not_exported(copied, tmp_path):
    from emopress.bundle.export import export_transformer

    folder = copied("bert", "checkpoints")
    manifest = read_json(folder / "checkpoint.json")
    write_json(folder / "checkpoint.json", {**manifest, "labels": manifest["labels"][::-1]})
    with pytest.raises(UserError, match=r"config\.json has labels"):
        export_transformer(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("method", ["dynamic", "static"])
def test_nothing_to_quantize(artifacts, copied, few, tmp_path, method, constant):
    """A graph without a product: with a float weight, and without any."""
    folder = copied("bert")
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["floats", "one" if constant else "floats"], ["sums"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["sums", "mask"], ["logits"]),
    ]
    int64, shape = TensorProto.INT64, ["batch", "tokens"]
    graph = helper.make_graph(
        nodes,
        "nothing",
        [helper.make_tensor_value_info(n, int64, shape) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")] if constant else [],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "model.onnx")
    reseal(folder)
    with pytest.raises(UserError, match="nothing was quantized; the graph has no MatMul, Gemm"):
        quantize(
            parent=folder,
            step=typed_step(artifacts.steps[method]),
            seed=0,
            train=few.train,
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_teacher_logits_of_other_texts_are_refused(artifacts, few, tmp_path):
    from emopress.measure.teacher_logits import teacher_logits
    from emopress.train.logits import read_logits

    path = tmp_path / "logits.safetensors"
    teacher_logits(artifacts.bundles["linear"], few.train, path, threads=1)
    ids = pandas.read_parquet(few.train)["id"].tolist()
    texts = pandas.read_parquet(few.train)["text"].tolist()
    expected = load(artifacts.bundles["linear"]).predict_logits(texts)
    assert np.array_equal(read_logits(path, ids=ids), expected)
    with pytest.raises(UserError, match="teacher logits of other texts"):
        read_logits(path, ids=ids[::-1])


def test_the_quantizer_keeps_to_its_threads():
    before = onnxruntime.SessionOptions
    with session_threads(3):
        assert onnxruntime.SessionOptions().intra_op_num_threads == 3
    assert onnxruntime.SessionOptions is before


@pytest.mark.parametrize(
    ("node", "layer"),
    [
        ("/model/classifier/Gemm", "classifier"),
        (
            "/model/bert/encoder/layer.0/attention/self/query/MatMul",
            "bert.encoder.layer.0.attention.self.query",
        ),
        (
            "/model/bert/encoder/layer.1/output/dense/dense.1/MatMul",
            "bert.encoder.layer.1.output.dense.1",
        ),
        ("/model/Gather", ""),
    ],
)
def test_layers_have_the_names_that_pytorch_gives_them(node, layer):
    assert layer_of(node) == layer


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("bert.encoder.layer.0.output.dense", True),
        ("encoder.layer.0.*", True),
        ("model.bert.encoder.layer.0.*", True),
        ("encoder.layer.0", True),  # a module, and all that is in it
        ("*.output.*", True),
        ("*.layer.[01].*", True),
        ("encoder.layer.1.*", False),
        ("dense", False),
        ("output.dense", False),
        ("encoder.lay", False),
    ],
)
def test_patterns_of_layers(pattern, named):
    assert named_by(pattern, "bert.encoder.layer.0.output.dense") == named


def quantized(artifacts, few, filled, out, parent="bert", **changes):
    calibration = {"texts": 10, **changes.pop("calibration", {})}
    step = filled("quantize", kind="quantize", method="static", calibration=calibration, **changes)
    quantize(
        parent=artifacts.bundles[parent], step=typed_step(step), seed=0, train=few.train, out=out
    )
    return onnx.load(out / "model.onnx"), read_bundle(out).facts["findings"]["a-name"]


def layers_with_weights(model):
    """Return the layers whose matrix or table is in the graph as floats."""
    floats = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT}
    return {
        layer_of(node.name)
        for node in model.graph.node
        if node.op_type in ("MatMul", "Gemm", "Gather") and floats & set(node.input[:2])
    }


@pytest.mark.parametrize(
    ("parent", "patterns", "kept"),
    [
        ("bert", ["classifier"], ["classifier"]),
        ("bert", ["encoder.layer.0.*", "pooler"], ["layer.0.", "pooler"]),
        ("distilbert", ["*.attention.*"], ["attention"]),
        ("electra", ["embeddings.word_embeddings"], ["word_embeddings"]),
    ],
)
def test_layers_that_stay_fp32(artifacts, few, filled, texts, tmp_path, parent, patterns, kept):
    model, findings = quantized(
        artifacts, few, filled, tmp_path / "out", parent, keep_fp32=patterns
    )
    everything = layers_with_weights(onnx.load(artifacts.bundles[parent] / "model.onnx"))
    expected = {layer for layer in everything if any(part in layer for part in kept)}
    assert layers_with_weights(model) == expected != set()
    assert findings["layers_kept_fp32"] == len(expected)
    assert findings["calibration_texts"] == 10
    all_in_int8 = read_bundle(artifacts.bundles[f"{parent}-static"]).facts["findings"]["a-name"]
    assert findings["int8_weight_share"] < all_in_int8["int8_weight_share"]
    assert np.isfinite(load(tmp_path / "out").predict_logits(texts)).all()


def test_keep_fp32_that_names_nothing_or_everything(artifacts, few, filled, tmp_path):
    with pytest.raises(UserError, match=r"no layer is named 'encoder\.layer\.7\.\*'.*classifier"):
        quantized(artifacts, few, filled, tmp_path / "out", keep_fp32=["encoder.layer.7.*"])
    with pytest.raises(UserError, match="keeps every layer fp32"):
        quantized(artifacts, few, filled, tmp_path / "out", keep_fp32=["encoder.*", "*"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("percentile", [90, 99.9])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_percentile_cuts_both_sides_of_every_activation(
    artifacts, few, filled, tmp_path, symmetric, percentile
):
    """Scales and zero points of the file against numpy's percentiles of all values, text by text."""
    calibration = {"texts": 60, "method": "percentile", "percentile": percentile}
    model, _ = quantized(
        artifacts, few, filled, tmp_path / "out", symmetric=symmetric, calibration=calibration
    )
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    rounded = {n.input[0]: n.input[1:] for n in model.graph.node if n.op_type == "QuantizeLinear"}
    parent = onnx.load(artifacts.bundles["bert"] / "model.onnx")
    names = [name for name in rounded if any(name in n.output for n in parent.graph.node)]
    assert len(names) > 5
    parent.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        parent.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    encoder = encoder_of(read_bundle(artifacts.bundles["bert"]))
    texts = pandas.read_parquet(few.train)["text"]
    found = [session.run(names, encoder([text])) for text in texts]
    cut = 0
    for name, arrays in zip(names, zip(*found, strict=True), strict=True):
        values = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
        tail = (100 - percentile) / 2
        if symmetric:
            high = np.percentile(np.abs(values), percentile)
            low = -high
        else:
            low, high = np.percentile(values, [tail, 100 - tail])
        cut += values.min() < 1.05 * low and values.max() > 1.05 * high
        scale, zero = (tensors[each] for each in rounded[name])
        assert scale == pytest.approx((high - low) / 255, rel=1e-5)
        assert abs(int(zero) - (128 if symmetric else -low / scale)) <= 0.5
    assert cut >= len(names) / 2  # else this would show nothing


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_the_order_of_the_calibration_texts_plays_no_part(
    artifacts, few, filled, tmp_path, method, symmetric
):
    """The same texts in another order: the same file, to the last bit."""
    frame = pandas.read_parquet(few.train)
    assert len(frame) == 60
    step = filled(
        "quantize",
        kind="quantize",
        method="static",
        symmetric=symmetric,
        calibration={"texts": 60, "method": method, "percentile": 99},
    )
    graphs = []
    for order in (frame, frame.iloc[::-1], frame.sample(frac=1, random_state=3)):
        order.to_parquet(tmp_path / "train.parquet")
        quantize(
            parent=artifacts.bundles["bert"],
            step=typed_step(step),
            seed=0,
            train=tmp_path / "train.parquet",
            out=tmp_path / "out",
        )
        graphs.append((tmp_path / "out" / "model.onnx").read_bytes())
    assert graphs[0] == graphs[1] == graphs[2]


@pytest.mark.parametrize(
    "name", [f"{name}-{kind}" for name in ENCODERS for kind in ("static", "dynamic")]
)
def test_a_table_has_a_scale_per_row(artifacts, name):
    """Read by hand: no value is off by more than half a step of its own row, and rows differ in steps."""
    parent = initializers(artifacts.bundles[name.split("-")[0]])
    stored = initializers(artifacts.bundles[name])
    tables = [n.removesuffix("_table_codes") for n in stored if n.endswith("_table_codes")]
    assert len(tables) == (2 if name.startswith("distilbert") else 3)  # words, positions, types
    for table in tables:
        before = numpy_helper.to_array(parent[table])
        codes, scales = (
            numpy_helper.to_array(stored[f"{table}_table_{part}"]) for part in ("codes", "scales")
        )
        assert codes.shape == before.shape and scales.shape == (len(before), 1)
        assert np.abs(scales[:, 0]) == pytest.approx(np.abs(before).max(axis=1) / 128)
        after = (codes.astype(np.float32) - 128) * scales
        # the value on the far side of the largest may be cut by a step: 128 codes there, 127 here
        assert (np.abs(after - before) <= np.abs(scales) * (1 + 1e-5)).all()
        assert np.median(np.abs(after - before) / np.abs(scales)) < 0.3


def test_a_large_value_costs_its_own_row_alone(tmp_path):
    """One row of a thousand is a hundred times larger: the others lose what eight bits lose."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(1000, 32)).astype(np.float32)
    table[7] *= 100
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "lookup"),
        helper.make_node("Gather", ["table", "axis1"], ["columns"], "columns", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tables",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("rows", "columns")],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([0]), "axis1")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert quantize_tables(model, kept=["lookup"]) == (0, 0)
    lost, stored = quantize_tables(model)
    assert stored == table.size
    assert [node.op_type for node in model.graph.node] == ["GatherBlockQuantized", "Gather"]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found, columns = session.run(None, {"ids": np.arange(1000)})
    assert np.array_equal(columns, table[:, :1])  # no lookup of rows
    error = np.linalg.norm(found - table, axis=1) / np.linalg.norm(table, axis=1)
    assert error.max() < 0.012 and error.mean() < 0.007
    assert lost == np.count_nonzero(table) - np.count_nonzero(found)
    step = np.abs(table).max() / 127  # with one scale for all
    whole = np.round(table / step) * step
    assert (
        np.delete(np.linalg.norm(whole - table, axis=1) / np.linalg.norm(table, axis=1), 7).mean()
        > 0.5
    )


def test_rows_with_scales_of_their_own_bring_logits_nearer_to_fp32(
    artifacts, copied, texts, tmp_path, few
):
    """Words of very different sizes, as published tables have: the logits of int8 stay near."""
    folder = copied("bert")
    model = onnx.load(folder / "model.onnx")
    words = next(t for t in model.graph.initializer if t.name.endswith("word_embeddings.weight"))
    table = numpy_helper.to_array(words).copy()
    table[5] *= 60  # of no text's words
    words.CopyFrom(numpy_helper.from_array(table, words.name))
    onnx.save(model, folder / "model.onnx")
    reseal(folder)
    expected = load(folder).predict_logits(texts)
    gaps = {}
    for embeddings in (False, True):
        step = {**artifacts.steps["dynamic"], "embeddings": embeddings}
        out = tmp_path / f"out-{embeddings}"
        quantize(parent=folder, step=typed_step(step), seed=0, train=few.train, out=out)
        gaps[embeddings] = np.abs(load(out).predict_logits(texts) - expected).mean()
    step = np.abs(table).max() / 127
    words.CopyFrom(numpy_helper.from_array(np.round(table / step) * step, words.name))
    onnx.save(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    encoder = encoder_of(read_bundle(artifacts.bundles["bert"]))
    whole = [session.run(["logits"], encoder([text]))[0][0] for text in texts if text]
    one = np.abs(np.array(whole) - expected[[bool(text) for text in texts]]).mean()
    assert gaps[True] < 1.2 * gaps[False] < one


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy"])
def test_symmetric_activations_are_around_zero(artifacts, few, filled, texts, tmp_path, method):
    points = {}
    for symmetric in (False, True):
        model, _ = quantized(
            artifacts,
            few,
            filled,
            tmp_path / "out",
            symmetric=symmetric,
            calibration={"method": method},
        )
        tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        inputs = [n.input[2] for n in model.graph.node if n.op_type == "QuantizeLinear"]
        points[symmetric] = {int(tensors[name]) for name in inputs}
        assert {tensors[name].dtype for name in inputs} == {np.dtype(np.uint8)}
        gap = np.abs(
            load(tmp_path / "out").predict_proba(texts)
            - load(artifacts.bundles["bert"]).predict_proba(texts)
        )
        assert 0 < gap.max() < 0.2
    assert points[True] == {128} != points[False]


def test_a_balanced_calibration_has_other_texts(artifacts, few, filled, tmp_path):
    (plain, _), (balanced, findings) = (
        quantized(artifacts, few, filled, tmp_path / "out", calibration={"balanced": balanced})
        for balanced in (False, True)
    )
    assert findings["calibration_texts"] == 10
    assert plain.SerializeToString() != balanced.SerializeToString()


def test_a_single_string_is_not_taken_for_its_letters(artifacts):
    with pytest.raises(TypeError, match="give a list of strings"):
        load(artifacts.bundles["linear"]).predict_proba("i feel fine")
