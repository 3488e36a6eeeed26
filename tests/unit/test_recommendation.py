"""The recommendation's sentences say what the figures say, and no more."""

import pandas as pd
import pytest

from emopress.measure.recommend import recommend
from emopress.report.cautions import never_found
from emopress.report.recommendation import answer, cost, recommendation_table
from emopress.report.tables import Markdown

HOSTILE = "x|<script>alert(1)</script>`*"
NAN = float("nan")
STATISTICS = {"n_test": 2000, "n_validation": 1800}
REAL = {"title": "Texts", "language": "bn", "labels": ["joy", "rage"], "licence": "MIT"}
SIZE = {"smallest": {"max_accuracy_loss": 1.0, "prefer": "size"}}


def row(accuracy, megabytes, latency, difference=NAN, **more):
    shown = more.pop("shown", False)
    return {
        "family": "transformer",
        "runtime": "onnxruntime",
        "reference": "big",
        "teacher": None,
        "linear": None,
        "simulated": False,
        "seeds": 1,
        "validation_accuracy": accuracy,
        "validation_macro_f1": accuracy,
        "accuracy": accuracy,
        "accuracy_sd": NAN,
        "accuracy_low": accuracy - 0.01,
        "accuracy_high": accuracy + 0.01,
        "size_bytes": megabytes * 1e6,
        "latency_ms_p50": latency,
        "compression": 90 / megabytes,
        "speedup": 6 / latency,
        "speedup_shown": latency != 6,
        "speedup_over_pytorch": 12 / latency,
        **{
            f"{other}_{key}": NAN
            for other in ("teacher", "linear")
            for key in ("difference", "low", "high", "p", "shown")
        },
        "reference_difference": difference,
        "reference_low": difference - 0.011,
        "reference_high": difference + 0.003,
        "reference_p": NAN if difference != difference else 0.00001 if shown else 0.21,
        "reference_shown": shown,
        **more,
    }


def table(**changes):
    """Rows of a teacher and two that were made from it; `changes` replaces cells of the smallest."""
    return pd.DataFrame.from_dict(
        {
            "big": row(0.93, 90, 6),
            "big+int8": row(0.928, 22.5, 3, -0.002),
            "small": {**row(0.925, 4.5, 1, -0.005), **changes},
        },
        orient="index",
    )


def details(rows, recall=0.5, support=7):
    scores = {"joy": {"recall": 0.9, "support": 50}, "rage": {"recall": recall, "support": support}}
    return {variant: {"0": {"per_class": scores}} for variant in rows.index}


def told(rows, entry=REAL, budgets=SIZE, found=None, **more):
    chosen = recommend(rows, budgets=budgets, reference="big")
    return answer("data", entry, chosen, rows, STATISTICS, found or details(rows), **more)


def test_the_first_screen_by_hand():
    found = told(table())
    assert found["headline"] == (
        "Ship `small`: 4.50 MB, 1.00 ms a text, 92.50 % accuracy. It is the smallest with at most 1 point of "
        "accuracy below `big` on validation texts."
    )
    assert found["cost"] == (
        "−0.50 points of accuracy against `big` (from 93.00 to 92.50 %), 20.0x smaller (90.00 MB before), "
        "6.0x faster in the same engine (onnxruntime), 12.0x faster than `big` in PyTorch."
    )
    assert found["sure"] == (
        "The accuracy is 92.50 % on 2,000 test texts (95 % interval 91.5 to 93.5). No difference to `big` is "
        "shown (McNemar's test, p = 0.21 after Holm's correction): −1.6 to −0.2 points fit these texts "
        "(95 % interval); a loss of up to 1.6 points could have been missed. It was chosen among 3 on 1,800 "
        "validation texts; 3 met the limits. It was trained once: how much another training would differ is "
        "not known, and the intervals leave it out."
    )
    assert (
        found["runner_up"] == "Runner-up: `big+int8`: 22.50 MB, 3.00 ms a text, 92.80 % accuracy."
    )
    assert (found["same_family"], found["warnings"]) == ("", [])
    assert (found["language"], found["budget"], found["variant"]) == (
        "Bengali",
        "smallest",
        "small",
    )
    assert all(isinstance(found[k], Markdown) for k in ("headline", "cost", "sure", "runner_up"))


def test_differences_that_are_shown_and_their_direction():
    lost = told(table(reference_shown=True, reference_p=1e-6))["sure"]
    assert "A loss against `big` is shown (McNemar's test, p < 0.0001 after" in lost
    assert "−1.6 to −0.2 points (95 % interval)" in lost and "No difference" not in lost
    better = row(0.95, 4.5, 1, 0.02, shown=True)
    gained = told(table(**better))["sure"]
    assert "A gain over `big` is shown" in gained and "could have been missed" not in gained
    assert told(table(**better))["cost"].startswith(
        "+2.00 points of accuracy against `big` (from 93.00 to"
    )
    certain = told(table(reference_low=0.001, reference_high=0.01))["sure"]
    assert "No difference" in certain and "could have been missed" not in certain


def test_speed_is_claimed_where_timing_shows_it_and_with_its_engine():
    unsure = told(table(speedup=1.02, speedup_shown=False))["cost"]
    assert "no difference in speed shown" in unsure and "1.0x faster in" not in unsure
    other = told(table(runtime="openvino"))["cost"]
    assert (
        "in another engine (openvino instead of onnxruntime), so not by compression alone" in other
    )
    slower = told(table(speedup=0.5))["cost"]
    assert "2.0x slower in the same engine" in slower
    assert "PyTorch" not in told(table(speedup_over_pytorch=NAN))["cost"]


def test_the_tests_that_are_told_are_those_against_the_reference():
    """A row that is compared with its own teacher elsewhere has ratios against that teacher."""
    own = {"reference": "big+int8", "reference_difference": 0.4, "reference_p": 0.0}
    found = told(table(**own))
    assert (
        "−0.50 points of accuracy against `big`" in found["cost"]
    )  # untested, from the accuracies
    assert "faster" not in found["cost"] and "20.0x smaller" in found["cost"]
    assert "Its difference to `big` was not tested." in found["sure"]
    keys = ("difference", "low", "high", "p", "shown")
    teacher = dict(
        zip([f"teacher_{key}" for key in keys], (-0.006, -0.02, 0.01, 0.4, False), strict=True)
    )
    found = told(table(**own, teacher="big", **teacher))
    assert "−0.60 points of accuracy against `big`" in found["cost"]
    assert "p = 0.4 after Holm's correction): −2.0 to +1.0 points" in found["sure"]


def test_the_reference_itself_and_no_reference():
    rows = table()
    found = told(rows, budgets={"best": {"prefer": "accuracy"}})
    assert found["variant"] == "big"
    assert found["cost"] == "Nothing is lost and nothing gained: this is the reference itself."
    assert "difference to" not in found["sure"] and "met the limits" not in found["sure"]
    assert "Of all 3 it is the most accurate by macro F1 on validation texts." in found["headline"]
    assert cost("small", None, rows) == "There is no reference to compare with."


def test_nothing_fits():
    found = told(
        table(), budgets={"watch": {"max_size_mb": 0.5, "max_latency_ms": 2, "prefer": "size"}}
    )
    assert found["headline"] == (
        "Nothing fits. The nearest miss is `small`: 4.50 MB, 1.00 ms a text, 92.50 % accuracy. Wanted was at "
        "most 0.5 MB and at most 2 ms a text; it is over by 4 MB."
    )
    assert found["runner_up"].endswith("92.80 % accuracy, over by 22 MB and 1 ms.")
    assert found["warnings"] == ["No variant meets this budget; the one named is the nearest miss."]
    one = told(table(), budgets={"b": {"max_size_mb": 5}})
    assert one["runner_up"].endswith(", which does not meet the limits: over by 17.5 MB.")


def test_nothing_can_be_recommended():
    rows = table().loc[["small"]].assign(simulated=True)
    chosen = recommend(rows, budgets={"b": {"prefer": "size"}}, reference="small")
    found = answer("data", REAL, chosen, rows, STATISTICS, details(rows))
    assert found["headline"].startswith("Nothing can be recommended")
    assert (found["variant"], found["warnings"], found["sure"]) == (None, [], "")
    assert "nothing to choose from" in recommendation_table(chosen, rows, REAL)


def test_several_trainings_tell_their_spread():
    found = told(table(seeds=3, accuracy_sd=0.0042))["sure"]
    assert (
        "Over 3 trainings with different seeds the accuracy's standard deviation is 0.42 points."
        in found
    )
    assert "trained once" not in found


def test_labels_that_are_never_found():
    rows = table()
    assert told(rows, found=details(rows, recall=0.0))["warnings"] == [
        "It finds none of the 7 test texts with the label `rage`."
    ]
    assert told(rows, found=details(rows, recall=0.0, support=0))["warnings"] == []
    seeds = {
        str(s): {"per_class": {"a|b": {"recall": r, "support": 4}}}
        for s, r in enumerate((0, 0.5, 0))
    }
    assert never_found(seeds) == [("a|b", 2, 4, 3)]
    found = told(rows, found={v: seeds for v in rows.index})["warnings"]
    assert found == [r"It finds none of the 4 test texts with the label a\|b in 2 of 3 trainings."]


@pytest.mark.parametrize(
    ("licence", "warned"),
    [
        ("cc-by-nc-sa-4.0", True),
        ("CC BY-NC-SA 4.0", True),
        ("Non-Commercial", True),
        ("educational and research use only", True),
        ("apache-2.0", False),
        ("MIT", False),
        ("cc-by-sa-4.0", False),
    ],
)
def test_licences_that_restrict_use(licence, warned):
    of_model = told(table(), licences={"small": [licence, licence], "big": ["cc-by-nc-4.0"]})[
        "warnings"
    ]
    of_data = told(table(), entry={**REAL, "licence": licence})["warnings"]
    if warned:
        end = f"has a licence that restricts use: {licence}."
        assert of_model == [f"A checkpoint that it was made from {end}"]
        assert of_data == [f"The data set that it learned from {end}"]
    else:
        assert of_model == of_data == []


def test_a_linear_baseline_that_is_better_is_named():
    shown = {"linear": "words", "linear_difference": -0.03, "linear_p": 0.001, "linear_shown": True}
    assert told(table(**shown))["warnings"] == [
        "The linear baseline `words` is better by 3.00 points of accuracy."
    ]
    assert told(table(**{**shown, "linear_shown": False}))["warnings"] == []
    assert told(table(**{**shown, "linear_difference": 0.03}))["warnings"] == []


def test_a_demo_corpus_is_nothing_to_ship():
    found = told(table(), entry={**REAL, "demo": True, "language": "en"})
    assert found["headline"].startswith(
        "A demo corpus, so nothing to ship. The rule chooses `small`:"
    )
    assert "say nothing about real texts" in found["warnings"][0]
    assert (found["demo"], found["language"]) == (True, "English")


def test_another_family_is_told_with_the_best_of_the_references_own():
    rows = table(family="linear", runtime="linear")
    found = told(rows)
    assert found["variant"] == "small"
    assert found["same_family"] == (
        "If it must be a transformer model, as `big` is: `big+int8`: 22.50 MB, 3.00 ms a text, 92.80 % accuracy."
    )


def test_hostile_names_are_shown_as_text():
    rows = table(runtime="<i>").rename(index={"small": HOSTILE})
    entry = {**REAL, "licence": "research <b>|"}
    budgets = {"x": {"max_accuracy_loss": 1.0, "prefer": "size"}}
    chosen = recommend(rows, budgets=budgets, reference="big")
    found = answer(
        "data", entry, chosen, rows, STATISTICS, details(rows), licences={HOSTILE: ["<nc>"]}
    )
    text = " ".join(
        [*(found[k] for k in ("headline", "cost", "sure", "runner_up")), *found["warnings"]]
    )
    assert "<script" not in text and "<i>" not in text and "<b>" not in text and "<nc>" not in text
    grid = recommendation_table(chosen, rows, entry)
    assert "<script" not in grid
    heads, _, line = grid.splitlines()
    assert heads.count(" | ") == line.replace("\\|", "").count(" | ")


def test_the_table_has_a_row_per_budget():
    budgets = {
        **SIZE,
        "watch": {"max_size_mb": 0.5, "prefer": "latency"},
        "best": {"prefer": "accuracy"},
    }
    rows = table()
    chosen = recommend(rows, budgets=budgets, reference="big")
    lines = recommendation_table(chosen, rows, REAL).splitlines()
    assert lines[2] == (
        "| `smallest` | smallest, at most 1 point of accuracy below `big` on validation texts | `small` | yes | "
        "92.50 | 91.5 to 93.5 | −0.50 | −1.6 to −0.2 | 4.50 MB | 1.00 | 3 of 3 | `big+int8` |"
    )
    assert "| fastest, at most 0.5 MB | `small` | **no**, over by 4 MB |" in lines[3]
    assert "| `big` | yes | 93.00 | 92.0 to 94.0 | – | – | 90.00 MB | 6.00 | 3 of 3 |" in lines[4]
    assert recommendation_table(chosen, rows, {"demo": True}).startswith("*Demo corpus")
