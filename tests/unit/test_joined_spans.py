"""Joined spans: what they are made of, who labels them, and what a student learns from them."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch

from emopress.artifact import sha256_of
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.linear.out_of_fold import out_of_fold_logits
from emopress.linear.train import train_linear
from emopress.train.logits import read_logits, teacher_facts
from emopress.train.losses import distillation_loss, hard_loss, soft_loss
from emopress.train.objectives import distillation_objective
from emopress.train.spans import folds_of, join_spans, joined_spans, read_spans, span
from emopress.train.splits import read_split
from plain_entries import typed_entry

TEXTS = ["a b c", "d", "e f", "g h i j", "  ", "k l"]


class Chosen:
    """Stands for a random generator that gives these numbers."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def integers(self, low, high):
        number = self.numbers.pop(0)
        assert low <= number < high
        return number


def test_a_span_by_hand():
    words = ["a", "b", "c", "d"]
    assert span(words, Chosen(2, 1)) == ["b", "c"]
    assert span(words, Chosen(4, 0)) == words
    assert span(words, Chosen(1, 3)) == ["d"]


def test_all_spans_come_out():
    rng = np.random.default_rng(0)
    found = {" ".join(span(["a", "b", "c"], rng)) for _ in range(200)}
    assert found == {"a", "b", "c", "a b", "b c", "a b c"}


def test_folds_are_of_one_size_and_have_every_label_alike():
    labels = [0] * 50 + [1] * 23 + [2] * 7
    folds = folds_of(labels, folds=4, seed=0)
    counts = np.array([np.bincount(np.array(labels)[folds == f], minlength=3) for f in range(4)])
    assert (np.ptp(counts, axis=0) <= 1).all() and np.ptp(counts.sum(axis=1)) <= 1
    assert np.array_equal(folds, folds_of(labels, folds=4, seed=0))
    assert not np.array_equal(folds, folds_of(labels, folds=4, seed=1))


def test_the_rarest_label_of_a_set_decides_its_fold():
    labels = [[0]] * 20 + [[0, 1]] * 6 + [[]] * 4
    folds = folds_of(labels, folds=2, seed=0)
    rare = folds[20:26]
    assert np.bincount(rare, minlength=2).tolist() == [3, 3]
    assert np.bincount(folds[26:]).tolist() == [2, 2]


def test_too_few_texts_for_the_folds():
    with pytest.raises(UserError, match=r"joined_spans: 7 training texts are too few for 4 folds"):
        folds_of([0] * 7, folds=4, seed=0)
    with pytest.raises(UserError, match="fewer than two training texts of a fold have any word"):
        join_spans(["a", "b", "c", " "], np.array([0, 0, 1, 1]), count=1, seed=0)


def test_spans_join_two_texts_of_one_fold():
    folds = np.array([0, 1, 0, 1, 1, 0])
    joined, pairs = join_spans(TEXTS, folds, count=300, seed=3)
    assert len(joined) == 300 and (pairs[:, 0] != pairs[:, 1]).all()
    assert (folds[pairs[:, 0]] == folds[pairs[:, 1]]).all()
    for text, (one, two) in zip(joined, pairs.tolist(), strict=True):
        words, runs = text.split(" "), (TEXTS[one].split(), TEXTS[two].split())
        cuts = [
            all(
                _is_run(part, run) for part, run in zip((words[:at], words[at:]), runs, strict=True)
            )
            for at in range(1, len(words))
        ]
        assert any(cuts), text
    assert set(pairs.ravel().tolist()) == {0, 1, 2, 3, 5}, "the text without a word has no span"
    again, _ = join_spans(TEXTS, folds, count=300, seed=3)
    assert again == joined != join_spans(TEXTS, folds, count=300, seed=4)[0]


def _is_run(words, text):
    """Return whether words stand side by side in a text of distinct words."""
    places = [text.index(word) if word in text else -1 for word in words]
    return min(places) >= 0 and all(b == a + 1 for a, b in pairwise(places))


def test_bengali_words_stay_whole(demo, tmp_path):
    corpus = demo["bn"]
    joined_spans(train=corpus.train, texts=200, folds=5, seed=0, out=tmp_path / "spans.parquet")
    words = {word for text in read_split(corpus.train).texts for word in text.split()}
    spans = read_spans(tmp_path / "spans.parquet")
    assert {word for text in spans.texts for word in text.split()} <= words


def test_spans_are_made_of_training_texts_and_the_same_again(few, tmp_path):
    out = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    for path in out:
        joined_spans(train=few.train, texts=50, folds=3, seed=1, out=path)
    assert sha256_of(out[0]) == sha256_of(out[1])
    split, spans = read_split(few.train), read_spans(out[0])
    fold = dict(zip(split.ids, folds_of(split.labels, folds=3, seed=1).tolist(), strict=True))
    named = [name.split("+") for name in spans.ids]
    assert [[fold[name] for name in pair] for pair in named] == [
        [own, own] for own in spans.folds.tolist()
    ]
    assert set(spans.folds.tolist()) == {0, 1, 2}


@pytest.fixture(params=["single", "multi"])
def corpus(request, demo, sets):
    """A data set with one label per text, and one with any number of them."""
    if request.param == "single":
        return SimpleNamespace(
            train=demo["en"].train, validation=demo["en"].validation, data=demo["en"].data
        )
    files, data = sets
    return SimpleNamespace(train=files["train"], validation=files["validation"], data=data)


def test_a_linear_teacher_labels_the_spans_of_a_fold_by_its_model_of_the_others(
    corpus, filled, tmp_path
):
    step = typed_step(filled("linear", name="linear", family="linear"))
    joined_spans(train=corpus.train, texts=40, folds=3, seed=0, out=tmp_path / "spans.parquet")
    job = {"step": step, "data": corpus.data, "seed": 0, "validation": corpus.validation}
    out_of_fold_logits(
        **job,
        train=corpus.train,
        texts=tmp_path / "spans.parquet",
        folds=3,
        out=tmp_path / "logits",
    )
    spans, table = read_spans(tmp_path / "spans.parquet"), pandas.read_parquet(corpus.train)
    found = read_logits(tmp_path / "logits", ids=spans.ids)
    assert found.shape == (40, 6) and found.dtype == np.float32
    assert teacher_facts(tmp_path / "logits") == {"recipe": [step.recorded], "licences": []}
    fold = folds_of(table["label"].tolist(), folds=3, seed=0)
    for one in range(3):
        others = tmp_path / "others.parquet"
        table[fold != one].to_parquet(others, index=False)
        train_linear(**job, train=others, out=tmp_path / f"without-{one}")
        model = _bundle_of(tmp_path / f"without-{one}", tmp_path / f"bundle-{one}")
        own = np.flatnonzero(spans.folds == one)
        expected = model.predict_logits([spans.texts[i] for i in own])
        assert np.abs(found[own] - expected).max() < 1e-4


def _bundle_of(checkpoint, out):
    from emopress.linear.export import export_linear
    from emopress.runtime.bundle import load

    export_linear(checkpoint, out)
    return load(out)


def test_a_label_in_one_fold_alone_is_refused(few, filled, tmp_path):
    table = pandas.read_parquet(few.train)
    table["label"] = [0] * (len(table) - 1) + [1]
    table.to_parquet(tmp_path / "train.parquet")
    joined_spans(
        train=tmp_path / "train.parquet", texts=9, folds=2, seed=0, out=tmp_path / "spans.parquet"
    )
    with pytest.raises(UserError, match=r"no text outside a fold of 2 has the label two"):
        out_of_fold_logits(
            step=typed_step(filled("linear", family="linear")),
            data={**few.data, "labels": ["one", "two"]},
            seed=0,
            train=tmp_path / "train.parquet",
            validation=few.validation,
            texts=tmp_path / "spans.parquet",
            folds=2,
            out=tmp_path / "logits",
        )


def test_spans_have_the_soft_loss_alone():
    torch.manual_seed(0)
    student, teacher, labels = torch.randn(5, 3), torch.randn(5, 3), torch.tensor([2, 0])
    settings = {"temperature": 2.0, "alpha": 0.6, "kind": "cross_entropy", "weights": None}
    found = distillation_loss(student, teacher, labels, labelled=[1, 4], **settings)
    soft = soft_loss(student, teacher, temperature=2.0)
    hard = hard_loss(student[[1, 4]], labels, kind="cross_entropy", weights=None)
    assert torch.allclose(found, 0.6 * soft + 0.4 * hard * 2 / 5)
    alone = distillation_loss(student, teacher, labels[:0], labelled=[], **settings)
    assert torch.allclose(alone, 0.6 * soft)
    whole = torch.arange(5) % 3
    assert torch.equal(
        distillation_loss(student, teacher, whole, labelled=list(range(5)), **settings),
        distillation_loss(student, teacher, whole, **settings),
    )


@pytest.mark.parametrize("several", [False, True])
def test_the_objective_knows_the_texts_without_labels(several):
    torch.manual_seed(0)
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]) if several else torch.tensor([0, 1])
    teacher, logits = torch.randn(2, 4, 2), torch.randn(3, 2)
    distill = typed_entry("distill", student="s", alpha=0.3)
    objective = distillation_objective(labels, teacher, distill, distill.train, torch.device("cpu"))
    found = objective(SimpleNamespace(logits=logits), {}, [3, 1, 2], 0.0)
    expected = distillation_loss(
        logits,
        teacher[:, [3, 1, 2]],
        labels[[1]],
        temperature=2.0,
        alpha=0.3,
        kind="cross_entropy",
        weights=None,
        labelled=[1],
    )
    assert torch.equal(found, expected)
