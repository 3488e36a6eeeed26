"""Quantization-aware training and its conversion: the bundle computes what was trained, in integers."""

import shutil
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn.functional import cross_entropy

from emopress.artifact import read_json
from emopress.bundle import convert_qat as conversion
from emopress.bundle.convert_qat import convert_qat, input_ranges
from emopress.bundle.export import export_transformer
from emopress.bundle.nodes import layer_of
from emopress.bundle.quantize import quantize
from emopress.checkpoint import read_checkpoint
from emopress.compress.derive import Child
from emopress.compress.fakequant import RANGES, REFERENCE
from emopress.compress.qat import FakeQuantization, input_groups, qat
from emopress.entries.step import typed_step
from emopress.entries.training import Training
from emopress.errors import UserError
from emopress.jobs import code as closure
from emopress.jobs.context import Context
from emopress.jobs.watching import training_run
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.batches import encode_data, logits_of
from emopress.train.loop import Trainer
from emopress.train.objectives import label_objective
from emopress.train.run import TrainingRun
from emopress.train.transformer import load_transformer, replace_module
from plain_entries import entry_step

CPU = torch.device("cpu")
STEPS = {
    "bert": {"ranges": "learned"},
    "distilbert": {"ranges": "observed"},
    "electra": {"ranges": "learned", "per_channel": False},
    "low-rank": {"ranges": "learned", "calibration": {"texts": 10, "balanced": True}},
    "int4": {"weights": "int4", "block_size": 16},
}
INT8 = [name for name in STEPS if name != "int4"]
LARGEST_GAP = {"int4": 0.02}  # its products round the activations at run time
FRESH = """
import sys
import numpy as np
from safetensors.numpy import load_file
from emopress.runtime.bundle import load
classifier = load(sys.argv[1])
reference = load_file(sys.argv[2])
expected = reference.pop("logits")
found = classifier.session.run(["logits"], reference)[0]
assert not {"torch", "transformers"} & set(sys.modules)
print(np.abs(found - expected).mean() / expected.std())
np.save(sys.argv[3], classifier.predict_proba(["i am so happy", "so angry and so sad"]))
"""


@pytest.fixture(scope="module")
def low_rank(tmp_path_factory, artifacts):
    """A BERT checkpoint with a factored query and a feed-forward layer that is cut to 96 neurons."""
    source = read_checkpoint(artifacts.checkpoints["bert"])
    model = load_transformer(source.folder)
    torch.manual_seed(1)
    layer = model.bert.encoder.layer[0]
    factors = nn.Sequential(nn.Linear(64, 8, bias=False), nn.Linear(8, 64))
    replace_module(model, "bert.encoder.layer.0.attention.self.query", factors)
    layer.intermediate.dense, layer.output.dense = nn.Linear(64, 96), nn.Linear(96, 64)
    out = tmp_path_factory.mktemp("low-rank") / "checkpoint"
    step = typed_step({"name": "cut", "kind": "low-rank", "rank": 8})
    Child(source.folder, step, seed=0, model=model).write(out, {})
    return out


@pytest.fixture(scope="module")
def make_qat(filled, training, few, artifacts, low_rank):
    """Return a function that trains a checkpoint and converts it: its folder, with both in it."""

    def train(
        folder, parent, convert=True, epochs=1, teacher_logits=None, seed=0, run=None, **changes
    ):
        folder.mkdir(parents=True, exist_ok=True)
        settings = training(epochs=epochs, batch_size=8, learning_rate=0.001)
        parents = {
            **artifacts.checkpoints,
            "low-rank": low_rank,
            "int4": artifacts.checkpoints["bert"],
        }
        qat(
            parent=parents[parent],
            step=typed_step(filled("qat", **{"kind": "qat", "train": settings, **changes})),
            seed=seed,
            train=few.train,
            validation=few.validation,
            out=folder / "checkpoint",
            device="cpu",
            run=run or TrainingRun(folder / "state", code="tests"),
            teacher_logits=teacher_logits,
        )
        assert not (folder / "state").exists()
        if convert:
            convert_qat(checkpoint=folder / "checkpoint", out=folder / "bundle", threads=1)
        return folder

    return train


@pytest.fixture(scope="module")
def trained(make_qat, tmp_path_factory):
    """A trained and converted model per entry of STEPS."""
    root = tmp_path_factory.mktemp("qat")
    return {name: make_qat(root / name, name, **changes) for name, changes in STEPS.items()}


@pytest.fixture(scope="module")
def static(tmp_path_factory, trained, few, filled):
    """Static post-training quantization of the same trained weights, at the same settings."""
    root, result = tmp_path_factory.mktemp("static"), {}
    for name in INT8:
        folder = trained[name]
        export_transformer(folder / "checkpoint", root / name / "fp32")
        per_channel = STEPS[name].get("per_channel", True)
        quantize(
            parent=root / name / "fp32",
            step=entry_step("quantize", kind="quantize", method="static", per_channel=per_channel),
            seed=0,
            train=few.train,
            out=root / name / "bundle",
        )
        result[name] = root / name / "bundle"
    return result


@pytest.fixture
def prepared(artifacts, few, filled, training):
    """A BERT with fake quantization in it, its data, and a function that gives its training loss."""

    def build(**changes):
        source = read_checkpoint(artifacts.checkpoints["bert"])
        model = load_transformer(source.folder)
        tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
        data = encode_data(few.train, few.validation, tokenizer, source.data)
        step = filled("qat", **{"kind": "qat", "train": training(), **changes})
        fake = FakeQuantization(model, typed_step(step).entry, data.train.batch([0], CPU))

        def loss():
            return cross_entropy(logits_of(model, data.train, CPU), data.train.labels).item()

        plain = load_transformer(source.folder)
        return SimpleNamespace(model=model, plain=plain, data=data, fake=fake, loss=loss)

    return build


@pytest.mark.parametrize("name", STEPS)
def test_the_bundle_computes_what_was_trained_in_a_fresh_process(trained, python, tmp_path, name):
    bundle, reference = trained[name] / "bundle", trained[name] / "checkpoint" / REFERENCE
    done = python(FRESH, bundle, reference, tmp_path / "found.npy")
    assert float(done.stdout) < LARGEST_GAP.get(name, 0.002)  # only ties may round apart
    here = load(bundle).predict_proba(["i am so happy", "so angry and so sad"])
    assert np.array_equal(np.load(tmp_path / "found.npy"), here)


@pytest.mark.parametrize("name", INT8)
def test_int8_is_exact_on_this_processor(trained, texts, exact_unasked, name):
    assert exact_unasked(trained[name] / "bundle", texts)


@pytest.mark.parametrize("name", INT8)
def test_the_bundle_is_as_small_as_static_quantization(trained, static, name):
    bundles = trained[name] / "bundle", static[name]
    ours, theirs = ((folder / "model.onnx").stat().st_size for folder in bundles)
    assert ours < 1.05 * theirs


def integers(bundle):
    graph = onnx.load(bundle / "model.onnx").graph
    return {
        (t.name, t.data_type, tuple(t.dims))
        for t in graph.initializer
        if t.name.endswith(("_quantized", "_table_codes"))
    }


@pytest.mark.parametrize("name", INT8)
def test_nothing_stays_fp32_that_static_quantization_stores_in_integers(trained, static, name):
    theirs = integers(static[name])
    assert {TensorProto.INT8, TensorProto.UINT8} <= {kind for _, kind, _ in theirs}
    assert integers(trained[name] / "bundle") == theirs


@pytest.mark.parametrize("name", INT8)
def test_every_product_of_weights_reads_integers_and_nothing_else_does(trained, name):
    graph = onnx.load(trained[name] / "bundle" / "model.onnx").graph
    makers = {output: node for node in graph.node for output in node.output}
    activations = {
        node.output[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and makers.get(node.input[0]) is not None
    }
    products = 0
    for node in graph.node:
        read = activations & set(node.input)
        if node.op_type in ("MatMul", "Gemm"):
            if makers.get(node.input[1]) and makers[node.input[1]].op_type == "DequantizeLinear":
                products += 1
                assert len(read) == 1
        else:
            assert not read
    assert products == len(load_file(trained[name] / "checkpoint" / RANGES))


def test_the_manifest_tells_what_was_done(trained):
    manifest = read_bundle(trained["bert"] / "bundle").facts
    assert (manifest["runtime"], manifest["weight_bits"], manifest["simulated"]) == (
        "onnxruntime",
        8,
        False,
    )
    assert [step.get("kind") for step in manifest["recipe"]] == [None, "qat"]
    findings = manifest["findings"]["a-name"]
    assert findings["fake_quantized_layers"] == 14
    assert findings["activation_ranges"] == 10
    assert findings["logit_error_share_of_sd"] < 0.02
    assert findings["int8_weight_share"] > 0.95


def test_int4_products_and_tables_are_stored_in_four_bits(trained, artifacts):
    graph = onnx.load(trained["int4"] / "bundle" / "model.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMulNBits") == 14 and kinds.count("GatherBlockQuantized") == 3
    manifest = read_bundle(trained["int4"] / "bundle").facts
    assert (manifest["weight_bits"], manifest["runtime"]) == (4, "onnxruntime")
    assert manifest["findings"]["a-name"]["four_bit_weight_share"] > 0.95
    assert not (trained["int4"] / "checkpoint" / RANGES).exists()


def test_int4_stores_the_weights_that_were_trained(trained, tmp_path):
    """At accuracy level 0 activations stay fp32, as in training: the logits are then equal."""
    model = onnx.load(trained["int4"] / "bundle" / "model.onnx")
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 0
    onnx.save(model, tmp_path / "exact.onnx")
    reference = trained["int4"] / "checkpoint" / REFERENCE
    assert conversion.logit_error(tmp_path / "exact.onnx", reference, threads=1) < 1e-4


def test_query_key_and_value_share_a_range_and_factors_have_one_each(trained):
    ranges = load_file(trained["low-rank"] / "checkpoint" / RANGES)
    attention = "bert.encoder.layer.{}.attention.self."
    second = [ranges[attention.format(1) + name].tolist() for name in ("query", "key", "value")]
    assert second[0] == second[1] == second[2]
    first = [ranges[attention.format(0) + name].tolist() for name in ("query.0", "key", "query.1")]
    assert first[0] == first[1] != first[2]


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "electra"])
def test_layers_that_read_one_tensor_form_a_group(artifacts, architecture):
    model = load_transformer(artifacts.checkpoints[architecture])
    ids = torch.tensor([[2, 7, 3]])
    groups = input_groups(model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    assert [len(group) for group in groups] == [3, 1, 1, 1] * 2 + [1, 1]


@pytest.mark.parametrize("ranges", ["learned", "observed"])
def test_training_lowers_the_loss_through_the_rounding_and_moves_the_ranges(
    prepared, training, few, tmp_path, ranges
):
    case = prepared(ranges=ranges, per_channel=False)
    case.fake.begin(case.data.train, list(range(20)), CPU)
    before, first = case.loss(), case.fake.ranges()
    settings = Training(**training(epochs=3, batch_size=8, learning_rate=0.001))
    objective = label_objective(case.data.train.labels, settings, len(few.labels), CPU)
    trainer = Trainer(
        case.model,
        objective,
        settings,
        seed=0,
        identity="",
        device=CPU,
        run=TrainingRun(tmp_path / "state", code="tests"),
    )
    trainer.fit(case.data.train, case.data.validation, len(few.labels))
    assert case.loss() < 0.9 * before
    moved = [not torch.equal(first[name], last) for name, last in case.fake.ranges().items()]
    assert all(moved)


def test_warm_start_takes_the_ranges_that_static_calibration_finds(
    prepared, artifacts, few, filled, tmp_path
):
    case = prepared()
    texts = list(range(len(case.data.train.ids)))
    case.fake.begin(case.data.train, texts, CPU)
    quantize(
        parent=artifacts.bundles["bert"],
        step=entry_step("quantize", kind="quantize", method="static"),
        seed=0,
        train=few.train,
        out=tmp_path / "static",
    )
    graph = onnx.load(tmp_path / "static" / "model.onnx").graph
    scales = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    name = "/model/bert/encoder/layer.0/output/LayerNorm/LayerNormalization_output_0_scale"
    lower, upper = case.fake.ranges()["bert.encoder.layer.1.attention.self.query"].tolist()
    assert (upper - lower) / 255 == pytest.approx(scales[name].item(), rel=1e-4)


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_fake_quantization_leaves_no_trace_when_it_is_taken_out(prepared, weights):
    case = prepared(weights=weights)
    clean = {name: tensor.clone() for name, tensor in case.plain.state_dict().items()}
    exact = cross_entropy(logits_of(case.plain, case.data.train, CPU), case.data.train.labels)
    case.fake.begin(case.data.train, [0, 1, 2], CPU)
    assert case.loss() != exact.item()
    case.fake.remove()
    found = case.model.state_dict()
    assert found.keys() == clean.keys()
    assert all(torch.equal(found[name], clean[name]) for name in clean)
    assert case.loss() == exact.item()


def test_embeddings_are_left_alone_on_request(make_qat, tmp_path):
    folder = make_qat(tmp_path / "fp32-embeddings", "bert", embeddings=False)
    kinds = {kind for _, kind, _ in integers(folder / "bundle")}
    assert kinds == {TensorProto.INT8, TensorProto.INT32}  # products and their biases


def test_distillation_from_the_parent_changes_what_is_learned(
    make_qat, trained, artifacts, few, tmp_path
):
    teacher_logits(artifacts.bundles["bert"], few.train, tmp_path / "logits", threads=1)
    soft = {"temperature": 2.0, "alpha": 1.0}
    folder = make_qat(
        tmp_path / "soft",
        "bert",
        teacher_logits=tmp_path / "logits",
        distill=soft,
        convert=False,
        **STEPS["bert"],
    )
    one, other = (read_json(f / "checkpoint" / "training.json") for f in (folder, trained["bert"]))
    assert one[0]["loss"] < other[0]["loss"]  # it starts from its own teacher


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_the_same_seed_gives_the_same_files(make_qat, trained, tmp_path, name):
    again = make_qat(tmp_path / "again", name, **STEPS[name])
    for manifest in ("checkpoint/checkpoint.json", "bundle/bundle.json"):
        assert (again / manifest).read_bytes() == (trained[name] / manifest).read_bytes()


@pytest.mark.parametrize("ranges", ["learned", "observed"])
def test_a_resumed_training_ends_like_an_unbroken_one(make_qat, tmp_path, monkeypatch, ranges):
    unbroken = make_qat(tmp_path / "unbroken", "bert", convert=False, epochs=2, ranges=ranges)
    original = Trainer._epoch

    def killed(self, epoch, *arguments):
        if epoch == 2:
            raise KeyboardInterrupt
        return original(self, epoch, *arguments)

    monkeypatch.setattr(Trainer, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        make_qat(tmp_path / "killed", "bert", convert=False, epochs=2, ranges=ranges)
    assert not (tmp_path / "killed" / "checkpoint").exists()
    monkeypatch.setattr(Trainer, "_epoch", original)
    resumed = make_qat(tmp_path / "killed", "bert", convert=False, epochs=2, ranges=ranges)
    for file in ("checkpoint.json", RANGES, REFERENCE, "model.safetensors"):
        one, other = ((f / "checkpoint" / file).read_bytes() for f in (unbroken, resumed))
        assert one == other


def test_an_unfinished_training_run_goes_on_only_under_its_own_code(
    make_qat, tmp_path, monkeypatch, capsys
):
    """What calibrates is among that code; the report and what is around a job are not."""
    library = tmp_path / "scripts"
    shutil.copytree(closure.SCRIPTS, library, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "SCRIPTS", library)
    monkeypatch.chdir(tmp_path)
    maker = "emopress.compress.qat:qat"
    original, epochs = Trainer._epoch, []

    def killed(self, epoch, *arguments):
        epochs.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt
        return original(self, epoch, *arguments)

    def trained_on(changed):
        assert (library / "emopress" / changed).is_file()
        with open(library / "emopress" / changed, "a") as stream:
            stream.write("#")
        epochs.clear()
        closure._imports.cache_clear()
        closure.write_stamp(maker)
        stamp = closure.stamp_path(maker)
        run = training_run(tmp_path / "killed" / "checkpoint", stamp, Context())
        with pytest.raises(KeyboardInterrupt):
            make_qat(tmp_path / "killed", "bert", convert=False, epochs=2, run=run)
        return epochs, capsys.readouterr().err

    monkeypatch.setattr(Trainer, "_epoch", killed)
    assert trained_on("report/markdown.py")[0] == [1, 2]
    for module in ("report/markdown.py", "jobs/job.py", "jobs/watching.py", "../make.py"):
        found, log = trained_on(module)
        assert found == [2] and "training: resumed after epoch 1" in log
    for module in ("train/sample.py", "compress/fakequant.py", "train/loop.py", "compress/qat.py"):
        found, log = trained_on(module)
        assert found == [1, 2] and "an unfinished run of something else (code, data or" in log


def test_a_checkpoint_of_another_pass_is_refused(artifacts, tmp_path):
    with pytest.raises(UserError, match="not the checkpoint of a qat pass"):
        convert_qat(checkpoint=artifacts.checkpoints["bert"], out=tmp_path / "out", threads=1)


def test_a_bundle_that_computes_something_else_is_refused(trained, tmp_path, monkeypatch):
    copy = shutil.copytree(trained["bert"] / "checkpoint", tmp_path / "checkpoint")
    real = conversion.input_ranges

    def halved(model, ranges):
        return {name: (low / 4, high / 4) for name, (low, high) in real(model, ranges).items()}

    monkeypatch.setattr(conversion, "input_ranges", halved)
    with pytest.raises(UserError, match=r"differ from the trained one's by .* \(2% is allowed\)"):
        convert_qat(checkpoint=copy, out=tmp_path / "out", threads=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "node, layer",
    [
        ("/model/classifier/Gemm", "classifier"),
        ("/model/bert/encoder/layer.0/output/dense/MatMul", "bert.encoder.layer.0.output.dense"),
        ("/model/bert/pooler/dense/dense.1/Gemm", "bert.pooler.dense.1"),
    ],
)
def test_a_nodes_layer_is_read_from_its_name(node, layer):
    assert layer_of(node) == layer


def product(name, source):
    return helper.make_node("MatMul", [source, "w"], [name], name=f"/model/{name}/MatMul")


def test_a_graph_that_is_not_the_trained_model_is_an_error():
    weights = onnx.numpy_helper.from_array(np.zeros((2, 2), np.float32), "w")
    nodes = [product("a", "x"), product("b", "x")]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], [weights]))
    bounds = np.array([0.0, 1.0], np.float32)
    assert input_ranges(model, {"a": bounds, "b": bounds}) == {"x": (0.0, 1.0)}
    with pytest.raises(ValueError, match="no trained range for the layer b"):
        input_ranges(model, {"a": bounds})
    with pytest.raises(ValueError, match="two trained ranges for x"):
        input_ranges(model, {"a": bounds, "b": 2 * bounds})
    with pytest.raises(ValueError, match="no node for the trained ranges of c"):
        input_ranges(model, {"a": bounds, "b": bounds, "c": bounds})
