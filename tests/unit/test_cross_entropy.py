"""What the tokens of a generative model cost, by hand and against the logits that it gives."""

import numpy as np
import pandas
import pytest

from emopress.artifact import read_json
from emopress.measure.predict import distribution, predict, scored
from emopress.runtime.classifier import Classifier


class Told(Classifier):
    """Gives every text of n words n + 1 tokens, of which token t costs t + 1 under label 0, t + 2 under 1."""

    def __init__(self):
        super().__init__(["a", "b"], str.strip)

    def logits(self, texts):
        return self.token_scores(texts)[0]

    def token_scores(self, texts):
        costs = [-np.array([np.arange(n) + 1, np.arange(n) + 2]) for n in self.counts(texts)]
        return np.array([rows.sum(axis=1) for rows in costs], dtype=np.float32), costs

    @staticmethod
    def counts(texts):
        return [len(text.split()) + 1 for text in texts]


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_costs_under_the_true_labels(batch_size):
    texts = ["one two", " one ", ""]
    logits, nats = scored(Told(), texts, [1, 0, 0], batch_size=batch_size)
    assert logits.tolist() == [[-6, -9], [-3, -5], [-1, -2]]
    assert sorted(nats.tolist()) == [1, 1, 2, 2, 3, 4]


def test_distribution_by_hand():
    found = distribution(np.array([4.0, 0.0, 1.0, 3.0, 2.0]))
    assert (found["tokens"], found["mean"]) == (5, 2.0)
    assert found["quantiles"] == pytest.approx({"5": 0.2, "25": 1, "50": 2, "75": 3, "95": 3.8})


def test_beside_the_predictions(monkeypatch, tmp_path):
    frame = pandas.DataFrame({"id": ["0", "1"], "text": ["x y", "x"], "label": [0, 1]})
    for name in ("validation", "test"):
        frame.to_parquet(tmp_path / f"{name}.parquet")
    noise = pandas.concat([frame[["id"]].assign(noise=0.5, text=["x y z", "x"])])
    noise.to_parquet(tmp_path / "noise.parquet")
    monkeypatch.setattr("emopress.measure.predict.load", lambda *_, **__: Told())
    predict(
        bundle=tmp_path,
        validation=tmp_path / "validation.parquet",
        test=tmp_path / "test.parquet",
        noise=tmp_path / "noise.parquet",
        labels=["a", "b"],
        batch_size=2,
        threads=1,
        predictions=tmp_path / "predictions.parquet",
        cross_entropy=tmp_path / "cross-entropy.json",
    )
    found = read_json(tmp_path / "cross-entropy.json")
    assert found["unit"] == "nats per token"
    assert [(p["split"], p["noise"], p["tokens"], p["mean"]) for p in found["parts"]] == [
        ("validation", 0.0, 5, pytest.approx((1 + 2 + 3 + 2 + 3) / 5)),
        ("test", 0.0, 5, pytest.approx(11 / 5)),
        ("test", 0.5, 6, pytest.approx((1 + 2 + 3 + 4 + 2 + 3) / 6)),
    ]
    assert len(pandas.read_parquet(tmp_path / "predictions.parquet")) == 6
