"""The search pass: a choice worked out by hand, validation alone, and a bundle that is whole again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas
import pytest

from emopress.artifact import read_json, write_json
from emopress.entries.step import typed_step
from emopress.errors import UserError
from emopress.measure.choice import Choice, Trial, choose, misses, ranking, worst_excess
from emopress.measure.deciding import Judge
from emopress.measure.predict import predict
from emopress.measure.search import Candidate, copy_bundle, search, verdict
from emopress.runtime.bundle import load
from emopress.runtime.bundle_reader import read_bundle
from plain_entries import entry_step

TIMING = {"rounds": 2, "texts": 3, "warmup": 1, "batch_size": 4, "cold_starts": 3}
NAMES = {  # trial -> a bundle of the unit tests' artifacts
    "bert+static": "bert-static",
    "bert+dynamic": "bert-dynamic",
    "bert+mag50": "pruned",
}


ACCURACY, MACRO_F1 = Judge("single", "accuracy"), Judge("single", "macro_f1")


def trial(variant, macro_f1=0.9, loss=0.0, size=1_000_000, latency=1.0, judge=MACRO_F1):
    """A trial of a parent with an accuracy and a macro F1 of 90 %; `loss` is of accuracy."""
    scores = {"accuracy": 0.9 - loss / 100, "macro_f1": macro_f1}
    losses = {"accuracy": loss, "macro_f1": 100 * (0.9 - macro_f1)}
    return Trial(variant, judge, scores, losses, size, latency)


TRIALS = [
    trial("a", macro_f1=0.90, loss=0.5, size=4_000_000, latency=2.0),
    trial("b", macro_f1=0.88, loss=1.5, size=2_000_000, latency=3.0),
    trial("c", macro_f1=0.85, loss=4.0, size=1_000_000, latency=1.0),
]


@pytest.mark.parametrize(
    ("prefer", "budget", "expected"),
    [
        ("score", {"max_size_mb": 5}, 0),
        ("score", {"max_size_mb": 3}, 1),
        ("size", {"max_accuracy_loss": 2}, 1),
        ("size", {"max_accuracy_loss": 0.5}, 0),
        ("latency", {"max_accuracy_loss": 2}, 0),
        ("latency", {"max_accuracy_loss": 2, "max_size_mb": 2}, 1),  # a limit itself is allowed
        ("latency", {"max_size_mb": 100}, 2),
        ("size", {"max_loss": 2.5}, 1),  # macro F1 decides
        ("size", {"max_macro_f1_loss": 1.5, "max_accuracy_loss": 9}, 0),
    ],
)
def test_the_best_of_those_that_meet_the_budget(prefer, budget, expected):
    assert choose(TRIALS, budget=budget, prefer=prefer) == Choice(expected, True, {})


def test_of_equals_the_smaller_then_the_first_name_whatever_the_order():
    equal = [trial("b"), trial("a"), trial("big", size=2_000_000), trial("worse", macro_f1=0.8)]
    for trials in (equal, equal[::-1]):
        choice = choose(trials, budget={"max_latency_ms": 1}, prefer="score")
        assert trials[choice.index].variant == "a"


def test_excesses_by_hand():
    budget = {"max_size_mb": 1.6, "max_latency_ms": 4, "max_accuracy_loss": 1.0}
    assert misses(TRIALS[0], budget) == pytest.approx({"max_size_mb": 2.4})
    assert misses(TRIALS[1], budget) == pytest.approx(
        {"max_size_mb": 0.4, "max_accuracy_loss": 0.5}
    )
    assert [worst_excess(one, budget) for one in TRIALS] == pytest.approx([1.5, 0.5, 3.0])
    assert worst_excess(TRIALS[0], {"max_accuracy_loss": 0}) == pytest.approx(0.5)
    assert worst_excess(TRIALS[0], {"max_accuracy_loss": 0.2}) == pytest.approx(0.3)
    assert misses(trial("x", loss=100 * (0.92 - 0.91)), {"max_accuracy_loss": 1}) == {}


def test_where_none_meets_the_budget_the_nearest_miss_is_taken_with_its_misses():
    # worst excess: a 3.0 of the size, b 1.0 of the size, c 1.2 of the accuracy
    budget = {"max_size_mb": 1.0, "max_accuracy_loss": 1.8}
    found = choose(TRIALS, budget=budget, prefer="latency")
    assert (found.index, found.met) == (1, False)
    assert found.misses == pytest.approx({"max_size_mb": 1.0})
    # nearer, even though what is preferred is worse
    far = replace(TRIALS[1], latency_ms=99.0)
    assert choose([TRIALS[0], far, TRIALS[2]], budget=budget, prefer="latency").index == 1


def test_what_is_missed_stands_in_one_line():
    choice = Choice(1, False, {"max_size_mb": 0.4, "max_accuracy_loss": 0.5})
    line = verdict("auto", "b", choice, {"max_size_mb": 1.6, "max_accuracy_loss": 1.0}, MACRO_F1)
    assert line == (
        "search auto: no trial meets the budget; the nearest, b, misses max_size_mb 1.6 by 0.4 MB, "
        "max_accuracy_loss 1 by 0.5 points of accuracy"
    )
    missed, budget = Choice(0, False, {"max_loss": 0.5}), {"max_loss": 1}
    told = [verdict("auto", "b", missed, budget, judge) for judge in (ACCURACY, MACRO_F1)]
    assert [line.rsplit(" by ")[-1] for line in told] == [
        "0.5 points of accuracy",
        "0.5 points of macro F1",
    ]


def test_what_timing_cannot_tell_from_the_fastest_goes_by_score_then_size():
    alike = [
        trial("fastest", macro_f1=0.80, latency=1.00),
        trial("near", macro_f1=0.85, latency=1.10, size=2_000_000),
        trial("edge", macro_f1=0.85, latency=1.15, size=1_500_000),  # the spread itself is alike
        trial("beyond", macro_f1=0.90, latency=1.16),  # like `near`, and not like the fastest
        trial("slow", macro_f1=0.90, latency=9.0),
    ]
    for trials in (alike, alike[::-1]):
        found = ranking(trials, budget={"max_size_mb": 9}, prefer="latency", spread=0.15)
        assert [one.variant for one in found] == ["edge", "near", "fastest", "beyond", "slow"]
        choice = choose(trials, budget={"max_size_mb": 9}, prefer="latency", spread=0.15)
        assert trials[choice.index].variant == "edge"
        assert choice.tied == ("edge", "near", "fastest")
        exact = choose(trials, budget={"max_size_mb": 9}, prefer="latency")
        assert (trials[exact.index].variant, exact.tied) == ("fastest", ())
    # what does not meet the budget is nobody's equal
    within = choose(alike, budget={"max_size_mb": 1.2}, prefer="latency", spread=0.15)
    assert (alike[within.index].variant, within.tied) == ("fastest", ())
    line = verdict("auto", "edge", choice, {"max_size_mb": 9}, MACRO_F1)
    assert line.endswith("the best by macro F1 of 3 that timing cannot tell apart")


@pytest.fixture
def searched(tmp_path, artifacts, demo, few):
    """Return a function that searches among three bundles made of BERT; files to spoil beside it."""
    predictions = {}
    for variant, name in {"bert": "bert", **NAMES}.items():
        predictions[variant] = tmp_path / f"{name}.parquet"
        predict(
            bundle=artifacts.bundles[name],
            validation=few.validation,
            test=demo["en"].test,
            labels=few.labels,
            batch_size=32,
            threads=1,
            predictions=predictions[variant],
        )

    def run(out="found", bundles=artifacts.bundles, **entry):
        folder = tmp_path / out
        search(
            parent=artifacts.bundles["bert"],
            parent_predictions=predictions["bert"],
            candidates=[Candidate(v, bundles[n], predictions[v]) for v, n in NAMES.items()],
            validation=few.validation,
            step=entry_step("search", "auto", passes=["static", "dynamic", "mag50"], **entry),
            labels=few.labels,
            judge=ACCURACY,
            timing=TIMING,
            threads=2,
            out=folder / "bundle",
            trials=folder / "trials.json",
        )
        return folder / "bundle", read_json(folder / "trials.json")

    run.predictions = predictions
    return run


def test_the_smallest_is_copied_whole_and_logged_with_all_trials(searched, artifacts, caplog):
    caplog.set_level("INFO")
    out, trials = searched(prefer="size", budget={"max_accuracy_loss": 100})
    smallest = min(NAMES, key=lambda v: read_bundle(artifacts.bundles[NAMES[v]]).size_bytes)
    source, copy = read_bundle(artifacts.bundles[NAMES[smallest]]), read_bundle(out)
    assert copy.facts["files"] == source.facts["files"]
    assert copy.size_bytes == source.size_bytes
    assert [step["name"] for step in copy.facts["recipe"][:-1]] == [
        step["name"] for step in source.facts["recipe"]
    ]
    assert copy.facts["recipe"][-1]["kind"] == "search"
    same = [
        key for key in source.facts if key not in ("recipe", "findings", "parent", "provenance")
    ]
    assert {key: copy.facts[key] for key in same} == {key: source.facts[key] for key in same}
    assert copy.facts["findings"] == {
        **source.facts["findings"],
        "auto": {"chosen": smallest, "met": True, "misses": {}, "trials": 3},
    }
    assert [row["variant"] for row in trials["rows"]] == list(NAMES)
    assert [row["variant"] for row in trials["rows"] if row["chosen"]] == [smallest]
    assert all(row["meets"] and row["latency_ms"] > 0 for row in trials["rows"])
    assert trials["environment"]["texts"] == 3 and trials["trials"] == 3
    assert trials["environment"]["threads"] == [2]
    assert f"chose {smallest}, which meets the budget" in caplog.text
    assert all(variant in caplog.text for variant in NAMES)


def test_a_budget_that_cannot_be_met_is_told_and_the_nearest_kept(searched, artifacts, caplog):
    caplog.set_level("INFO")
    out, trials = searched(budget={"max_size_mb": 0.01})
    found = read_bundle(out).facts["findings"]["auto"]
    assert found["met"] is False and trials["met"] is False
    over = read_bundle(out).size_bytes / 1e6 - 0.01
    assert found["misses"] == {"max_size_mb": round(over, 4)}
    assert not any(row["meets"] for row in trials["rows"])
    assert min(trials["rows"], key=lambda row: row["size_bytes"])["chosen"]
    assert "no trial meets the budget" in caplog.text


def test_scores_are_those_of_validation_and_the_test_rows_are_never_looked_at(searched, few):
    _, before = searched(budget={"max_size_mb": 9})
    for path in searched.predictions.values():
        frame = pandas.read_parquet(path)
        held = frame["split"] == "validation"
        assert 0 < held.sum() < len(frame)
        frame.loc[~held, [*few.labels, "label"]] = np.nan
        frame.loc[~held, "id"] = None
        frame["label"] = frame["label"].astype("Int64")
        frame.to_parquet(path, index=False)
    _, after = searched(out="again", budget={"max_size_mb": 9})
    scored = ("variant", "accuracy", "macro_f1", "accuracy_loss")
    for one, other in zip(before["rows"], after["rows"], strict=True):
        assert [one[key] for key in scored] == [other[key] for key in scored]
        frame = pandas.read_parquet(searched.predictions[one["variant"]])
        frame = frame[frame["split"] == "validation"]
        right = frame[few.labels].to_numpy().argmax(axis=1) == frame["label"].to_numpy(int)
        assert one["accuracy"] == pytest.approx(right.mean())


def test_latency_is_measured_on_validation_texts(searched, few, monkeypatch):
    from emopress.runtime.classifier import Classifier

    asked, original = set(), Classifier.predict_proba

    def noting(self, texts, **options):
        asked.update(texts)
        return original(self, texts, **options)

    monkeypatch.setattr(Classifier, "predict_proba", noting)
    searched(budget={"max_size_mb": 9})
    assert asked and asked <= set(pandas.read_parquet(few.validation)["text"])


def test_predictions_of_other_texts_are_refused(searched):
    path = searched.predictions["bert+dynamic"]
    frame = pandas.read_parquet(path)
    frame[1:].to_parquet(path, index=False)
    with pytest.raises(UserError, match="validation rows are not the validation texts"):
        searched(budget={"max_size_mb": 9})


def test_a_simulated_trial_is_refused(searched, artifacts, tmp_path):
    spoilt = shutil.copytree(artifacts.bundles["pruned"], tmp_path / "spoilt")
    write_json(spoilt / "bundle.json", {**read_json(spoilt / "bundle.json"), "simulated": True})
    with pytest.raises(UserError, match=r"bert\+mag50 is simulated"):
        searched(bundles={**artifacts.bundles, "pruned": spoilt}, budget={"max_size_mb": 9})


def test_the_copy_predicts_the_same_in_a_fresh_process(searched, texts, python):
    out, trials = searched(prefer="score", budget={"max_accuracy_loss": 100})
    (chosen,) = (row["variant"] for row in trials["rows"] if row["chosen"])
    code = (
        "import json, sys; from emopress.runtime.bundle import load; "
        "print(json.dumps(load(sys.argv[1]).predict_proba(json.loads(sys.argv[2])).tolist())); "
        "assert 'torch' not in sys.modules"
    )
    found = np.array(json.loads(python(code, out, json.dumps(texts)).stdout))
    parts = pandas.read_parquet(searched.predictions[chosen]).query("split == 'test'")
    assert (
        np.abs(found[:40] - parts.drop(columns=["id", "split", "noise", "label"])[:40])
        .to_numpy()
        .max()
        < 1e-6
    )


@pytest.mark.parametrize("passes", ["pack", "openvino"])
def test_what_a_runtime_needs_to_know_goes_along(tmp_path, artifacts, texts, filled, passes):
    source = tmp_path / "source"
    if passes == "pack":
        from emopress.bundle.pack import pack

        pack(
            parent=artifacts.bundles["pruned"],
            step=typed_step({"name": "pack", "kind": "pack"}),
            out=source,
        )
    else:
        pytest.importorskip("openvino")
        from emopress.bundle.openvino import openvino

        step = filled("openvino", kind="openvino", precision="fp32")
        openvino(
            parent=artifacts.bundles["bert"],
            step=typed_step(step),
            seed=0,
            train=tmp_path / "none",
            out=source,
        )
    copy_bundle(
        source, {"name": "auto", "kind": "search"}, findings={"met": True}, out=tmp_path / "o"
    )
    expected, found = (load(path).predict_proba(texts) for path in (source, tmp_path / "o"))
    assert np.array_equal(expected, found)
    kept = read_bundle(tmp_path / "o").facts
    key = "packed" if passes == "pack" else "inference_precision"
    assert kept[key] == read_bundle(source).facts[key]
