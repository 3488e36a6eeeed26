"""Bundles: reloaded in a fresh process they predict the same; what their manifests say is true."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
from onnx import TensorProto, helper, numpy_helper

from emopress.artifact import file_table, read_json, write_json
from emopress.bundle.quantize import quantize_bundle, session_threads
from emopress.checkpoint import read_checkpoint
from emopress.errors import UserError
from emopress.measure.predict import predict_splits
from emopress.runtime.bundle import load, read_bundle
from emopress.runtime.pytorch import PytorchClassifier

ENCODERS = ["bert", "distilbert", "electra"]
INT8 = [f"{name}-{method}" for name in ENCODERS for method in ("static", "dynamic")]
OTHERS = ["pruned", "distilled", "pruned-static", "linear", "linear-int8"]
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
        assert read_bundle(artifacts.bundles[bundle]).manifest["params"] == params


def initializers(folder):
    return {t.name: t for t in onnx.load(folder / "model.onnx").graph.initializer}


def int8_weights(folder, parent):
    """Return what a bundle's 8-bit weights stand for, less the scale, by their name in the parent."""
    names, stored = initializers(parent), initializers(folder)
    return {
        name: numpy_helper.to_array(stored[f"{name}_quantized"]).astype(int)
        - numpy_helper.to_array(stored[f"{name}_zero_point"]).astype(int).max()
        for name in names
        if f"{name}_quantized" in stored
        and stored[f"{name}_quantized"].data_type in (TensorProto.INT8, TensorProto.UINT8)
    }


@pytest.mark.parametrize("name", INT8)
def test_most_weights_are_int8_and_the_file_holds_them(artifacts, name):
    folder, parent = artifacts.bundles[name], artifacts.bundles[name.split("-")[0]]
    weights = int8_weights(folder, parent)
    packed = sum(array.size for array in weights.values())
    facts = read_bundle(folder).manifest
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
    model = "model.npz" if name.startswith("linear") else "model.onnx"
    tokenizer = set() if name.startswith("linear") else {"tokenizer.json"}
    assert files == {"bundle.json", model, *tokenizer}
    expected = sum((folder / f).stat().st_size for f in files - {"bundle.json"})
    assert read_bundle(folder).size_bytes == expected


@pytest.mark.parametrize("name", [*INT8, "pruned-static"])
def test_nonzero_parameters_of_int8(artifacts, name):
    folder, parent = artifacts.bundles[name], artifacts.bundles[name.rsplit("-", 1)[0]]
    before = initializers(parent)
    rounded = sum(
        np.count_nonzero(numpy_helper.to_array(before[weight])) - np.count_nonzero(array)
        for weight, array in int8_weights(folder, parent).items()
    )
    kept = read_bundle(parent).manifest["nonzero_params"]
    assert rounded > 0
    assert read_bundle(folder).manifest["nonzero_params"] == kept - rounded


def test_pruning_shows_in_the_checkpoint_and_the_bundle(artifacts):
    from safetensors.numpy import load_file

    facts = read_checkpoint(artifacts.checkpoints["pruned"]).manifest
    arrays = load_file(artifacts.checkpoints["pruned"] / "model.safetensors")
    assert facts["nonzero_params"] == sum(np.count_nonzero(a) for a in arrays.values())
    # 2 layers: attention 4 * 64 * 64, feed-forward 2 * 64 * 128; the pooler 64 * 64; half of all
    linear = 2 * (4 * 64 * 64 + 2 * 64 * 128) + 64 * 64
    assert facts["params"] - facts["nonzero_params"] == linear // 2
    assert np.count_nonzero(arrays["classifier.weight"]) == 6 * 64
    exported = read_bundle(artifacts.bundles["pruned"]).manifest
    assert exported["nonzero_params"] == facts["nonzero_params"]


def test_recipe_and_parents(artifacts):
    from emopress.artifact import sha256_of

    static, bert = artifacts.bundles["bert-static"], artifacts.bundles["bert"]
    facts = read_bundle(static).manifest
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
    predict_splits(
        bundle=folder,
        splits={"validation": few.validation, "test": few.train},
        labels=labels,
        batch_size=1,
        threads=1,
        out=out,
    )


def test_predictions_file(artifacts, few, tmp_path):
    evaluate(artifacts.bundles["linear"], few, tmp_path / "p.parquet", few.labels)
    frame = pandas.read_parquet(tmp_path / "p.parquet")
    assert list(frame.columns) == ["id", "split", "label", *few.labels]
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
    manifest = read_json(folder / "bundle.json")
    (folder / "bundle.json").unlink()
    write_json(folder / "bundle.json", {**manifest, "files": file_table(folder)})
    with pytest.raises(UserError, match="nothing was quantized; the graph has no MatMul, Gemm"):
        quantize_bundle(
            parent=folder,
            step=artifacts.steps[method],
            seed=0,
            train=few.train,
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_teacher_logits_of_other_texts_are_refused(artifacts, few, tmp_path):
    from emopress.train.logits import read_logits, write_logits

    path = tmp_path / "logits.safetensors"
    write_logits(artifacts.bundles["linear"], few.train, path, threads=1)
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
