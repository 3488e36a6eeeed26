"""Predictions of clean and noisy texts: which rows, which text, and batches that never mix."""

import numpy as np
import pandas
import pytest

from emopress.errors import UserError
from emopress.measure.metrics import read_scores
from emopress.measure.noise import noise
from emopress.measure.predict import predict
from emopress.measure.predictions import read_predictions
from emopress.runtime.bundle import load
from emopress.runtime.classifier import Classifier

SHARES = [0.05, 0.2]


@pytest.fixture
def files(tmp_path, demo, few):
    """A test file of 40 texts, its noisy texts, and a function that predicts them."""
    test, noisy = tmp_path / "test.parquet", tmp_path / "noise.parquet"
    pandas.read_parquet(demo["en"].test)[:40].to_parquet(test, index=False)
    noise(test, SHARES, noisy)

    def run(bundle, noise=noisy, batch_size=1, out=tmp_path / "predictions.parquet"):
        predict(
            bundle=bundle,
            validation=few.validation,
            test=test,
            labels=few.labels,
            batch_size=batch_size,
            threads=1,
            predictions=out,
            noise=noise,
        )
        return pandas.read_parquet(out)

    run.test, run.noise, run.out = test, noisy, tmp_path / "predictions.parquet"
    return run


def test_rows(files, artifacts, few):
    found = files(artifacts.bundles["linear"])
    assert list(found.columns) == ["id", "split", "noise", "label", *few.labels]
    assert found["noise"].dtype == "float64"
    sizes = found.groupby(["split", "noise"]).size().to_dict()
    expected = {("validation", 0.0): 30, ("test", 0.0): 40, ("test", 0.05): 40, ("test", 0.2): 40}
    assert sizes == expected
    source = pandas.read_parquet(files.test)
    for share in (0.0, *SHARES):
        rows = found[(found["split"] == "test") & (found["noise"] == share)]
        assert rows["id"].tolist() == source["id"].tolist()
        assert rows["label"].tolist() == source["label"].tolist()


def test_each_row_is_of_its_own_text(files, artifacts, few):
    found = files(artifacts.bundles["linear"])
    noisy = pandas.read_parquet(files.noise)
    classifier = load(artifacts.bundles["linear"])
    for share in SHARES:
        texts = noisy[noisy["noise"] == share]["text"].tolist()
        expected = classifier.predict_proba(texts)
        rows = found[found["noise"] == share][few.labels].to_numpy()
        assert np.abs(rows - expected).max() < 1e-6
        assert np.abs(rows - found[found["noise"] == 0.0][few.labels][30:].to_numpy()).max() > 0.01


def test_batches_hold_one_condition_only(files, artifacts, few, monkeypatch):
    """Dynamic int8 shares one activation range per batch."""
    asked, original = [], Classifier.predict_logits

    def noting(self, texts, **options):
        asked.append((len(texts), options["batch_size"]))
        return original(self, texts, **options)

    monkeypatch.setattr(Classifier, "predict_logits", noting)
    bundle = artifacts.bundles["bert-dynamic"]
    with_noise = files(bundle, batch_size=16)
    assert asked == [(30, 16), (40, 16), (40, 16), (40, 16)]
    empty = files.noise.with_name("empty.parquet")
    noise(files.test, [], empty)
    without = files(bundle, batch_size=16, noise=empty)
    assert len(without) == 70
    clean = with_noise[with_noise["noise"] == 0.0]
    assert np.array_equal(clean[few.labels].to_numpy(), without[few.labels].to_numpy())


def test_no_noise_file(files, artifacts):
    found = files(artifacts.bundles["linear"], noise=None)
    assert len(found) == 70 and (found["noise"] == 0.0).all()


def test_noise_of_other_texts_is_refused(files, artifacts):
    pandas.read_parquet(files.noise)[1:].to_parquet(files.noise, index=False)
    with pytest.raises(UserError, match=r"noise\.parquet: the texts at noise 0\.05 are not"):
        files(artifacts.bundles["linear"])
    assert not files.out.exists()


def test_the_readers_find_what_was_written(files, artifacts, few):
    frame = files(artifacts.bundles["linear"])
    found = read_predictions(files.out, few.labels)
    assert found.noise == [0.0, *SHARES]
    assert len(found.part("test", 0.2).ids) == 40
    clean = frame[(frame["split"] == "test") & (frame["noise"] == 0.0)]
    right = clean[few.labels].to_numpy().argmax(axis=1) == clean["label"].to_numpy()
    scores = read_scores(files.out, few.labels)
    assert set(scores) == {"validation", "test"}
    assert scores["test"].texts == 40 and scores["test"].accuracy == pytest.approx(right.mean())


def test_progress_goes_to_the_log(files, artifacts, caplog, capfd):
    caplog.set_level("INFO")
    files(artifacts.bundles["linear"])
    assert "predict: test, noise 0.2, 40 texts" in caplog.text
    assert "predicting" in capfd.readouterr().err
