"""LSTM classifiers: the arithmetic by hand and in three implementations, training, and what is shipped."""

import math
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pandas
import pytest
import torch
from lstm_models import write_checkpoint

from emopress.artifact import read_json, sha256_of
from emopress.bundle.quantize import quantize
from emopress.bundle.quantize_half import quantize_half
from emopress.checkpoint import DISCRIMINATIVE, GENERATIVE, read_checkpoint
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.lstm.export import export_lstm
from emopress.lstm.float_graph import lstm_graph
from emopress.lstm.model import model_of
from emopress.lstm.train import likelihood_objective, log_shares, train_lstm
from emopress.lstm.weights import LstmWeights, onnx_gates, read_weights
from emopress.measure.teacher_logits import teacher_logits
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.train.loop import Trainer
from emopress.train.run import TrainingRun
from emopress.train.splits import read_split
from plain_entries import built

KINDS = (DISCRIMINATIVE, GENERATIVE)
IDS = np.array([[2, 7, 5, 9, 3], [2, 8, 3, 0, 0], [2, 3, 0, 0, 0]])
MASK = (np.arange(5) < np.array([[5], [3], [2]])).astype(np.int64)


def random_weights(kind, *, rows=11, width=4, label_width=3, state=5, labels=3):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(0, 0.7, shape).astype(np.float32)

    generative = kind == GENERATIVE
    outputs = rows if generative else labels
    own = {"label_embedding": draw(labels, label_width), "log_prior": draw(labels)}
    return LstmWeights(
        kind,
        embedding=draw(rows, width),
        input_weight=draw(width + label_width * generative, 4 * state),
        recurrent_weight=draw(state, 4 * state),
        bias=draw(4 * state),
        output_weight=draw(state, outputs),
        output_bias=draw(outputs),
        **(own if generative else {}),
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def states_of(weights, read):
    """The states [T, H] of one text, step by step in float64 (Hochreiter and Schmidhuber 1997)."""
    hidden = cell = np.zeros(len(weights.recurrent_weight))
    found = []
    for row in read.astype(np.float64):
        gates = row @ weights.input_weight + hidden @ weights.recurrent_weight + weights.bias
        i, f, g, o = np.split(gates, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        found.append(hidden)
    return np.array(found)


def expected(weights):
    """Logits [B, C] and, of a generative model, token log-probabilities [B, C, T - 1], text by text."""
    logits, tokens = [], []
    for ids, mask in zip(IDS, MASK, strict=True):
        words = weights.embedding[ids[mask > 0]]
        if weights.kind == DISCRIMINATIVE:
            mean = states_of(weights, words).mean(axis=0)
            logits.append(mean @ weights.output_weight + weights.output_bias)
            continue
        scores = np.zeros((len(weights.log_prior), IDS.shape[1] - 1))
        for label, vector in enumerate(weights.label_embedding):
            read = np.hstack([words[:-1], np.tile(vector, (len(words) - 1, 1))])
            said = states_of(weights, read) @ weights.output_weight + weights.output_bias
            logs = said - np.log(np.exp(said).sum(axis=1, keepdims=True))
            targets = ids[mask > 0][1:]
            scores[label, : len(targets)] = logs[np.arange(len(targets)), targets]
        tokens.append(scores)
        logits.append(scores.sum(axis=1) + weights.log_prior)
    return np.array(logits), np.array(tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_model_and_graph_compute_the_definition(kind):
    weights = random_weights(kind)
    logits, tokens = expected(weights)
    with torch.inference_mode():
        output = model_of(weights)(torch.tensor(IDS), torch.tensor(MASK))
    assert np.abs(output.logits.numpy() - logits).max() < 1e-5
    session = onnxruntime.InferenceSession(lstm_graph(weights).SerializeToString())
    found = session.run(None, {"input_ids": IDS, "attention_mask": MASK})
    assert np.abs(found[0] - logits).max() < 1e-5
    if kind == GENERATIVE:
        assert np.abs(output.token_log_probabilities.numpy() - tokens).max() < 1e-5
        assert np.abs(found[1] - tokens).max() < 1e-5
        assert (found[1][tokens == 0] == 0).all()
    else:
        assert len(found) == 1


def test_without_weights_every_token_is_as_probable():
    zeros = {k: np.zeros_like(v) for k, v in random_weights(GENERATIVE).arrays().items()}
    weights = LstmWeights(GENERATIVE, **{**zeros, "log_prior": np.log([0.5, 0.3, 0.2])})
    session = onnxruntime.InferenceSession(lstm_graph(weights).SerializeToString())
    logits, tokens = session.run(None, {"input_ids": IDS, "attention_mask": MASK})
    assert tokens[0, 1] == pytest.approx([-math.log(11)] * 4, rel=1e-5)
    assert tokens[1, 0].tolist() == pytest.approx([-math.log(11)] * 2 + [0, 0], rel=1e-5)
    assert logits[2] == pytest.approx(np.log([0.5, 0.3, 0.2]) - math.log(11), rel=1e-5)


def test_one_state_by_hand():
    # Input gate 1/2, forget gate 1/2, output gate 1/2, cell input tanh(1): the cell is first
    # 0.3808, then 0.5 * 0.3808 + 0.3808; states are half its tanh; their mean times 2.
    weights = LstmWeights(
        DISCRIMINATIVE,
        embedding=np.ones((2, 1), np.float32),
        input_weight=np.array([[0, 0, 1, 0]], np.float32),
        recurrent_weight=np.zeros((1, 4), np.float32),
        bias=np.zeros(4, np.float32),
        output_weight=np.array([[2.0, 0.0]], np.float32),
        output_bias=np.array([0.0, 1.0], np.float32),
    )
    first = math.tanh(1) / 2
    mean = (math.tanh(first) / 2 + math.tanh(1.5 * first) / 2) / 2
    ids = torch.tensor([[1, 1, 0]])
    logits = model_of(weights)(ids, torch.tensor([[1, 1, 0]])).logits
    assert logits.tolist()[0] == pytest.approx([2 * mean, 1.0])


def test_gates_in_the_order_of_onnx():
    assert onnx_gates(np.arange(8)).tolist() == [0, 1, 6, 7, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_survive_the_model(kind):
    weights = random_weights(kind)
    again = model_of(weights).weights()
    assert again.kind == kind and list(again.arrays()) == list(weights.arrays())
    for name, array in weights.arrays().items():
        assert np.array_equal(again.arrays()[name], array), name


def test_shares_of_labels():
    found = log_shares(torch.tensor([0, 1, 1, 1]), ["a", "b"])
    assert found.tolist() == pytest.approx([math.log(0.25), math.log(0.75)])
    with pytest.raises(UserError, match="no training text has the label c"):
        log_shares(torch.tensor([0, 1]), ["a", "b", "c"])


def test_the_likelihood_is_a_mean_over_real_tokens():
    output = SimpleNamespace(
        token_log_probabilities=torch.tensor([[-1.0, -2.0, -3.0], [-4.0, 0, 0]])
    )
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    found = likelihood_objective()(output, {"attention_mask": mask}, [0, 1], 0.0)
    assert found.item() == pytest.approx(10 / 4)


@pytest.fixture(scope="module")
def steps(filled, training):
    """The config entry of a small model per kind."""

    def step(kind, **changes):
        own = {"label_width": 12} if kind == GENERATIVE else {}
        tokenizer = {"train": "words", "vocab_size": 400, "lowercase": True}
        shape = {"width": 12, "state": 24, "dropout": 0.1, "tokenizer": tokenizer, **own}
        train = training(**{"epochs": 5, "batch_size": 16, "learning_rate": 0.02, **changes})
        return filled("lstm", family="lstm", kind=kind, **shape, train=train)

    return step


@pytest.fixture(scope="module")
def trained(tmp_path_factory, demo, steps):
    """Return a function that trains and exports a model of some kind and language once."""
    made = {}

    def train(kind, language="en"):
        if (kind, language) not in made:
            corpus, folder = demo[language], tmp_path_factory.mktemp("lstm")
            step = steps(kind)
            run(step, corpus, folder)
            export_lstm(folder / "checkpoint", folder / "bundle")
            made[kind, language] = SimpleNamespace(folder=folder, corpus=corpus)
        return made[kind, language]

    return train


def run(step, corpus, folder, *, seed=0, name="checkpoint", **more):
    train_lstm(
        step=built(step),
        data=corpus.data,
        seed=seed,
        device="cpu",
        train=corpus.train,
        validation=corpus.validation,
        pretrained_tokenizer=None,
        run=TrainingRun(folder / "state", code="tests"),
        out=folder / name,
        **more,
    )
    return folder / name


@pytest.mark.parametrize("language", ["en", "bn"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(trained, kind, language):
    model = trained(kind, language)
    split = read_split(model.corpus.test)
    predicted = load(model.folder / "bundle").predict_logits(split.texts, batch_size=32)
    assert np.mean(predicted.argmax(axis=1) == np.array(split.labels)) > 0.4
    facts = read_bundle(model.folder / "bundle").facts
    assert (facts["family"], facts["kind"], facts["runtime"]) == ("lstm", kind, "onnxruntime")


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundle_computes_what_was_trained(trained, texts, python, tmp_path, kind):
    model = trained(kind)
    bundle = load(model.folder / "bundle")
    several = [*texts, *read_split(model.corpus.test).texts[:20]]
    found = bundle.predict_logits(several, batch_size=7)
    encoded = bundle.encoder([bundle.normalise(text) for text in several])
    torch_model = model_of(read_weights(model.folder / "checkpoint"))
    with torch.inference_mode():
        tensors = {name: torch.from_numpy(array) for name, array in encoded.items()}
        logits = torch_model(**tensors).logits.numpy()
    assert np.abs(found - logits).max() < 1e-3
    code = (
        "import sys, json, numpy as np; from emopress.runtime.bundle import load;"
        "texts = json.load(open(sys.argv[2]));"
        "np.save(sys.argv[3], load(sys.argv[1]).predict_logits(texts, batch_size=7));"
        "assert 'torch' not in sys.modules"
    )
    pandas.Series(several).to_json(tmp_path / "texts.json", orient="values")
    python(code, model.folder / "bundle", tmp_path / "texts.json", tmp_path / "found.npy")
    assert np.array_equal(np.load(tmp_path / "found.npy"), found)


@pytest.mark.parametrize("kind", KINDS)
def test_alone_or_in_a_batch(trained, kind):
    model = trained(kind)
    bundle, texts = load(model.folder / "bundle"), read_split(model.corpus.test).texts[:12]
    alone, together = (bundle.predict_logits(texts, batch_size=n) for n in (1, 12))
    assert np.abs(alone - together).max() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_int8_predicts_nearly_the_same(trained, filled, tmp_path, kind, exact_unasked):
    model = trained(kind)
    step = filled("quantize", kind="quantize", method="dynamic")
    quantize(
        parent=model.folder / "bundle",
        step=typed_step(step),
        seed=0,
        train=model.corpus.train,
        out=tmp_path / "int8",
    )
    facts = read_bundle(tmp_path / "int8").facts
    assert facts["findings"]["a-name"]["int8_weight_share"] > 0.9
    assert (facts["kind"], facts["weight_bits"]) == (kind, 8)
    texts = read_split(model.corpus.test).texts
    before, after = (
        load(f).predict_proba(texts) for f in (model.folder / "bundle", tmp_path / "int8")
    )
    assert np.mean(before.argmax(axis=1) == after.argmax(axis=1)) > 0.95
    assert exact_unasked(tmp_path / "int8", texts)


def int8_of(parent, filled, few, out):
    step = filled("quantize", kind="quantize", method="dynamic")
    quantize(parent=parent, step=typed_step(step), seed=0, train=few.train, out=out)
    return load(out)


def test_int8_texts_of_a_batch_do_not_see_each_other(large, few, filled, tmp_path):
    """One range of activations is for a whole call: so each text is a call."""
    model = int8_of(large["discriminative"], filled, few, tmp_path / "int8")
    texts = read_split(few.train).texts[:12]
    alone, together = (model.predict_logits(texts, batch_size=n) for n in (1, 12))
    assert alone.tobytes() == together.tobytes()


def test_int8_generative_tokens_do_not_see_later_ones(few, filled, tmp_path):
    """Scores of a beginning are, to the bit, those within the whole text, whose last words are the largest."""
    weights = random_weights("generative", rows=60, width=64, label_width=64, state=128)
    weights.embedding[30:] *= 10
    export_lstm(write_checkpoint(tmp_path / "checkpoint", weights), tmp_path / "bundle")
    model = int8_of(tmp_path / "bundle", filled, few, tmp_path / "int8")
    ids = np.array([[2, 7, 9, 31, 40, 50, 3]])

    def scores(ids):
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        return model.session.run(["token_log_probabilities"], feed)[0]

    assert scores(ids[:, :3]).tobytes() == scores(ids)[:, :, :2].tobytes()


@pytest.mark.parametrize("method", ["fp16", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_bits_predict_nearly_the_same(trained, tmp_path, kind, method):
    model = trained(kind)
    step = {"name": method, "kind": "quantize", "method": method}
    quantize_half(parent=model.folder / "bundle", step=typed_step(step), out=tmp_path / "half")
    found = read_bundle(tmp_path / "half").facts["findings"][method]
    assert found["half_weight_share"] > 0.9 and found["products"] >= 2
    full, half = (load(f) for f in (model.folder / "bundle", tmp_path / "half"))
    texts = read_split(model.corpus.test).texts[:30]
    logits = [c.predict_logits(texts, batch_size=8) for c in (full, half)]
    assert np.abs(logits[0] - logits[1]).max() < 0.3  # of sums over some 15 tokens
    if kind == GENERATIVE:
        tokens = [c.token_scores(texts[:3])[1] for c in (full, half)]
        assert np.abs(tokens[0][0] - tokens[1][0]).max() < 0.1


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The fp32 bundles of models of which all but a few kilobytes are weights, by kind."""
    root = tmp_path_factory.mktemp("large")
    for kind in KINDS:
        weights = random_weights(kind, rows=2000, width=64, label_width=64, state=128)
        export_lstm(write_checkpoint(root / kind / "checkpoint", weights), root / kind / "bundle")
    return {kind: root / kind / "bundle" for kind in KINDS}


def graph_bytes(folder):
    return (folder / "model.onnx").stat().st_size


@pytest.mark.parametrize("kind", KINDS)
def test_int8_is_a_quarter(large, few, filled, tmp_path, kind):
    step = filled("quantize", kind="quantize", method="dynamic", embeddings=True)
    quantize(
        parent=large[kind], step=typed_step(step), seed=0, train=few.train, out=tmp_path / "int8"
    )
    share = graph_bytes(tmp_path / "int8") / graph_bytes(large[kind])
    assert 0.25 < share < 0.28


@pytest.mark.parametrize("method", ["fp16", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_sixteen_bits_are_half(large, tmp_path, kind, method):
    step = {"name": method, "kind": "quantize", "method": method}
    quantize_half(parent=large[kind], step=typed_step(step), out=tmp_path / "half")
    share = graph_bytes(tmp_path / "half") / graph_bytes(large[kind])
    assert 0.5 < share < 0.52


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_weights_and_another_seed_others(few, steps, tmp_path, kind):
    step = steps(kind, epochs=2)
    first, again = (run(step, few, tmp_path, name=name) for name in ("first", "again"))
    other = run(step, few, tmp_path, name="other", seed=1)
    for file in ("model.safetensors", "tokenizer.json", "training.json"):
        assert sha256_of(first / file) == sha256_of(again / file)
    assert sha256_of(first / "model.safetensors") != sha256_of(other / "model.safetensors")
    assert read_checkpoint(first).manifest["params"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_ends_like_an_unbroken_one(few, steps, tmp_path, monkeypatch, kind):
    step, record = steps(kind, epochs=3), Trainer._record
    whole = run(step, few, tmp_path, name="whole")

    def cut_off(trainer, epoch, *rest):
        record(trainer, epoch, *rest)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_record", cut_off)
    with pytest.raises(KeyboardInterrupt):
        run(step, few, tmp_path, name="out")
    assert (tmp_path / "state" / "state.json").is_file() and not (tmp_path / "out").exists()
    monkeypatch.setattr(Trainer, "_record", record)
    resumed = run(step, few, tmp_path, name="out")
    assert sha256_of(resumed / "model.safetensors") == sha256_of(whole / "model.safetensors")


def test_sets_of_labels_have_thresholds(few, steps, tmp_path):
    for name in ("train", "validation"):
        frame = pandas.read_parquet(getattr(few, name))
        frame["label"] = [sorted({label, 0}) for label in frame["label"]]
        frame.to_parquet(tmp_path / f"{name}.parquet")
    corpus = SimpleNamespace(
        train=tmp_path / "train.parquet",
        validation=tmp_path / "validation.parquet",
        data={**few.data, "task": "multi"},
    )
    run(steps(DISCRIMINATIVE, epochs=1), corpus, tmp_path)
    export_lstm(tmp_path / "checkpoint", tmp_path / "bundle")
    model = load(tmp_path / "bundle")
    assert model.task == "multi" and len(model.thresholds) == 6


def test_a_student_learns_its_teachers_logits(trained, few, filled, training, steps, tmp_path):
    teacher = trained(GENERATIVE).folder / "bundle"
    teacher_logits(teacher, few.train, tmp_path / "logits.safetensors", threads=1)
    train = training(epochs=1, learning_rate=0.01)
    step = filled("distill", name="kd", kind="distill", student="student", train=train)
    student = {key: value for key, value in steps(DISCRIMINATIVE).items() if key != "train"}
    folder = run(
        {**step, "student_model": student},
        few,
        tmp_path,
        teacher=teacher,
        teacher_logits=[tmp_path / "logits.safetensors"],
    )
    facts = read_checkpoint(folder).manifest
    assert facts["kind"] == DISCRIMINATIVE
    assert [step["name"] for step in facts["recipe"]] == ["a-name", "kd"]
    assert facts["parent"] == {"sha256": sha256_of(teacher / "bundle.json")}
    assert len(read_json(folder / "training.json")) == 1


def test_another_familys_checkpoint_is_refused(artifacts):
    with pytest.raises(UserError, match="a transformer checkpoint, expected an lstm one"):
        read_weights(artifacts.checkpoints["bert"])


def test_odd_texts(trained):
    texts = ["", " ", "😱", "very " * 5000, "\u0000"]
    for kind in KINDS:
        found = load(trained(kind).folder / "bundle").predict_proba(texts)
        assert np.isfinite(found).all() and found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
