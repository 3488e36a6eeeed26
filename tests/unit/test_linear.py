"""The linear family: the shipped model is scikit-learn's, in int8 too, and fast."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import accuracy_score
from sklearn.svm import LinearSVC

from emopress.checkpoint import read_checkpoint
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.linear.export import export_linear
from emopress.linear.quantize import int8_per_class, quantize_linear
from emopress.linear.train import fit_scale, negative_log_likelihood, train_linear
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.normalise import normalise_text
from emopress.tasks import label_array
from emopress.train.ngram_features import chi_square
from emopress.train.splits import read_split

KINDS = {"bn": ("char_wb", [2, 5], "none"), "en": ("word", [1, 2], "balanced")}


@pytest.fixture(scope="module", params=KINDS)
def trained(request, tmp_path_factory, demo, filled):
    """A linear model of each language with its bundles, and the same model by scikit-learn alone."""
    language = request.param
    corpus, folder = demo[language], tmp_path_factory.mktemp(f"linear-{language}")
    kind, ngrams, weight = KINDS[language]
    step = filled("linear", family="linear", analyzer=kind, ngrams=ngrams, class_weight=weight)
    train_linear(
        step=typed_step(step),
        data=corpus.data,
        seed=0,
        train=corpus.train,
        validation=corpus.validation,
        out=folder / "checkpoint",
    )
    export_linear(folder / "checkpoint", folder / "bundle")
    int8 = {"name": "int8-weights", "kind": "quantize", "method": "weight-only"}
    quantize_linear(parent=folder / "bundle", step=typed_step(int8), out=folder / "int8")
    pattern = {"token_pattern": r"\S+"} if kind == "word" else {}
    vectorizer = TfidfVectorizer(
        analyzer=kind, ngram_range=tuple(ngrams), min_df=2, sublinear_tf=True, **pattern
    )
    train = pandas.read_parquet(corpus.train)
    svm = LinearSVC(C=step["C"], class_weight=None if weight == "none" else weight, random_state=0)
    svm.fit(vectorizer.fit_transform(train["text"]), train["label"])
    return SimpleNamespace(
        folder=folder,
        corpus=corpus,
        margins=lambda t: svm.decision_function(vectorizer.transform(t)),
    )


def texts_of(path):
    frame = pandas.read_parquet(path)
    return frame["text"].tolist(), frame["label"].to_numpy()


def test_logits_are_sklearns_margins_times_the_scale(trained):
    validation, labels = texts_of(trained.corpus.validation)
    scale = fit_scale(trained.margins(validation), labels)
    texts, _ = texts_of(trained.corpus.test)
    normalised = [normalise_text(t, method=trained.corpus.data["normalise"]) for t in texts]
    found = load(trained.folder / "bundle").predict_logits(texts, batch_size=7)
    assert np.abs(found - trained.margins(normalised) * scale).max() < 1e-4


def test_features_are_counted_in_the_order_of_the_text(trained):
    """As by looking up every n-gram of the text, so that sums are the same to the last bit."""
    texts, _ = texts_of(trained.corpus.test)
    model = load(trained.folder / "bundle")
    for text in [*texts, "", "zzzz", texts[0] * 2]:
        expected = Counter(map(model.known.vocabulary.get, model.known.cut(text)))
        del expected[None]
        assert list(model.known.counts(text).items()) == list(expected.items())


def test_it_learns(trained):
    texts, labels = texts_of(trained.corpus.test)
    predicted = load(trained.folder / "bundle").predict_proba(texts).argmax(axis=1)
    assert accuracy_score(labels, predicted) > 0.6


def test_int8_changes_no_prediction_and_is_smaller(trained):
    texts, _ = texts_of(trained.corpus.test)
    full, small = load(trained.folder / "bundle"), load(trained.folder / "int8")
    one, other = full.predict_proba(texts), small.predict_proba(texts)
    assert (one.argmax(axis=1) == other.argmax(axis=1)).mean() >= 0.99
    assert np.abs(one - other).max() < 0.02
    sizes = [read_bundle(trained.folder / name).size_bytes for name in ("bundle", "int8")]
    assert sizes[1] < 0.6 * sizes[0]


def test_no_pickle_in_the_file(trained):
    for name in ("bundle", "int8"):
        with np.load(trained.folder / name / "model.npz", allow_pickle=False) as arrays:
            assert {arrays[key].dtype.kind for key in arrays} <= {"f", "i", "u"}
            assert arrays["weights"].dtype == (np.int8 if name == "int8" else np.float32)


def test_a_pickle_is_refused(tmp_path, trained):
    import shutil

    shutil.copytree(trained.folder / "bundle", tmp_path / "bad")
    np.savez(tmp_path / "bad" / "model.npz", vocabulary=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"model\.npz: not a linear model"):
        load(tmp_path / "bad", verify=False)


def test_parameters(trained):
    facts = read_checkpoint(trained.folder / "checkpoint").manifest
    with np.load(trained.folder / "bundle" / "model.npz") as arrays:
        assert facts["params"] == arrays["weights"].size + arrays["bias"].size
        assert facts["nonzero_params"] == np.count_nonzero(arrays["weights"]) + 6
        assert arrays["weights"].shape == (len(arrays["idf"]), 6)
    with np.load(trained.folder / "int8" / "model.npz") as arrays:
        nonzero = np.count_nonzero(arrays["weights"]) + 6
    assert read_bundle(trained.folder / "int8").facts["nonzero_params"] == nonzero


def test_text_without_a_known_ngram_gets_the_bias(trained):
    classifier = load(trained.folder / "bundle")
    assert np.array_equal(classifier.predict_logits(["", "ŧ"]), np.stack([classifier.bias] * 2))


def test_int8_by_hand():
    weights = np.array([[1.27, 0.0], [-0.635, 0.0], [0.004, 0.0]], dtype=np.float32)
    found, scale = int8_per_class(weights)
    # scale 1.27 / 127 = 0.01; -63.5 is rounded to the even neighbour; a class of zeros keeps scale 1
    assert scale.tolist() == pytest.approx([0.01, 1.0])
    assert found[:, 0].tolist()[::2] == [127, 0] and found[1, 0] in (-63, -64)
    assert found[:, 1].tolist() == [0, 0, 0]
    assert found.dtype == np.int8
    assert np.abs(found * scale - weights).max() <= 0.005 + 1e-6


def test_nll_by_hand():
    # softmax(2 * [ln 2, 0]) = (0.8, 0.2); labels 0 and 1 cost -ln 0.8 and -ln 0.2
    margins = np.array([[np.log(2), 0.0]] * 2)
    found = negative_log_likelihood(2.0, margins, np.array([0, 1]))
    assert found == pytest.approx((0.2231436 + 1.6094379) / 2)


def test_scale_lowers_the_nll_and_leaves_the_argmax():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    margins = 0.3 * (np.eye(4)[labels] + rng.normal(0, 0.5, (400, 4)))
    scale = fit_scale(margins, labels)
    best = negative_log_likelihood(scale, margins, labels)
    assert scale > 1
    for other in (1.0, 0.9 * scale, 1.1 * scale):
        assert best < negative_log_likelihood(other, margins, labels)
    assert np.array_equal((scale * margins).argmax(1), margins.argmax(1))


def test_two_classes(tmp_path, demo, filled):
    """scikit-learn has one margin for two classes; a bundle has a column for each."""
    for name in ("train", "validation"):
        frame = pandas.read_parquet(getattr(demo["en"], name))
        frame[frame["label"] < 2].to_parquet(tmp_path / f"{name}.parquet")
    train_linear(
        step=typed_step(filled("linear", family="linear")),
        data={"labels": ["sadness", "joy"], "max_length": 32, "normalise": "none"},
        seed=0,
        train=tmp_path / "train.parquet",
        validation=tmp_path / "validation.parquet",
        out=tmp_path / "checkpoint",
    )
    export_linear(tmp_path / "checkpoint", tmp_path / "bundle")
    texts, labels = texts_of(tmp_path / "validation.parquet")
    probabilities = load(tmp_path / "bundle").predict_proba(texts)
    assert probabilities.shape == (len(texts), 2)
    assert np.mean(probabilities.argmax(1) == labels) > 0.8


def test_no_ngram_left_is_one_line(tmp_path, demo, filled):
    corpus = demo["en"]
    step = filled("linear", name="strict", family="linear", min_count=1000)
    with pytest.raises(UserError, match=r"models\.strict: .*\(min_count 1000\)"):
        train_linear(
            step=typed_step(step),
            data=corpus.data,
            seed=0,
            train=corpus.train,
            validation=corpus.validation,
            out=tmp_path / "checkpoint",
        )


def test_a_label_without_training_texts_is_named(tmp_path, demo, filled):
    corpus = demo["en"]
    frame = pandas.read_parquet(corpus.train)
    love = corpus.data["labels"].index("love")
    frame[frame["label"] != love].to_parquet(tmp_path / "train.parquet")
    with pytest.raises(UserError, match="no training text has the label love"):
        train_linear(
            step=typed_step(filled("linear", name="svm", family="linear")),
            data=corpus.data,
            seed=0,
            train=tmp_path / "train.parquet",
            validation=corpus.validation,
            out=tmp_path / "checkpoint",
        )


def test_chi_square_by_hand():
    """Of four texts, two of each label: observed and expected sums of a feature, (o - e)^2 / e added up."""
    features = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 0.0]])
    found = chi_square(features, np.array([0, 0, 1, 1]))
    assert found == pytest.approx([2 * (2 - 1) ** 2 / 1, 2 * (3 - 2) ** 2 / 2, 0])
    sets = np.array([[True, False], [True, False], [False, True], [False, True]])
    assert chi_square(features, sets) == pytest.approx(2 * found)


@pytest.mark.parametrize("several", [False, True])
def test_a_model_of_chosen_ngrams_is_the_one_that_has_them_alone(
    several, demo, sets, filled, tmp_path
):
    """The runtime, which knows nothing of a choice, gives scikit-learn's features of the kept n-grams."""
    corpus = demo["en"]
    files, data = (
        sets if several else ({"train": corpus.train, "validation": corpus.validation}, corpus.data)
    )
    train = read_split(files["train"])
    labels = label_array(train.labels, 6)
    folders = {}
    for features in (None, 300):
        chosen = {"features": features} if features else {}
        step = filled("linear", family="linear", **chosen)
        train_linear(
            step=typed_step(step),
            data=data,
            seed=0,
            train=files["train"],
            validation=files["validation"],
            out=tmp_path / "checkpoint",
        )
        folders[features] = tmp_path / f"bundle-{features}"
        export_linear(tmp_path / "checkpoint", folders[features])
    few = load(folders[300])
    every = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    scores = chi_square(every.fit_transform(train.texts), labels)
    best = np.sort(np.argsort(-scores, kind="stable")[:300])
    grams = every.get_feature_names_out()[best].tolist()
    assert list(few.known.vocabulary) == grams and len(load(folders[None]).known.vocabulary) > 1000
    alone = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 5), vocabulary=grams, sublinear_tf=True
    ).fit(train.texts)
    assert few.idf == pytest.approx(alone.idf_, rel=1e-6)
    texts = train.texts[:20]
    expected = alone.transform(texts) @ few.weights + few.bias
    assert np.abs(few.predict_logits(texts) - expected).max() < 1e-4
    sizes = [read_bundle(folder).size_bytes for folder in (folders[300], folders[None])]
    assert sizes[0] < 0.3 * sizes[1]


def test_more_ngrams_than_there_are_chooses_all(demo, filled, tmp_path):
    corpus = demo["en"]
    for name, chosen in (("all", {}), ("more", {"features": 1000000})):
        train_linear(
            step=typed_step(filled("linear", family="linear", **chosen)),
            data=corpus.data,
            seed=0,
            train=corpus.train,
            validation=corpus.validation,
            out=tmp_path / name,
        )
    one, other = (np.load(tmp_path / name / "model.npz") for name in ("all", "more"))
    assert all(np.array_equal(one[key], other[key]) for key in one)
