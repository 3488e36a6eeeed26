"""`emopress compare` and `emopress card` of models that give any number of labels per text."""

import json

import numpy as np
import pandas
import pytest
import yaml
from carded import write_data_card
from sklearn.metrics import f1_score

from emopress.artifact import read_json
from emopress.cli import main
from emopress.entries.step import typed_step
from emopress.linear.export import export_linear
from emopress.linear.train import train_linear
from emopress.measure.predict import predict
from emopress.runtime.bundle import load
from emopress.tasks import label_array


@pytest.fixture(scope="module")
def results(tmp_path_factory, sets, filled, demo):
    """A results folder with two linear bundles of sets of labels, their predictions and a data card."""
    root, (files, data) = tmp_path_factory.mktemp("results"), sets
    for name, strength in (("good", 1.0), ("poor", 0.001)):
        folder = root / "sets" / name / "seed0"
        train_linear(
            step=typed_step(filled("linear", family="linear", name=name, C=strength)),
            data=data,
            seed=0,
            train=files["train"],
            validation=files["validation"],
            out=folder / "checkpoint",
        )
        export_linear(folder / "checkpoint", folder / "bundle")
        predict(
            bundle=folder / "bundle",
            validation=files["validation"],
            test=files["test"],
            labels=data["labels"],
            batch_size=8,
            threads=1,
            predictions=folder / "predictions.parquet",
        )
    test = pandas.read_parquet(files["test"])
    counts = {
        label: sum(place in found for found in test["label"])
        for place, label in enumerate(data["labels"])
    }
    write_data_card(
        root / "data" / "sets" / "card.json",
        demo,
        dataset="sets",
        counts=dict.fromkeys(("train", "validation", "test"), counts),
        texts=dict.fromkeys(("train", "validation", "test"), len(test)),
    )
    return root


@pytest.fixture(scope="module")
def bundles(results):
    return [results / "sets" / name / "seed0" / "bundle" for name in ("good", "poor")]


@pytest.fixture(scope="module")
def table(sets):
    """The test texts and their sets of labels, bools [N, C]."""
    files, data = sets
    frame = pandas.read_parquet(files["test"])
    return frame["text"].tolist(), label_array(frame["label"].tolist(), len(data["labels"]))


@pytest.fixture(scope="module")
def labelled(table, sets, tmp_path_factory):
    """The test texts as two files: labels in one column, and a column of 0 and 1 for each."""
    (texts, truth), labels = table, sets[1]["labels"]
    folder = tmp_path_factory.mktemp("labelled")
    names = ["; ".join(np.array(labels)[row]) for row in truth]
    pandas.DataFrame({"text": texts, "label": names}).to_csv(folder / "listed.csv", index=False)
    bits = {label: truth[:, place].astype(int) for place, label in enumerate(labels)}
    pandas.DataFrame({"text": texts, **bits}).to_csv(folder / "bits.csv", index=False)
    return folder


def told(capsys, *words):
    status = main([*map(str, words)])
    return status, *capsys.readouterr()


def test_scores_are_those_of_the_libraries_from_either_file(bundles, table, labelled, sets, capsys):
    forms = (["listed.csv", "--separator", ";"], ["bits.csv", "--label-columns"])
    found = []
    for name, *options in forms:
        words = ["compare", *bundles, "--data", labelled / name, "--json", *options]
        status, out, err = told(capsys, *words)
        assert status == 0, err
        found.append(json.loads(out))
    assert {**found[0], "data": ""} == {**found[1], "data": ""}
    (texts, truth), labels = table, sets[1]["labels"]
    right = []
    for side, folder in zip("ab", bundles, strict=True):
        model = load(folder)
        said = model.predict_proba(texts) >= np.array(model.thresholds)
        right.append((said == truth).all(axis=1))
        one = found[0][side]
        assert one["accuracy"] == pytest.approx(right[-1].mean())
        for name, average in (("macro", "macro"), ("micro", "micro"), ("sample", "samples")):
            zero = 1 if average == "samples" else 0
            expected = f1_score(truth, said, average=average, zero_division=zero)
            assert one[f"{name}_f1"] == pytest.approx(expected)
        by_label = f1_score(truth, said, average=None, zero_division=0)
        for label, score in zip(labels, by_label, strict=True):
            assert found[0]["per_label"][label][f"f1_{side}"] == pytest.approx(score)
    change = found[0]["b_minus_a"]
    assert change["only_a_right"] == int((right[0] & ~right[1]).sum())
    assert change["only_b_right"] == int((right[1] & ~right[0]).sum())
    first = found[0]["per_label"][labels[0]]
    assert first["f1_low"] <= first["f1_difference"] <= first["f1_high"]
    assert first["texts"] == int(truth[:, 0].sum())


def test_the_page(bundles, labelled, capsys):
    _, out, _ = told(
        capsys, "compare", *bundles, "--data", labelled / "bits.csv", "--label-columns"
    )
    for words in ("subset accuracy", "macro F1", "micro F1", "sample F1", "F1 of"):
        assert f"\n{words} " in out or f"\n{words}:" in out
    assert "McNemar exact" in out


def test_what_does_not_fit(bundles, labelled, artifacts, tmp_path, capsys):
    linear = artifacts.bundles["linear"]
    _, _, err = told(capsys, "compare", bundles[0], linear, "--data", labelled / "bits.csv")
    assert f"{bundles[0]} gives any number of labels per text, {linear} one" in err
    words = ["--data", labelled / "bits.csv", "--label-columns"]
    _, _, err = told(capsys, "compare", linear, linear, *words)
    assert "gives one label per text, for which there is no --label-columns" in err
    path = tmp_path / "mine.csv"
    for content, message in (
        ('text,label\nhello,"joy,glee"\n', "row 2, column 'label': unknown label 'glee'"),
        (
            "text,class\nhello,joy\n",
            "no column 'label'; the header has 'text', 'class'; name the column of the labels with --label-column, "
            "or use --label-columns if each label has its own column",
        ),
        (
            "text,label\nhello,joy|sadness\n",
            "'joy|sadness' is not a label; split at '|' it gives labels: set --separator",
        ),
        ("text,label\n", "no texts"),
        ('text,label\n"hello,joy\nyou,joy\n', "row 2: nothing closes the quotation mark"),
        ("text,label\nhello,1\n", "unknown label '1'; allowed: "),
    ):
        path.write_text(content, "utf-8")
        status, out, err = told(capsys, "compare", *bundles, "--data", path)
        assert status == 1 and not out and message in err


def test_a_text_may_have_no_label(bundles, tmp_path, capsys):
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ni feel happy,joy\nnothing at all,\n", "utf-8")
    status, out, err = told(capsys, "compare", *bundles, "--data", path, "--json")
    assert status == 0, err
    assert json.loads(out)["per_label"]["joy"]["texts"] == 1


def test_the_card(bundles, sets, table, capsys):
    status, text, err = told(capsys, "card", bundles[0])
    assert status == 0, err
    _, front, body = text.split("---\n", 2)
    metrics = yaml.safe_load(front)["model-index"][0]["results"][0]["metrics"]
    assert [metric["name"] for metric in metrics] == ["Subset accuracy", "Macro F1"]
    manifest = read_json(bundles[0] / "bundle.json")
    assert "It gives each text any number of the labels" in body
    for label, threshold in zip(manifest["labels"], manifest["thresholds"], strict=True):
        assert f"| {label} | {threshold:.3f} |" in body
    texts, truth = table
    said = load(bundles[0]).predict_proba(texts) >= np.array(manifest["thresholds"])
    sample = f1_score(truth, said, average="samples", zero_division=1)
    assert f"| Sample F1 | {100 * sample:.2f} |" in body and "| Hamming loss" in body
    assert "stratified by label" not in body and "Every text gets exactly one" not in body


def test_a_push_carries_that_card(bundles, capsys):
    status, out, err = told(capsys, "push", bundles[0], "someone/sets", "--dry-run")
    assert status == 0, err
    assert "README.md" in out and "bundle.json" in out
