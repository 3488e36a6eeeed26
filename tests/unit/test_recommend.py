"""Recommendations chosen by hand-made validation scores: ties, misses, families, what is no candidate."""

import json

import pandas as pd
import pytest

from emopress.errors import UserError
from emopress.measure.recommend import candidates, recommend


def rows(**variants):
    """Rows by name: (validation accuracy, validation macro F1, MB, ms), then family or simulated."""
    found = {}
    for name, (accuracy, macro_f1, megabytes, latency, *rest) in variants.items():
        found[name] = {
            "family": "linear" if "linear" in rest else "transformer",
            "simulated": "simulated" in rest,
            "task": "single",
            "judge_by": "accuracy",
            "timing_spread": 0.0,
            "validation_accuracy": accuracy,
            "validation_macro_f1": macro_f1,
            "size_bytes": megabytes * 1e6,
            "latency_ms_p50": latency,
            "accuracy": 1 - accuracy,  # test says the contrary and must not be looked at
            "macro_f1": 1 - macro_f1,
        }
    return pd.DataFrame.from_dict(found, orient="index")


TABLE = rows(
    teacher=(0.92, 0.90, 90.0, 6.0),
    int8=(0.915, 0.89, 23.0, 2.5),
    small=(0.91, 0.88, 4.0, 1.0),  # exactly one point below
    quick=(0.91, 0.87, 7.0, 0.6),
    rough=(0.90, 0.86, 2.0, 0.3),
    words=(0.88, 0.83, 0.2, 0.04, "linear"),
    fake=(0.93, 0.92, 0.1, 0.01, "simulated"),
)


def one(table=TABLE, reference="teacher", **budget):
    return recommend(table, budgets={"b": budget}, reference=reference)[0]


@pytest.mark.parametrize(
    ("budget", "chosen", "runner_up", "meeting"),
    [
        ({"max_accuracy_loss": 1.0, "prefer": "size"}, "small", "quick", 4),
        ({"max_accuracy_loss": 1.0}, "small", "quick", 4),
        ({"max_accuracy_loss": 1.0, "prefer": "latency"}, "quick", "small", 4),
        ({"prefer": "score"}, "teacher", "int8", 6),
        ({"prefer": "accuracy"}, "teacher", "int8", 6),
        ({"prefer": "size"}, "words", "rough", 6),
        ({"max_size_mb": 23.0, "prefer": "score"}, "int8", "small", 5),
        ({"max_size_mb": 5, "max_latency_ms": 0.5, "prefer": "score"}, "rough", "words", 2),
    ],
)
def test_the_best_by_what_is_preferred_of_those_that_meet_every_limit(
    budget, chosen, runner_up, meeting
):
    found = one(**budget)
    assert (found["variant"], found["runner_up"]) == (chosen, runner_up)
    assert (found["met"], found["misses"], found["runner_up_misses"]) == (True, {}, {})
    assert (found["candidates"], found["meeting"]) == (6, meeting)
    assert found["prefer"] == budget.get("prefer", "size")
    assert found["limits"] == {k: v for k, v in budget.items() if k != "prefer"}


def test_a_simulated_variant_or_one_that_was_not_measured_is_no_candidate():
    assert [trial.variant for trial in candidates(TABLE, "teacher")] == list(TABLE.index[:-1])
    table = TABLE.copy()
    table.loc["words", "latency_ms_p50"] = float("nan")
    assert one(table, prefer="size")["variant"] == "rough"


def test_nothing_fits_names_the_nearest_miss_and_what_it_is_over_by():
    found = one(max_size_mb=0.1, max_latency_ms=0.02, prefer="score")
    # words: over by 100 % of both limits; rough: 20 times the size
    assert (found["variant"], found["met"], found["meeting"]) == ("words", False, 0)
    assert found["misses"] == pytest.approx({"max_size_mb": 0.1, "max_latency_ms": 0.02})
    assert found["runner_up"] == "rough"
    assert found["runner_up_misses"] == pytest.approx({"max_size_mb": 1.9, "max_latency_ms": 0.28})
    assert found["same_family"] is None


def test_where_one_alone_fits_the_runner_up_is_the_nearest_miss():
    found = one(max_size_mb=3.0, max_accuracy_loss=2.0)
    assert (found["variant"], found["meeting"]) == ("rough", 1)
    # small: 1/3 of the size; words: the loss is 4 points, 1.0 of the limit
    assert found["runner_up"] == "small"
    assert found["runner_up_misses"] == pytest.approx({"max_size_mb": 1.0})


def test_one_candidate_has_no_runner_up_and_none_is_told():
    found = one(TABLE.loc[["teacher"]], max_accuracy_loss=1.0)
    assert (found["variant"], found["runner_up"], found["runner_up_misses"]) == (
        "teacher",
        None,
        {},
    )
    found = one(TABLE.loc[["fake"]], "fake", prefer="size")
    assert (found["variant"], found["met"], found["candidates"], found["meeting"]) == (
        None,
        False,
        0,
        0,
    )


def test_ties_are_broken_by_size_then_macro_f1_then_latency_then_name_in_any_order():
    table = rows(
        teacher=(0.9, 0.9, 90.0, 6.0),
        d=(0.9, 0.85, 4.0, 1.0),
        c=(0.9, 0.85, 4.0, 1.0),
        b=(0.9, 0.85, 4.0, 0.9),
        a=(0.9, 0.84, 4.0, 0.5),
    )
    for order in (list(table.index), list(table.index)[::-1]):
        found = one(table.loc[order], prefer="size")
        assert (found["variant"], found["runner_up"]) == ("b", "c")
    # equal latency: the smaller file
    table.loc["d", ["latency_ms_p50", "size_bytes"]] = (0.5, 3e6)
    assert one(table, prefer="latency")["variant"] == "d"


def test_the_best_of_the_references_family_is_named_where_another_wins():
    found = one(max_size_mb=5.0, prefer="size")
    assert (found["variant"], found["same_family"]) == ("words", "rough")
    found = one(max_size_mb=0.5)
    assert (found["variant"], found["same_family"]) == ("words", None)  # no transformer fits
    assert one(max_accuracy_loss=1.0)["same_family"] is None  # the chosen one is a transformer
    linear = one(reference="words", max_accuracy_loss=0)
    assert (linear["variant"], linear["same_family"]) == ("words", None)


def test_the_loss_is_against_the_data_sets_reference_and_may_be_a_gain():
    found = one(reference="words", max_loss=0, prefer="score")
    assert (found["variant"], found["meeting"], found["reference"]) == ("teacher", 6, "words")
    # a simulated reference may be compared with, and not chosen
    assert one(reference="fake", max_accuracy_loss=1.5, prefer="size")["variant"] == "int8"


def test_a_better_linear_baseline_takes_the_references_place():
    table = TABLE.copy()
    table.loc["words", "validation_accuracy"] = 0.925  # half a point above the teacher
    table.loc["chars"] = {**table.loc["words"], "validation_accuracy": 0.921, "size_bytes": 1e5}
    given = {"budgets": {"b": {"max_accuracy_loss": 1.0}}, "reference": "teacher"}
    (found,) = recommend(table, **given, baselines=["chars", "words"])
    # small is a point below the teacher, and 1.5 below the baseline; both linear ones are within a point
    assert (found["baseline"], found["variant"], found["meeting"]) == ("words", "chars", 4)
    assert found["same_family"] == "small"  # if it must be a transformer: within a point of its own
    (found,) = recommend(TABLE, **given, baselines=["words"])
    assert (found["baseline"], found["variant"]) == (None, "small")  # no better than the teacher


def judged_by(key, task="single", **more):
    columns = {"validation_micro_f1": 0.5, "validation_sample_f1": 0.5, "validation_jaccard": 0.5}
    return TABLE.assign(**columns, task=task, judge_by=key, **more)


def test_the_metric_that_decides_decides_everything():
    """Macro F1: small is 2 points below the teacher, quick 3, and the linear model 7."""
    table = judged_by("macro_f1")
    found = one(table, max_loss=2.0)
    assert (found["variant"], found["judge_by"], found["meeting"]) == ("small", "macro_f1", 3)
    assert one(table, max_loss=2.0, max_accuracy_loss=0.6)["variant"] == "int8"
    assert one(table, max_loss=0.0, max_size_mb=5)["misses"] == pytest.approx({"max_loss": 2.0})
    # a baseline that beats the reference by macro F1 alone takes its place
    table.loc["words", "validation_macro_f1"] = 0.905
    (found,) = recommend(
        table, budgets={"b": {"max_loss": 1.0}}, reference="teacher", baselines=["words"]
    )
    assert (found["baseline"], found["variant"]) == ("words", "words")
    assert one(table, prefer="score")["variant"] == "words"


def test_sets_of_labels_are_judged_by_what_is_asked():
    jaccard = [0.6, 0.65, 0.6, 0.64, 0.5, 0.4, 0.9]
    table = judged_by("jaccard", "multi").assign(validation_jaccard=jaccard)
    assert one(table, prefer="score")["variant"] == "int8"
    assert one(table, max_loss=0.0)["variant"] == "small"
    assert one(table, max_subset_accuracy_loss=0.6)["variant"] == "int8"  # accuracy's column
    assert one(table, max_accuracy_loss=0.6)["variant"] == "int8"
    whole = judged_by("subset_accuracy", "multi")
    assert one(whole, prefer="score")["variant"] == "teacher"


def test_what_timing_cannot_tell_from_the_fastest_goes_by_score():
    fast = {"max_loss": 1.0, "prefer": "latency"}
    table = TABLE.assign(timing_spread=0.15)
    assert (one(table, **fast)["variant"], one(table, **fast)["tied"]) == ("quick", [])
    table.loc["int8", "latency_ms_p50"] = 0.68  # within 15 % of quick's 0.6, and better
    found = one(table, **fast)
    assert (found["variant"], found["runner_up"]) == ("int8", "quick")
    assert found["tied"] == ["int8", "quick"]
    table.loc["small", ["latency_ms_p50", "validation_accuracy"]] = (0.61, 0.915)
    assert one(table, **fast)["variant"] == "small"  # as good as int8, and smaller
    assert one(table, max_loss=1.0)["tied"] == []  # the smallest is asked for


def test_budgets_keep_their_order_and_can_be_written_as_json():
    budgets = {"z": {"prefer": "size"}, "a": {"max_size_mb": 0.1}, "m": {"prefer": "latency"}}
    found = recommend(TABLE, budgets=budgets, reference="teacher")
    assert [item["budget"] for item in found] == ["z", "a", "m"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_loss_without_a_reference_is_refused():
    assert one(reference=None, prefer="size")["variant"] == "words"
    with pytest.raises(UserError, match=r"budgets\.b: max_accuracy_loss needs a reference"):
        one(reference=None, max_accuracy_loss=1.0)
    with pytest.raises(UserError, match="the reference 'x' is not among the variants"):
        one(reference="x", prefer="size")
