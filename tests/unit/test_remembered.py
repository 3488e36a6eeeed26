"""What a model remembers of words: a bounded number of them, at no change of a result."""

import numpy as np

from emopress.runtime import remembered
from emopress.runtime.bundle import load
from emopress.runtime.remembered import LONGEST, Remembered


def noting(asked):
    def compute(word):
        asked.append(word)
        return word.upper()

    return compute


def test_a_word_is_computed_once():
    asked = []
    words = Remembered(noting(asked), {"known": "K"})
    assert [words[word] for word in ("a", "b", "a", "known")] == ["A", "B", "A", "K"]
    assert asked == ["a", "b"]


def test_long_words_and_too_many_are_not_kept(monkeypatch):
    monkeypatch.setattr(remembered, "WORDS", 2)
    asked = []
    words = Remembered(noting(asked), {"known": "K"})
    for word in ("x" * (LONGEST + 1), "a", "b", "c") * 2:
        assert words[word] == word.upper()
    assert list(words) == ["known", "a", "b"]
    assert asked == ["x" * (LONGEST + 1), "a", "b", "c", "x" * (LONGEST + 1), "c"]


def test_forgetting_keeps_what_was_known():
    asked = []
    words = Remembered(noting(asked), {"known": "K"})
    assert words["a"] == "A"
    words.forget()
    assert dict(words) == {"known": "K"} and words["a"] == "A" and asked == ["a", "a"]


def test_predictions_are_the_same_before_and_after(artifacts, demo):
    texts = demo["en"].frame["text"].tolist()[:40]
    for name in ("linear", "bert", "conv"):
        model = load(artifacts.bundles[name])
        first = np.concatenate([model.predict_logits([text]) for text in texts])
        before = len(model.memory)
        again = np.concatenate([model.predict_logits([text]) for text in texts])
        assert len(model.memory) == before and (first == again).all()
        model.memory.forget()
        assert len(model.memory) < before
        assert (np.concatenate([model.predict_logits([text]) for text in texts]) == first).all()
