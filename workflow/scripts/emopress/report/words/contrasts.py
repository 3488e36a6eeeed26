"""The paired tests of a variant, as numbers, as a verdict and in sentences."""

from collections.abc import Mapping
from typing import Any

from emopress.measure.deciding import Judge, Metric
from emopress.report.words import markup as t
from emopress.report.words.phrases import p_phrase

NOT_SHOWN = "no difference shown"
NO_TEST: dict[str, Any] = dict.fromkeys(("difference", "low", "high", "p", "shown"))
OTHERS = {
    "teacher": "its teacher",
    "reference": "the reference",
    "linear": "the linear baseline",
}


def comparison_of(metric: Metric, row: Mapping[str, Any], other: str) -> dict[str, Any]:
    """Return a summary row's comparison with `other` (teacher, linear, reference), by the keys of NO_TEST."""
    return {key: row[metric.compared(other, key)] for key in NO_TEST}


def compared(metric: Metric, row: Mapping[str, Any], base: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the paired comparison with the reference `base`; if there is none, the plain difference."""
    test = comparison_of(metric, row, "reference")
    if t.missing(test["difference"]):
        return {**NO_TEST, "difference": row[metric.column] - base[metric.column]}
    return test


def verdict(tests: Mapping[Metric, Mapping[str, Any]]) -> str:
    """Say what the paired tests show, the metric that decides first.

    An interval is not corrected for the number of comparisons, so it may exclude zero although no test
    shows a difference; that is added in brackets.
    """
    words = {
        metric: "better" if test["difference"] > 0 else "worse" for metric, test in tests.items()
    }
    shown = [metric for metric, test in tests.items() if test["shown"]]
    if shown:
        alike = len(shown) == len(tests) and len({words[metric] for metric in shown}) == 1
        return ", ".join(
            dict.fromkeys(words[m] if alike else f"{words[m]} in {m.name}" for m in shown)
        )
    apart = [
        f"{words[metric]} in {metric.name}" if len(tests) > 1 else words[metric]
        for metric, test in tests.items()
        if test["low"] > 0 or test["high"] < 0
    ]
    return f"{NOT_SHOWN} (uncorrected: {' and '.join(apart)})" if apart else NOT_SHOWN


def comparison_sentences(
    variant: str, tested: Mapping[str, Any], judge: Judge, n_test: int
) -> list[str]:
    """Return one plain sentence for each variant that `variant` was compared with on `n_test` texts.

    `tested` is its entry in the data set's statistics. A variant that plays two parts (the teacher that is
    also the reference) is mentioned once.
    """
    sentences: dict[str, str] = {}
    for key, words in OTHERS.items():
        test = (tested.get("against") or {}).get(key)
        if test and test["variant"] != variant and test["variant"] not in sentences:
            sentences[test["variant"]] = _sentence(words, test, judge, n_test)
    return list(sentences.values())


def _sentence(words: str, test: Mapping[str, Any], judge: Judge, n_test: int) -> str:
    scores = " ".join(_score(metric, test, n_test) for metric in judge.reported)
    return (
        f"Against {words} {test['variant']}: {scores} "
        f"{t.count(test['only_this_right'])} texts only this one has right, "
        f"{t.count(test['only_other_right'])} only the other."
    )


def _score(metric: Metric, test: Mapping[str, Any], n_test: int) -> str:
    name = metric.column
    p, shown = (
        ("mcnemar_p_holm", "shown") if name == "accuracy" else (f"{name}_p_holm", f"{name}_shown")
    )
    result = "a difference is shown" if test[shown] else "not shown"
    span = t.points_interval(test[f"{name}_low"], test[f"{name}_high"])
    return (
        f"{t.points(test[f'{name}_difference'])} points of {metric.name} (95 % interval {span}), {result} "
        f"({metric.test(n_test)}, {p_phrase(test[p])} after Holm)."
    )
