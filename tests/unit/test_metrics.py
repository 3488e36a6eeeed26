"""Scores against a confusion matrix worked out by hand."""

import numpy as np
import pandas
import pytest

from emopress.errors import UserError
from emopress.measure.metrics import read_scores, scores

LABELS = ["joy", "fear", "anger"]
# joy: 3 of 4 right, one taken for fear; fear: 1 of 2, one taken for anger; anger: 0 of 2, both joy
TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 0, 0])


def test_by_hand():
    found = scores(TRUTH, PREDICTED, LABELS)
    assert found.confusion == [[3, 1, 0], [0, 1, 1], [2, 0, 0]]
    assert found.accuracy == found.micro_f1 == pytest.approx(4 / 8)
    # joy: precision 3/5, recall 3/4, F1 2 * 3 / (5 + 4); fear: 1/2, 1/2; anger: nothing
    assert found.per_class["joy"] == {
        "precision": pytest.approx(0.6),
        "recall": pytest.approx(0.75),
        "f1": pytest.approx(2 / 3),
        "support": 4,
    }
    assert found.per_class["fear"]["f1"] == pytest.approx(0.5)
    assert found.per_class["anger"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}
    assert found.macro_f1 == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.texts == 8


def test_class_without_texts_counts_in_macro_f1():
    found = scores(np.array([0, 0, 1]), np.array([0, 0, 1]), LABELS)
    assert found.macro_f1 == pytest.approx(2 / 3)
    assert found.confusion == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]


def frame():
    probabilities = np.eye(3)[PREDICTED] * 0.8 + 0.1
    table = pandas.DataFrame(
        {
            "id": [f"t{i}" for i in range(8)],
            "split": ["test"] * 6 + ["validation"] * 2,
            "noise": 0.0,
            "label": TRUTH,
        }
    )
    return table.assign(**{name: probabilities[:, i] for i, name in enumerate(LABELS)})


def test_from_a_predictions_file(tmp_path):
    frame().to_parquet(tmp_path / "p.parquet")
    found = read_scores(tmp_path / "p.parquet", LABELS)
    assert found["test"].accuracy == pytest.approx(4 / 6)
    assert found["validation"].accuracy == 0.0
    assert found["test"].texts == 6


def test_noisy_rows_do_not_count(tmp_path):
    noisy = frame()[:6].assign(noise=0.1)
    noisy[LABELS] = 0.0
    noisy["anger"] = 1.0  # all wrong
    pandas.concat([frame(), noisy]).to_parquet(tmp_path / "p.parquet")
    found = read_scores(tmp_path / "p.parquet", LABELS)
    assert set(found) == {"validation", "test"}
    assert found["test"].texts == 6 and found["test"].accuracy == pytest.approx(4 / 6)


def test_a_split_that_is_missing_is_named(tmp_path):
    frame()[:6].to_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match=r"p\.parquet: no rows of split validation"):
        read_scores(tmp_path / "p.parquet", LABELS)


def test_other_label_order_is_refused(tmp_path):
    frame().to_parquet(tmp_path / "p.parquet")
    with pytest.raises(
        UserError, match=r"p\.parquet: columns .*expected id, split, noise, label, \['fear'"
    ):
        read_scores(tmp_path / "p.parquet", ["fear", "joy", "anger"])
