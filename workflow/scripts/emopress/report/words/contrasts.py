"""The paired tests of a variant in sentences."""

from collections.abc import Mapping
from typing import Any

from emopress.measure.deciding import Judge, Metric
from emopress.report.tables import markdown as t
from emopress.report.words.phrases import told_p

OTHERS = {
    "teacher": "its teacher",
    "reference": "the reference",
    "linear": "the linear baseline",
}


def told_tests(variant: str, tested: Mapping[str, Any], judge: Judge, n_test: int) -> list[str]:
    """Return one sentence for each variant that `variant` was compared with on `n_test` texts, as bare text.

    `tested` is its entry in the data set's statistics. A variant that is compared twice with the same
    one (its teacher is the reference, say) is told once.
    """
    sentences: dict[str, str] = {}
    for key, words in OTHERS.items():
        test = (tested.get("against") or {}).get(key)
        if test and test["variant"] != variant and test["variant"] not in sentences:
            sentences[test["variant"]] = _sentence(words, test, judge, n_test)
    return list(sentences.values())


def _sentence(words: str, test: Mapping[str, Any], judge: Judge, n_test: int) -> str:
    scores = " ".join(_told(metric, test, n_test) for metric in judge.told)
    return (
        f"Against {words} {test['variant']}: {scores} "
        f"{t.count(test['only_this_right'])} texts only this one has right, "
        f"{t.count(test['only_other_right'])} only the other."
    )


def _told(metric: Metric, test: Mapping[str, Any], n_test: int) -> str:
    name = metric.column
    p, shown = (
        ("mcnemar_p_holm", "shown") if name == "accuracy" else (f"{name}_p_holm", f"{name}_shown")
    )
    verdict = "the difference is shown" if test[shown] else "not shown"
    span = t.points_interval(test[f"{name}_low"], test[f"{name}_high"])
    return (
        f"{t.points(test[f'{name}_difference'])} points of {metric.name} (95 % interval {span}), {verdict} "
        f"({metric.test(n_test)}, {told_p(test[p])} after Holm)."
    )
