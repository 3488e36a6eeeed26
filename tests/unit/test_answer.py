"""The recommendation's sentences say what the figures say, and no more."""

import pandas as pd
import pytest

from emopress.measure.recommend import recommend
from emopress.report.tables.budgets import recommendation_table
from emopress.report.words.answer import answer, cost
from emopress.report.words.cautions import never_found
from emopress.report.words.markup import Markdown

SPLITS = ("train", "validation", "test")
HOSTILE = "x|<script>alert(1)</script>`*"
NAN = float("nan")
WHOLE = {"max_length": 128, "unit": "tokens", "shares": dict.fromkeys(SPLITS, 0.0)}
NONE_SHARED = {
    "test_in_train": 0,
    "test_in_validation": 0,
    "test_in_train_or_validation": 0,
    "validation_in_train": 0,
}
CLASS_F1 = {"class_f1": {"joy": {"mean": 0.9}, "rage": {"mean": 0.5}}}
TESTED = {
    "n_test": 2000,
    "n_validation": 1800,
    "texts": {
        "n": {"train": 9000, "validation": 1800, "test": 2000},
        "shared": {"exact": NONE_SHARED, "letters": NONE_SHARED},
        "leaked": None,
        "without": {split: [] for split in SPLITS},
    },
}
REAL = {"title": "Texts", "language": "bn", "labels": ["joy", "rage"], "licence": "MIT"}
RECIPE = [{"name": "big", "family": "transformer", "hub": "some/where"}]
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
        "task": "single",
        "judge_by": "accuracy",
        "validation_accuracy": accuracy,
        "validation_macro_f1": accuracy,
        "accuracy": accuracy,
        "macro_f1": accuracy - 0.02,
        "macro_f1_sd": NAN,
        "macro_f1_low": accuracy - 0.035,
        "macro_f1_high": accuracy - 0.005,
        "accuracy_sd": NAN,
        "accuracy_low": accuracy - 0.01,
        "accuracy_high": accuracy + 0.01,
        "size_bytes": megabytes * 1e6,
        "latency_ms_p50": latency,
        "compression": 90 / megabytes,
        "speedup": 6 / latency,
        "timing_spread": 0.05,
        "speedup_over_pytorch": 12 / latency,
        **{
            f"{other}_{key}": NAN
            for other in ("teacher", "linear", "teacher_macro_f1", "linear_macro_f1")
            for key in ("difference", "low", "high", "p", "shown")
        },
        "reference_difference": difference,
        "reference_low": difference - 0.011,
        "reference_high": difference + 0.003,
        "reference_p": NAN if difference != difference else 0.00001 if shown else 0.21,
        "reference_shown": shown,
        "reference_macro_f1_difference": difference,
        "reference_macro_f1_low": difference - 0.02,
        "reference_macro_f1_high": difference + 0.01,
        "reference_macro_f1_p": NAN if difference != difference else 0.4,
        "reference_macro_f1_shown": False,
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
    return {variant: {"0": {"per_class": scores, "recipe": RECIPE}} for variant in rows.index}


def statistics_of(rows):
    texts = {**TESTED["texts"], "cut": dict.fromkeys(rows.index, WHOLE)}
    return {**TESTED, "variants": dict.fromkeys(rows.index, CLASS_F1), "texts": texts}


def told(rows, entry=REAL, budgets=SIZE, found=None, **more):
    chosen = recommend(rows, budgets=budgets, reference="big")
    return answer("data", entry, chosen, rows, statistics_of(rows), found or details(rows), **more)


def sentences(found):
    return " ".join(found["sure"])


def test_the_first_screen_by_hand():
    found = told(table())
    assert found["headline"] == (
        "Ship `small`: 4.50 MB, 1.00 ms per text, 92.50 % accuracy, 90.50 % macro F1."
    )
    assert found["why"] == (
        "It is the smallest with at most 1 point of accuracy below `big` on validation texts."
    )
    assert found["cost"] == (
        "Against `big` it loses 0.50 points of accuracy (93.00 to 92.50 %) and 0.50 of macro "
        "F1 (91.00 to 90.50 %); it is 20.0x smaller (90.00 MB before), 6.0x faster in the same engine "
        "(onnxruntime), 12.0x faster than `big` in PyTorch."
    )
    assert found["sure"] == [
        "No difference from `big` is shown on 2,000 test texts, neither in accuracy (p = 0.21) nor in macro F1 "
        "(p = 0.4); a loss of up to 1.6 or 2.5 points could have been missed.",
        "It was trained once; what another training run would change is unknown.",
    ]
    scores, differences, apart, chosen, intervals = found["caveats"]
    assert scores == (
        "On 2,000 test texts the 95 % interval is 91.5 to 93.5 % for accuracy and 89.0 to 92.0 % for macro F1."
    )
    assert differences == (
        "Differences from `big` that fit the test texts: −1.6 to −0.2 points of accuracy and −2.5 to +0.5 points of "
        "macro F1 (95 % intervals). p comes from McNemar's test for accuracy and the paired bootstrap for macro F1, "
        "after Holm's correction for all comparisons of the data set."
    )
    assert apart == "The uncorrected interval for accuracy excludes 0."
    assert chosen == (
        "It was chosen from 3 variants, 3 of which meet the limits, by accuracy on 1,800 validation texts."
    )
    for words in (
        "labels are as frequent as in this test split",
        "between training runs",
        "not corrected",
    ):
        assert words in intervals
    assert found["runner_up"] == (
        "`big+int8`: 22.50 MB, 3.00 ms per text, 92.80 % accuracy, 90.80 % macro F1."
    )
    assert (found["same_family"], found["warnings"]) == ("", [])
    given = ("data", "Bengali", "smallest", "small")
    assert tuple(found[k] for k in ("dataset", "language", "budget", "variant")) == given
    for key in ("headline", "why", "cost", "runner_up"):
        assert isinstance(found[key], Markdown)
    assert all(isinstance(s, Markdown) for s in [*found["sure"], *found["caveats"]])


def test_differences_that_are_shown_and_their_direction():
    lost = sentences(told(table(reference_shown=True, reference_p=1e-6)))
    assert (
        "A loss against `big` in accuracy is shown (p < 0.0001): −1.6 to −0.2 points (95 % interval)"
        in lost
    )
    assert "o difference" not in lost and "Macro F1 alone does not show it (p = 0.4)." in lost
    better = row(0.95, 4.5, 1, 0.02, shown=True)
    gained = told(table(**better))
    assert "A gain over `big` in accuracy is shown" in sentences(gained)
    assert gained["cost"].startswith(
        "Against `big` it gains 2.00 points of accuracy (93.00 to 95.00 %) and 2.00 of macro "
        "F1 (91.00 to 93.00 %); it is 20.0x smaller"
    )
    even = told(table(accuracy=0.93, reference_difference=0.0))["cost"]
    assert even.startswith(
        "Against `big` it has the same accuracy (93.00 %) and loses 0.50 points of macro F1"
    )


F1_LOSS = {
    "reference_macro_f1_difference": -0.037,
    "reference_macro_f1_low": -0.06,
    "reference_macro_f1_high": -0.012,
    "reference_macro_f1_p": 0.016,
    "reference_macro_f1_shown": True,
}


def test_a_loss_of_macro_f1_alone_is_no_missing_difference():
    """EmoNoBa was told that no difference is shown, by whole sets, while macro F1 fell by 3.7 points."""
    found = told(table(**F1_LOSS))
    assert found["sure"][:2] == [
        "A loss against `big` in macro F1 is shown (p = 0.016): −6.0 to −1.2 points (95 % interval).",
        "Accuracy alone does not show it (p = 0.21).",
    ]
    assert "o difference" not in sentences(found)


def several(judge_by):
    """The table with several labels per text, of which another metric decides."""
    tests = {}
    for name in ("micro_f1", "sample_f1", "jaccard"):
        score = {key: [0.7, 0.69, 0.66] for key in (name, f"validation_{name}")}
        ends = {f"{name}_low": 0.6, f"{name}_high": 0.8, f"{name}_sd": NAN}
        against = {
            f"{other}_{name}_{key}": NAN
            for key in ("difference", "low", "high", "p", "shown")
            for other in ("reference", "linear")
        }
        tests |= score | ends | against
    return table(**F1_LOSS).assign(task="multi", judge_by=judge_by, **tests)


def test_the_metric_that_decides_is_named_with_macro_f1_beside_it():
    budgets = {"b": {"max_loss": 5.0, "prefer": "size"}}
    alone = told(several("macro_f1"), budgets=budgets)
    assert alone["headline"] == "Ship `small`: 4.50 MB, 1.00 ms per text, 90.50 % macro F1."
    assert alone["why"] == (
        "It is the smallest with at most 5 points of macro F1 below `big` on validation texts."
    )
    assert "accuracy" not in alone["cost"] and "loses 3.70 points of macro F1" in alone["cost"]
    whole = told(several("subset_accuracy"), budgets=budgets)
    assert whole["headline"].endswith("92.50 % subset accuracy, 90.50 % macro F1.")
    assert "by subset accuracy on 1,800" in whole["caveats"][-2]
    assert "p comes from the paired bootstrap, after Holm's" in alone["caveats"][1]
    assert "Subset accuracy alone does not show it (p = 0.21)" in sentences(whole)
    other = told(several("jaccard"), budgets={"best": {"prefer": "score"}})
    assert other["headline"].endswith("70.00 % Jaccard index, 91.00 % macro F1.")
    assert other["why"] == "Of all 3 variants it is the best by Jaccard index on validation texts."


@pytest.mark.parametrize(
    ("low", "high", "missed", "apart"),
    [
        (-0.016, 0.002, "; a loss of up to 1.6 points of macro F1 could have been missed.", False),
        (0.0, 0.01, " (p = 0.4).", False),
        (-0.01, -0.001, "; a loss of up to 1.0 points of macro F1 could have been missed.", True),
        (0.001, 0.01, " (p = 0.4).", True),
    ],
)
def test_what_is_said_where_no_difference_is_shown(low, high, missed, apart):
    ends = {"reference_macro_f1_low": low, "reference_macro_f1_high": high}
    found = told(table(**ends).assign(judge_by="macro_f1"))
    assert found["sure"][0].startswith(
        "No difference from `big` is shown on 2,000 test texts in macro F1"
    )
    assert found["sure"][0].endswith(missed)
    by_itself = "The uncorrected interval for macro F1 excludes 0."
    assert (by_itself in found["caveats"]) == apart


def test_speed_is_claimed_where_timing_shows_it_and_with_its_engine():
    for ratio in (1.04, 0.97):
        unsure = told(table(speedup=ratio))["cost"]
        assert (
            "not shown to be faster or slower (the same file, timed twice, differs by as much)"
            in unsure
        )
        assert "same engine" not in unsure and "12.0x faster than `big` in PyTorch" in unsure
    assert "1.08x faster in the same engine" in told(table(speedup=1.08))["cost"]
    other = told(table(runtime="openvino"))["cost"]
    assert (
        "6.0x faster (in another engine, openvino instead of onnxruntime, so not through compression alone)"
        in other
    )
    assert "2.0x slower in the same engine" in told(table(speedup=0.5))["cost"]
    assert "PyTorch" not in told(table(speedup_over_pytorch=NAN))["cost"]
    eager = told(table(speedup_over_pytorch=1.03))["cost"]
    assert eager.endswith(", not shown to be faster or slower than `big` in PyTorch.")


def test_a_row_with_a_teacher_of_its_own_is_compared_with_the_reference_of_the_data_set():
    """Its speedup and its ratio to PyTorch are those against that teacher, and not told."""
    own = {"reference": "big+int8", "speedup": 77, "speedup_over_pytorch": 88, "compression": 99}
    found = told(table(**own))["cost"]
    assert found == (
        "Against `big` it loses 0.50 points of accuracy (93.00 to 92.50 %) and 0.50 of macro "
        "F1 (91.00 to 90.50 %); it is 20.0x smaller (90.00 MB before), 6.0x faster in the same engine "
        "(onnxruntime)."
    )
    near = told(table(**own, latency_ms_p50=5.9))["cost"]
    assert "not shown to be faster" in near
    untested = told(table(reference_difference=NAN, reference_p=NAN))
    assert "it loses 0.50 points" in untested["cost"]
    assert "Its difference from `big` was not tested." in untested["sure"]


def test_what_timing_cannot_tell_from_the_fastest_is_told():
    fast = {"quick": {"max_loss": 2.0, "prefer": "latency"}}
    rows = table().astype({"latency_ms_p50": float})
    rows.loc["big+int8", "latency_ms_p50"] = 1.04  # within 5 % of small's 1.00, and better
    found = told(rows, budgets=fast)
    assert found["variant"] == "big+int8"
    assert found["why"] == (
        "It is one of the fastest with at most 2 points of accuracy below `big` on validation texts: timing cannot "
        "tell 2 variants apart (the same file, timed twice, differs by up to 5.0 %); of these it has the best "
        "accuracy on validation texts."
    )
    assert found["runner_up"] == (
        "`small`: 4.50 MB, 1.00 ms per text, 92.50 % accuracy, 90.50 % macro F1; neither is shown "
        "to be faster, and its accuracy on validation texts is 92.50 %, that of the chosen one 92.80 %."
    )
    rows["validation_accuracy"] = 0.92
    equal = told(rows, budgets=fast)
    assert equal["variant"] == "small"
    assert equal["why"].endswith(
        "the best accuracy on validation texts (as have 1 of the others) and the smaller file."
    )
    rows.loc["big+int8", "latency_ms_p50"] = 1.06
    apart = told(rows, budgets=fast)
    assert apart["why"].startswith("It is the fastest with at most 2 points")
    assert "not shown" not in apart["runner_up"]
    assert "neither is shown" not in told(rows)["runner_up"]  # a budget for size


def test_the_reference_itself_and_no_reference():
    rows = table()
    found = told(rows, budgets={"best": {"prefer": "score"}})
    assert found["variant"] == "big"
    assert found["cost"] == "Nothing is lost or gained: this is the reference itself."
    assert "difference from" not in sentences(found) and len(found["sure"]) == 1
    assert (
        found["caveats"][1]
        == "It was chosen from 3 variants, by accuracy on 1,800 validation texts."
    )
    assert found["why"] == "Of all 3 variants it is the best by accuracy on validation texts."
    assert cost("small", None, rows) == "There is no reference to compare it with."


def test_nothing_fits():
    found = told(
        table(), budgets={"watch": {"max_size_mb": 0.5, "max_latency_ms": 2, "prefer": "size"}}
    )
    assert found["headline"] == (
        "No variant fits. The nearest miss is `small`: 4.50 MB, 1.00 ms per text, 92.50 % accuracy, 90.50 % macro F1."
    )
    assert (
        found["why"]
        == "The budget asks for at most 0.5 MB and at most 2 ms per text; this one is over by 4 MB."
    )
    assert found["runner_up"].endswith("90.80 % macro F1, over by 22 MB and 1 ms.")
    assert found["warnings"] == ["No variant meets this budget; this one is the nearest miss."]
    one = told(table(), budgets={"b": {"max_size_mb": 5}})
    assert one["runner_up"].endswith(", which exceeds the limits by 17.5 MB.")


def test_nothing_can_be_recommended():
    rows = table().loc[["small"]].assign(simulated=True)
    chosen = recommend(rows, budgets={"b": {"prefer": "size"}}, reference="small")
    found = answer("data", REAL, chosen, rows, statistics_of(rows), details(rows))
    assert found["headline"].startswith("Nothing can be recommended")
    assert (found["variant"], found["warnings"], found["sure"]) == (None, [], [])
    assert "nothing to choose from" in recommendation_table(chosen, rows)


def test_several_trainings_tell_their_spread():
    found = sentences(told(table(seeds=3, accuracy_sd=0.0042, macro_f1_sd=0.005)))
    words = (
        "Over 3 training runs with different seeds the standard deviation is 0.42 points of accuracy and 0.50 points "
        "of macro F1."
    )
    assert words in found and "trained once" not in found


def test_a_loss_on_test_beyond_the_limit_that_validation_kept_is_told():
    beyond = {"reference_difference": -0.0123, "reference_low": -0.02, "reference_high": 0.001}
    assert told(table(**beyond))["warnings"] == [
        "On the test texts it loses 1.23 points of accuracy against `big`, more than the 1 that the budget "
        "allows: limits are checked on validation texts."
    ]
    assert (
        told(table(reference_difference=-0.01))["warnings"] == []
    )  # 100 * 0.01 is the limit itself
    assert told(table(**beyond), budgets={"b": {"prefer": "size"}})["warnings"] == []
    by_name = told(table(**beyond), budgets={"b": {"max_loss": 1.2, "max_macro_f1_loss": 0.7}})
    assert by_name["warnings"] == [
        "On the test texts it loses 1.23 points of accuracy against `big`, more than the 1.2 that the budget "
        "allows: limits are checked on validation texts."
    ]
    missed = told(table(**beyond), budgets={"b": {"max_accuracy_loss": 0.0, "max_size_mb": 5}})
    assert missed["warnings"] == ["No variant meets this budget; this one is the nearest miss."]


def test_resamples_of_sets_of_labels_have_no_shares_of_labels():
    found = told(several("macro_f1"))["caveats"][-1]
    assert found.startswith(
        "The intervals hold for texts like those of this test split. They cover no differences"
    )


def test_labels_that_are_never_found():
    rows = table()
    assert told(rows, found=details(rows, recall=0.0))["warnings"] == [
        "It finds none of the 7 test texts with the label `rage`."
    ]
    assert told(rows, found=details(rows, recall=0.0, support=0))["warnings"] == []
    seeds = {
        str(s): {"per_class": {"a|b": {"recall": r, "support": 4}}, "recipe": RECIPE}
        for s, r in enumerate((0, 0.5, 0))
    }
    assert never_found(seeds) == [("a|b", 2, 4, 3)]
    found = told(rows, found={v: seeds for v in rows.index})["warnings"]
    assert found == [
        r"It finds none of the 4 test texts with the label a\|b in 2 of 3 training runs."
    ]


@pytest.mark.parametrize(
    ("licence", "end"),
    [
        ("cc-by-nc-sa-4.0", "restricts use: cc-by-nc-sa-4.0."),
        ("CC BY-NC-SA 4.0", "restricts use: CC BY-NC-SA 4.0."),
        ("Non-Commercial", "restricts use: Non-Commercial."),
        ("educational and research use", "restricts use: educational and research use."),
        ("CC BY 4.0 (google-research's README)", None),
        ("openrail", "is not known (openrail): read it, or ask the owner, before you ship."),
        ("apache-2.0", None),
        ("MIT (copyright Somebody)", None),
    ],
)
def test_licences_that_restrict_use_or_are_not_known(licence, end):
    of_model = told(table(), licences={"small": [licence, licence], "big": ["cc-by-nc-4.0"]})
    of_data = told(table(), entry={**REAL, "licence": licence})
    if end:
        begin = "It was made from a base checkpoint, whose licence"
        assert of_model["warnings"] == [f"{begin} {end}"]
        assert of_data["warnings"] == [f"It was trained on data whose licence {end}"]
    else:
        assert of_model["warnings"] == of_data["warnings"] == []


def test_licences_of_known_checkpoints_are_those_of_their_hub_id():
    """A converted checkpoint states none; a student's tokenizer comes with its own."""
    bangla = {"name": "bangla", "family": "transformer", "hub": "csebuetnlp/banglabert"}
    student = {"name": "s", "family": "transformer", "tokenizer": {"hub": "csebuetnlp/banglabert"}}
    rows = table()

    def warned(recipe, *stated):
        found = details(rows)
        found["small"]["0"]["recipe"] = recipe
        return told(rows, found=found, licences={"small": list(stated)})["warnings"]

    assert warned([bangla], "not stated by bangla") == [
        "It was made from csebuetnlp/banglabert, whose licence restricts use: cc-by-nc-sa-4.0."
    ]
    assert warned(RECIPE, "not stated by big") == [
        "It was made from some/where, whose licence is not known (not stated): read it, or ask the owner, "
        "before you ship."
    ]
    assert warned(
        [*RECIPE, {"name": "kd", "kind": "distill", "student_model": student}], "mit"
    ) == [
        "It was made from the tokenizer of csebuetnlp/banglabert, whose licence restricts use: cc-by-nc-sa-4.0."
    ]
    assert warned([{"name": "l", "family": "linear"}]) == []


def test_a_linear_baseline_that_is_better_is_named():
    shown = {"linear": "words", "linear_difference": -0.03, "linear_p": 0.001, "linear_shown": True}
    assert told(table(**shown))["warnings"] == [
        "The linear baseline `words` is better by 3.00 points of accuracy."
    ]
    assert told(table(**{**shown, "linear_shown": False}))["warnings"] == []
    assert told(table(**{**shown, "linear_difference": 0.03}))["warnings"] == []
    f1 = {f"linear_macro_f1_{key}": value for key, value in (("difference", -0.04), ("p", 0.001))}
    f1 |= {"linear": "words", "linear_macro_f1_shown": True}
    assert told(table(**f1))["warnings"] == [
        "The linear baseline `words` is better by 4.00 points of macro F1."
    ]


def test_a_demo_corpus_is_nothing_to_ship():
    found = told(table(), entry={**REAL, "demo": True, "language": "en"})
    assert found["headline"].startswith(
        "This is a demo corpus, so there is nothing to ship. The rule would choose `small`:"
    )
    assert "say nothing about real texts" in found["warnings"][0]
    assert (found["demo"], found["language"]) == (True, "English")


def test_another_family_is_told_with_the_best_of_the_references_own():
    rows = table(family="linear", runtime="linear")
    found = told(rows)
    assert found["variant"] == "small"
    assert found["same_family"] == (
        "If it must be a transformer model like `big`, ship `big+int8`: 22.50 MB, 3.00 ms per text, 92.80 % accuracy, "
        "90.80 % macro F1. Against `big` it loses 0.20 points of accuracy (93.00 to 92.80 %) and 0.20 "
        "of macro F1 (91.00 to 90.80 %); it is 4.0x smaller (90.00 MB before), 2.0x "
        "faster in the same engine (onnxruntime), 4.0x faster than `big` in PyTorch."
    )
    alone = told(rows.drop(index="big+int8"))["same_family"]
    assert alone.startswith(
        "If it must be a transformer model, ship the reference itself: `big`: 90.00"
    )


def test_hostile_names_are_shown_as_text():
    rows = table(runtime="<i>").rename(index={"small": HOSTILE})
    entry = {**REAL, "licence": "research <b>|"}
    budgets = {"x": {"max_accuracy_loss": 1.0, "prefer": "size"}}
    chosen = recommend(rows, budgets=budgets, reference="big")
    found = answer(
        "data",
        entry,
        chosen,
        rows,
        statistics_of(rows),
        details(rows),
        licences={HOSTILE: ["<nc>"]},
    )
    text = " ".join(
        [
            *(found[k] for k in ("headline", "why", "cost", "runner_up", "same_family")),
            *(line for k in ("sure", "caveats", "warnings") for line in found[k]),
        ]
    )
    assert "<script" not in text and "<i>" not in text and "<b>" not in text and "<nc>" not in text
    grid = recommendation_table(chosen, rows)
    assert "<script" not in grid
    heads, _, line = grid.splitlines()
    assert heads.count(" | ") == line.replace("\\|", "").count(" | ")


def test_the_table_has_a_row_per_budget():
    budgets = {
        **SIZE,
        "watch": {"max_size_mb": 0.5, "prefer": "latency"},
        "best": {"prefer": "score"},
    }
    rows = table()
    chosen = recommend(rows, budgets=budgets, reference="big")
    lines = recommendation_table(chosen, rows).splitlines()
    assert (
        "| Asks for | Chosen | Fits (validation) | Accuracy % | 95 % | Points | Points, 95 % | Macro F1 % "
        "| Macro F1 points | Size |" in lines[0]
    )
    assert "| p50 ms | Runner-up | Met by |" in lines[0]
    assert lines[2] == (
        "| `smallest` | smallest, at most 1 point of accuracy below `big` on validation texts "
        "| `small` | yes | 92.50 | 91.5 to 93.5 | −0.50 | −1.6 to −0.2 | 90.50 | −0.50 "
        "| 4.50 MB | 1.00 "
        "| `big+int8` | 3 of 3 |"
    )
    assert lines[3].startswith(
        "| `watch` | fastest, at most 0.5 MB | `small` | **no**, over by 4 MB |"
    )
    assert (
        "| `best` | best by accuracy | `big` | yes | 93.00 | 92.0 to 94.0 | – | – | 91.00 | – | 90.00 MB | 6.00 |"
        in lines[4]
    )
