"""The dense family: what is shipped is what was trained, in 8 bits and in 2; vectors from every source."""

import json
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from emopress.artifact import read_json, sha256_of, write_json
from emopress.bundle.affine import weight_range
from emopress.bundle.quantize_affine import quantize_affine
from emopress.checkpoint import read_checkpoint
from emopress.dense.export import export_dense
from emopress.dense.model import DenseModel
from emopress.dense.table import first_vectors
from emopress.dense.train import Entries, train_dense
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.linear.export import export_linear
from emopress.linear.train import train_linear
from emopress.measure.teacher_logits import teacher_logits
from emopress.report.tables import pass_results as findings
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.dense import pooled
from emopress.runtime.layers_file import VECTORS, Layer, read_model
from emopress.runtime.lexicon import Lexicon, words_of
from emopress.runtime.normalise import normalise_text
from emopress.train.lesson import read_teachers
from emopress.train.logits import teacher_facts
from emopress.train.loop import Trainer
from emopress.train.run import TrainingRun
from emopress.train.spans import joined_spans
from emopress.train.splits import Split, read_split
from plain_entries import built

SUBWORD = {"source": "subword", "dimension": 12, "buckets": 300, "min_count": 2}
TRAIN = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02}
SHAPES = {
    "average": {"vectors": SUBWORD, "layers": [16]},
    "flatten": {"vectors": SUBWORD, "pooling": "flatten", "max_tokens": 6, "layers": [16, 8]},
    "bare": {"vectors": {"source": "random", "dimension": 12}, "layers": []},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, demo, filled, training):
    """Return a function that trains a model of some shape once and returns its folder's parts."""
    made = {}

    def train(name, language="en", **changes):
        key = name, language, json.dumps(changes)
        if key in made:
            return made[key]
        corpus, folder = demo[language], tmp_path_factory.mktemp("dense")
        step = {**SHAPES[name], **changes, "train": training(**TRAIN)}
        step = filled("dense", family="dense", **step)
        train_dense(
            step=built(step),
            data=corpus.data,
            seed=0,
            device="cpu",
            train=corpus.train,
            validation=corpus.validation,
            vectors=None,
            run=TrainingRun(folder / "state", code="tests"),
            out=folder / "checkpoint",
        )
        export_dense(folder / "checkpoint", folder / "bundle")
        made[key] = SimpleNamespace(folder=folder, step=step, corpus=corpus)
        return made[key]

    return train


def quantized(model, filled, out, **changes):
    step = filled("affine", name="q", kind="quantize", method="affine", **changes)
    quantize_affine(
        parent=model.folder / "bundle",
        step=typed_step(step),
        validation=model.corpus.validation,
        out=out,
    )
    return load(out), read_bundle(out).facts


def torch_logits(model, texts):
    """Compute the logits of the checkpoint with PyTorch, from its files, as the training did."""
    facts = read_checkpoint(model.folder / "checkpoint").manifest
    words = read_json(model.folder / "checkpoint" / "words.json")
    weights = load_file(model.folder / "checkpoint" / "model.safetensors")
    lexicon = Lexicon(words, buckets=facts["buckets"], ngrams=facts["ngrams"])
    entries = Entries(lexicon, words, max_length=facts["max_length"], classes=len(facts["labels"]))
    normal = load(model.folder / "bundle").normalise
    encoded = entries.encode(Split([], [normal(t) for t in texts], [0] * len(texts)))
    built = DenseModel(
        weights["vectors"],
        entries.pieces,
        layers=model.step["layers"],
        classes=len(facts["labels"]),
        dropout=0.3,
        word_dropout=0.3,
        pooling=facts["pooling"],
        max_length=facts["max_length"],
        trained_vectors=True,
    )
    built.load_state_dict(weights)
    with torch.inference_mode():
        return built.eval()(**encoded.batch(range(len(texts)), torch.device("cpu"))).logits.numpy()


@pytest.mark.parametrize(
    ("name", "language"), [("average", "en"), ("average", "bn"), ("flatten", "en"), ("bare", "en")]
)
def test_the_bundle_computes_what_was_trained(trained, texts, name, language):
    model = trained(name, language)
    several = [*texts, *model.corpus.frame["text"][1050:1080], "zzyzx goood , gooood"]
    found = load(model.folder / "bundle").predict_logits(several, batch_size=5)
    assert np.abs(found - torch_logits(model, several)).max() < 1e-4


@pytest.mark.parametrize("language", ["en", "bn"])
def test_it_learns(trained, language):
    model = trained("average", language)
    split = read_split(model.corpus.test)
    predicted = load(model.folder / "bundle").predict_proba(split.texts).argmax(axis=1)
    assert np.mean(predicted == np.array(split.labels)) > 0.5


@pytest.mark.parametrize("name", SHAPES)
def test_eight_bits_change_little_and_two_are_smaller(trained, filled, tmp_path, name):
    model = trained(name)
    texts = read_split(model.corpus.test).texts
    full = load(model.folder / "bundle").predict_proba(texts)
    eight, _ = quantized(model, filled, tmp_path / "8", bits=8, percentile=100)
    assert np.abs(eight.predict_proba(texts) - full).max() < 0.05
    quantized(model, filled, tmp_path / "2", bits=2, percentile=99)
    size = {n: read_bundle(f).size_bytes for n, f in (("8", tmp_path / "8"), ("2", tmp_path / "2"))}
    whole = read_bundle(model.folder / "bundle").size_bytes
    assert size["2"] < size["8"] < 0.45 * whole


@pytest.mark.parametrize("bits", range(2, 9))
def test_codes_are_packed_and_stand_for_the_rounded_weights(trained, filled, tmp_path, bits):
    model = trained("average")
    _, facts = quantized(model, filled, tmp_path / "q", bits=bits, symmetric=False, percentile=99.5)
    _, before = read_model(model.folder / "bundle" / "model.npz", "dense")
    _, after = read_model(tmp_path / "q" / "model.npz", "dense")
    findings = facts["findings"]["q"]["quantized_layers"]
    with np.load(tmp_path / "q" / "model.npz") as arrays:
        for old, new in zip(before, after, strict=True):
            stored = arrays[new.name]
            assert stored.dtype == np.uint8 and stored.size == -(-old.matrix.size * bits // 8)
            told = findings[new.name]
            weights, by_row = old.weights(), new.name == "vectors"
            low, high = weight_range(weights, symmetric=False, percentile=99.5, by_row=by_row)
            assert (told["low"], told["high"]) == pytest.approx((np.min(low), np.max(high)))
            steps = np.abs(new.weights() - np.clip(weights, low, high)) / new.scale
            assert steps.max() <= 1.01
            assert (f"{new.name}.scales" in arrays) == by_row
            error = np.mean(np.square(new.weights() - old.weights()))
            assert told["mean_squared_error"] == pytest.approx(error, rel=1e-4)
            if old.bias is not None:
                assert np.array_equal(old.bias, new.bias)
    assert facts["weight_bits"] == bits
    assert facts["nonzero_params"] == sum(layer.nonzero_params for layer in after)
    assert facts["params"] == sum(layer.params for layer in after)


def test_the_search_looks_at_validation(trained, filled, tmp_path):
    model = trained("average")
    percentiles = [100, 99.5, 98, 95]
    _, searched = quantized(model, filled, tmp_path / "s", bits=2, search=percentiles)
    found = searched["findings"]["q"]
    split = read_split(model.corpus.validation)

    def macro_f1(folder):
        predicted = load(folder).predict_proba(split.texts).argmax(axis=1)
        return f1_score(split.labels, predicted, average="macro", zero_division=0)

    assert found["validation_macro_f1_before"] == pytest.approx(macro_f1(model.folder / "bundle"))
    assert found["validation_macro_f1_after"] == pytest.approx(macro_f1(tmp_path / "s"))
    for facts in found["quantized_layers"].values():
        trials = {p: tuple(loss.values()) for p, loss in facts["validation_by_percentile"].items()}
        assert set(trials) == {f"{p:g}" for p in percentiles}
        assert trials[f"{facts['percentile']:g}"] == min(trials.values())
    last = found["quantized_layers"]["output"]
    chosen = last["validation_by_percentile"][f"{last['percentile']:g}"]
    assert 1 - chosen["macro_f1_error"] == pytest.approx(found["validation_macro_f1_after"])


def test_pooling_by_hand():
    table = Layer(VECTORS, np.array([[1.0, 0.0], [3.0, 2.0], [0.0, 4.0]], dtype=np.float32))
    texts = [[[0], [1]], [[1, 2]], []]  # two words; one unseen word of two n-grams; nothing known
    found = pooled(texts, table, pooling="average", max_length=9)
    assert found.tolist() == [[2.0, 1.0], [1.5, 3.0], [0.0, 0.0]]
    side = pooled(texts, table, pooling="flatten", max_length=3)
    assert side.tolist() == [[1, 0, 3, 2, 0, 0], [1.5, 3, 0, 0, 0, 0], [0] * 6]
    both = pooled([[[0], [1, 2], [2]]], table, pooling="flatten", max_length=3)
    assert both.tolist() == [[1, 0, 1.5, 3, 0, 4]]


def test_model_by_hand():
    model = DenseModel(
        torch.tensor([[1.0, -1.0], [3.0, 1.0]]),
        [[], [0], [0, 1]],
        layers=[1],
        classes=2,
        dropout=0.5,
        word_dropout=0.5,
        pooling="average",
        max_length=8,
        trained_vectors=True,
    ).eval()
    with torch.no_grad():
        model.hidden[0].weight.copy_(torch.tensor([[1.0, 1.0]]))
        model.hidden[0].bias.fill_(-1.0)
        model.output.weight.copy_(torch.tensor([[2.0], [0.0]]))
        model.output.bias.copy_(torch.tensor([0.0, 5.0]))
    ids, mask = torch.tensor([[1, 2], [1, 0]]), torch.tensor([[1, 1], [1, 0]])
    assert model.words(ids).tolist() == [[[1, -1], [2, 0]], [[1, -1], [0, 0]]]
    # means (1.5, -0.5) and (1, -1); minus 1: 0 and -1, cut off at 0
    assert model(ids, mask).logits.tolist() == [[0, 5], [0, 5]]
    with torch.no_grad():
        model.hidden[0].bias.fill_(1.0)
    assert model(ids, mask).logits.tolist() == [[4, 5], [2, 5]]


@pytest.fixture
def job(few, filled, training, tmp_path):
    """Return a function that trains a small model on few texts and returns its checkpoint's folder."""
    step = filled("dense", family="dense", **SHAPES["average"], train=training(**TRAIN))

    def run(name, seed=0):
        train_dense(
            step=built(step),
            data=few.data,
            seed=seed,
            device="cpu",
            train=few.train,
            validation=few.validation,
            vectors=None,
            run=TrainingRun(tmp_path / "state", code="tests"),
            out=tmp_path / name,
        )
        return tmp_path / name

    return run


def test_same_seed_same_files_and_another_seed_others(job, tmp_path):
    first, again, other = job("first"), job("again"), job("other", seed=1)
    for file in ("model.safetensors", "words.json", "training.json"):
        assert sha256_of(first / file) == sha256_of(again / file)
    assert sha256_of(first / "model.safetensors") != sha256_of(other / "model.safetensors")
    assert sha256_of(first / "words.json") == sha256_of(other / "words.json")
    assert not (tmp_path / "state").exists()


def test_a_training_that_was_cut_off_goes_on(job, tmp_path, monkeypatch):
    whole, record = job("whole"), Trainer._record

    def cut_off(self, epoch, loss, score):
        record(self, epoch, loss, score)
        if epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_record", cut_off)
    with pytest.raises(KeyboardInterrupt):
        job("out")
    assert (tmp_path / "state" / "state.json").is_file() and not (tmp_path / "out").exists()
    monkeypatch.setattr(Trainer, "_record", record)
    assert sha256_of(job("out") / "model.safetensors") == sha256_of(whole / "model.safetensors")


@pytest.fixture
def glove(tmp_path, demo):
    """A fetched file of vectors that has every second word of the English training texts."""
    words = sorted({w for t in read_split(demo["en"].train).texts for w in words_of(t)})
    kept = words[::2]
    folder = tmp_path / "vectors"
    folder.mkdir()
    rng = np.random.default_rng(0)
    with open(folder / "tiny.4d.txt", "w", encoding="utf-8") as stream:
        for word in kept:
            stream.write(" ".join([word, *(f"{x:.4f}" for x in rng.normal(size=4))]) + "\n")
    entry = {"sha256": sha256_of(folder / "tiny.4d.txt")}
    write_json(folder / "manifest.json", {"tiny.4d.txt": entry})
    return SimpleNamespace(folder=folder, words=words, kept=kept)


def glove_step(filled, training, **changes):
    vectors = {
        "source": "glove",
        "dimension": 4,
        "file": "tiny.4d.txt",
        "licence": "PDDL-1.0",
        **changes,
    }
    train = training(**{**TRAIN, "epochs": 1})
    return filled("dense", family="dense", vectors=vectors, train=train)


def vectors_of(step, texts, **options):
    model = built(step).model
    return first_vectors(model.entry.vectors, texts, name=model.name, **options)


@pytest.mark.parametrize("missing", ["random", "drop"])
def test_words_that_the_file_lacks(glove, demo, filled, training, missing):
    step = glove_step(filled, training, missing=missing)
    texts = read_split(demo["en"].train).texts
    found = vectors_of(step, texts, seed=0, file=glove.folder / "tiny.4d.txt")
    assert found.words == (glove.kept if missing == "drop" else glove.words)
    lines = (glove.folder / "tiny.4d.txt").read_text("utf-8").splitlines()
    for line in lines:
        word, *numbers = line.split(" ")
        row = found.table[found.words.index(word)]
        assert row.tolist() == pytest.approx([float(n) for n in numbers])
    assert found.findings["words_in_the_file"] == len(glove.kept)
    assert found.findings["words_not_in_it"] == len(glove.words) - len(glove.kept)
    if missing == "random":
        others = [
            row for w, row in zip(found.words, found.table, strict=True) if w not in glove.kept
        ]
        assert 0.08 < float(torch.stack(others).std()) < 0.12


def test_how_many_words_have_a_vector_is_said(filled, training, tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "tiny.4d.txt").write_text("Joy 1 2 3 4\njoy 1 1 1 1\nSun 5 6 7 8\n", "utf-8")
    step = glove_step(filled, training)
    found = vectors_of(step, ["joy sun"], seed=0, file=tmp_path / "tiny.4d.txt").findings
    told = {key: value for key, value in found.items() if key != "vectors_sha256"}
    assert told == {
        "words": 2,
        "words_in_the_file": 2,
        "words_in_the_file_share": 1.0,
        "words_not_in_it": 0,
        "words_in_another_spelling": 1,
        "lines_passed_over": 1,
    }
    assert "2 of 2 words of the training texts (100.0 %) have a vector" in caplog.text
    assert [record.levelname for record in caplog.records] == ["INFO"]
    shown = findings.facts([found])
    assert "share of words with a vector in the file: 100 %" in shown
    assert "words that the file spells differently: 1" in shown
    vectors_of(step, ["joy is not here"], seed=0, file=tmp_path / "tiny.4d.txt")
    assert caplog.records[-1].levelname == "WARNING" and "1 of 4 words" in caplog.text


@pytest.mark.parametrize("missing", ["random", "drop"])
def test_a_file_without_any_of_the_words_is_one_line(filled, training, tmp_path, missing):
    """Vectors of another language: all would be random, and nobody would know."""
    (tmp_path / "tiny.4d.txt").write_text("/c/en/joy 1 2 3 4\n/c/en/sun 5 6 7 8\n", "utf-8")
    step = glove_step(filled, training, missing=missing)
    with pytest.raises(UserError) as caught:
        vectors_of(step, ["joy sun"], seed=0, file=tmp_path / "tiny.4d.txt")
    assert str(caught.value) == (
        "models.a-name.vectors: tiny.4d.txt has none of the 2 words of the training texts ('joy', 'sun'); the file "
        "begins with '/c/en/joy', '/c/en/sun': take vectors of the texts' language and spelling"
    )


def test_the_data_set_decides_how_words_are_spelt(filled, training, tmp_path):
    """A file typed with U+09DC; normalised texts have the letter and its dot apart, and a joiner goes."""
    (tmp_path / "tiny.4d.txt").write_text("বা\u09dcি\u2060 1 2 3 4\nআমি 1 1 1 1\n", "utf-8")
    step = glove_step(filled, training)
    texts = [normalise_text("আমি বা\u09dcি", "bengali")]
    by_method = {
        method: vectors_of(
            step, texts, seed=0, file=tmp_path / "tiny.4d.txt", normalise=method
        ).findings["words_in_the_file"]
        for method in ("none", "bengali")
    }
    assert by_method == {"none": 1, "bengali": 2}


def train_on(glove, few, step, out):
    train_dense(
        step=built(step),
        data=few.data,
        seed=0,
        device="cpu",
        train=few.train,
        validation=few.validation,
        vectors=glove.folder,
        run=TrainingRun(out.with_name("state"), code="tests"),
        out=out,
    )
    export_dense(out, out.with_name("bundle"))
    return read_bundle(out.with_name("bundle"))


@pytest.mark.parametrize("trained_on", [True, False])
def test_vectors_of_a_file_are_trained_on_or_kept(
    glove, few, filled, training, tmp_path, trained_on
):
    step = glove_step(filled, training, trained=trained_on)
    bundle = train_on(glove, few, step, tmp_path / "checkpoint")
    texts = read_split(few.train).texts
    first = vectors_of(step, texts, seed=0, file=glove.folder / "tiny.4d.txt")
    words, (vectors, *_) = read_model(bundle.folder / "model.npz", "dense")
    assert words == first.words
    assert np.array_equal(vectors.matrix, first.table.numpy()) is not trained_on
    assert bundle.facts["licences"] == ["PDDL-1.0"]
    assert bundle.facts["findings"]["a-name"]["words_in_the_file"] > 0


def test_a_damaged_file_of_vectors_is_one_line(glove, few, filled, training, tmp_path):
    with open(glove.folder / "tiny.4d.txt", "a", encoding="utf-8") as stream:
        stream.write("more 1 2 3 4\n")
    with pytest.raises(UserError, match=r"tiny\.4d\.txt: damaged"):
        train_on(glove, few, glove_step(filled, training), tmp_path / "checkpoint")


def test_no_word_left_is_one_line(demo, filled, training):
    vectors = {"source": "random", "dimension": 4, "min_count": 100000}
    step = filled("dense", name="strict", family="dense", vectors=vectors, train=training())
    with pytest.raises(UserError, match=r"models\.strict\.vectors: no word .*\(min_count 100000\)"):
        vectors_of(step, read_split(demo["en"].train).texts, seed=0, file=None)


def test_subwords_alone_can_do(demo, filled, training):
    vectors = {**SUBWORD, "min_count": 100000}
    step = filled("dense", family="dense", vectors=vectors, train=training())
    found = vectors_of(step, read_split(demo["en"].train).texts, seed=0, file=None)
    assert found.words == [] and found.table.shape == (300, 12)


def test_unseen_words_have_a_vector_by_their_ngrams_and_without_them_none(trained):
    by_subword = load(trained("average").folder / "bundle")
    assert np.ptp(by_subword.predict_logits(["wonderfullly", "dreadfulll", ""]), axis=0).max() > 0
    bare = load(trained("bare").folder / "bundle")
    found = bare.predict_logits(["wonderfullly", "zzyzx", ""])
    assert np.array_equal(found, np.stack([bare.layers[-1].bias] * 3))


def test_flatten_reads_max_tokens_words_and_no_more(trained):
    model = load(trained("flatten").folder / "bundle")
    assert read_bundle(trained("flatten").folder / "bundle").facts["max_length"] == 6
    one, other = model.predict_logits(["a b c d e f g", "a b c d e f good"])
    assert np.array_equal(one, other)
    assert (model.max_length, model.unit) == (6, "words")
    assert model.too_long(["a b c d e f", "a b c d e f g"]) == [False, True]


def test_words_without_a_vector_take_no_place(trained):
    model = load(trained("bare").folder / "bundle")
    limit, known = model.max_length, next(iter(model.lexicon.index))
    full = " ".join([known] * limit)
    assert model.too_long([full, f"{full} zzyzx", f"{full} {known}"]) == [False, False, True]


def test_a_file_that_does_not_fit_its_manifest_is_one_line(trained, tmp_path):
    import shutil

    folder = shutil.copytree(trained("average").folder / "bundle", tmp_path / "bundle")
    facts = read_json(folder / "bundle.json")
    write_json(folder / "bundle.json", {**facts, "buckets": 7})
    with pytest.raises(UserError, match=r"model\.npz: does not fit its bundle\.json"):
        load(folder)


def test_the_curve_is_kept(trained):
    folder = trained("average").folder / "checkpoint"
    rows = read_json(folder / "training.json")
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    assert read_checkpoint(folder).manifest["trained_on"]["device"] == "cpu"


def test_odd_texts(trained):
    texts = ["", " ", "😱", "very " * 5000, "\u0000"]
    for name in SHAPES:
        found = load(trained(name).folder / "bundle").predict_proba(texts)
        assert np.isfinite(found).all() and found.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_text_of_validation_without_a_known_word_can_be_trained_on(
    demo, filled, training, tmp_path
):
    frame = pandas.read_parquet(demo["en"].train)[:50]
    frame.loc[frame.index[:3], "text"] = ["", "😱", " "]
    frame.to_parquet(tmp_path / "split.parquet")
    vectors = {"source": "random", "dimension": 4, "min_count": 2}
    train_dense(
        step=built(filled("dense", family="dense", vectors=vectors, train=training(epochs=1))),
        data=demo["en"].data,
        seed=0,
        device="cpu",
        train=tmp_path / "split.parquet",
        validation=tmp_path / "split.parquet",
        vectors=None,
        run=TrainingRun(tmp_path / "state", code="tests"),
        out=tmp_path / "checkpoint",
    )
    assert read_checkpoint(tmp_path / "checkpoint").manifest["params"] > 0


@pytest.fixture
def teacher(demo, filled, tmp_path):
    """The bundle of a linear model."""
    corpus = demo["en"]
    train_linear(
        step=typed_step(filled("linear", family="linear", name="linear")),
        data=corpus.data,
        seed=0,
        train=corpus.train,
        validation=corpus.validation,
        out=tmp_path / "teacher",
    )
    export_linear(tmp_path / "teacher", tmp_path / "teacher-bundle")
    return tmp_path / "teacher-bundle"


@pytest.fixture
def distilled(demo, filled, training, teacher, tmp_path):
    """Return a function that distils the teacher into a dense student, and returns its checkpoint."""
    corpus, logits = demo["en"], tmp_path / "logits.safetensors"
    teacher_logits(teacher, corpus.train, logits, threads=1)
    shape = {**SHAPES["average"], "train": training(**TRAIN)}
    student = filled("dense", name="small", family="dense", **shape)

    def run(name, alpha=0.7, student=student, spans=None, spans_logits=None, **changes):
        settings = training(**{**TRAIN, **changes})
        step = filled("distill", name="kd", kind="distill", student="small", alpha=alpha)
        train_dense(
            step=built({**step, "train": settings, "student_model": student}),
            data=corpus.data,
            seed=0,
            device="cpu",
            train=corpus.train,
            validation=corpus.validation,
            vectors=None,
            teacher=teacher,
            teacher_logits=[logits],
            spans=spans,
            spans_logits=spans_logits,
            run=TrainingRun(tmp_path / "state", code="tests"),
            out=tmp_path / name,
        )
        return read_checkpoint(tmp_path / name)

    return run


def test_a_dense_student_learns_what_its_teacher_says(distilled, teacher, demo, tmp_path):
    made = distilled("kd", alpha=1.0, epochs=15)
    assert [step["name"] for step in made.manifest["recipe"]] == ["linear", "kd"]
    assert made.manifest["family"] == "dense" and made.manifest["findings"]["kd"]["words"] > 0
    assert made.manifest["parent"] == {"sha256": sha256_of(teacher / "bundle.json")}
    export_dense(made.folder, tmp_path / "bundle")
    texts = read_split(demo["en"].test).texts
    own, others = (
        load(folder).predict_proba(texts).argmax(axis=1)
        for folder in (tmp_path / "bundle", teacher)
    )
    assert np.mean(own == others) > 0.6


def test_what_a_student_is_told_shapes_it_and_nothing_else_does(distilled):
    weights = [
        load_file(made.folder / "model.safetensors")["output.weight"]
        for made in (
            distilled("a", epochs=1),
            distilled("again", epochs=1),
            distilled("b", 0.1, epochs=1),
        )
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_joined_spans_are_learnt_from_and_decide_no_words(distilled, demo, teacher, tmp_path):
    spans, labels = tmp_path / "spans.parquet", tmp_path / "spans.safetensors"
    joined_spans(train=demo["en"].train, texts=300, folds=3, seed=0, out=spans)
    teacher_logits(teacher, spans, labels, threads=1)
    without, with_spans, again = (
        distilled(name, epochs=1, **more)
        for name, more in (
            ("without", {}),
            ("with", {"spans": spans, "spans_logits": [labels]}),
            ("again", {"spans": spans, "spans_logits": [labels]}),
        )
    )
    words = [(made.folder / "words.json").read_bytes() for made in (without, with_spans)]
    assert words[0] == words[1]
    first, second, third = (
        load_file(made.folder / "model.safetensors") for made in (without, with_spans, again)
    )
    assert all(torch.equal(second[name], third[name]) for name in second)
    assert {name: value.shape for name, value in first.items()} == {
        name: value.shape for name, value in second.items()
    }
    assert not torch.equal(first["output.weight"], second["output.weight"])


def test_logits_of_other_spans_are_refused(distilled, demo, teacher, tmp_path):
    for seed in (0, 1):
        out = tmp_path / f"{seed}.parquet"
        joined_spans(train=demo["en"].train, texts=20, folds=3, seed=seed, out=out)
    teacher_logits(teacher, tmp_path / "1.parquet", tmp_path / "labels", threads=1)
    with pytest.raises(UserError, match="teacher logits of other texts"):
        distilled("kd", spans=tmp_path / "0.parquet", spans_logits=[tmp_path / "labels"])


def test_logits_of_other_texts_are_refused(distilled, demo, tmp_path):
    pandas.read_parquet(demo["en"].train)[1:].to_parquet(tmp_path / "fewer.parquet")
    ids = read_split(tmp_path / "fewer.parquet").ids
    with pytest.raises(UserError, match="teacher logits of other texts"):
        read_teachers([tmp_path / "logits.safetensors"], ids=ids)


def test_logits_of_an_older_emopress_are_refused(tmp_path):
    old = tmp_path / "logits.safetensors"
    save_file({"logits": np.zeros((1, 2))}, old, metadata={"ids_sha256": "x", "licences": "[]"})
    with pytest.raises(UserError, match="without the teacher's recipe; delete it and run again"):
        teacher_facts(old)
