"""The paired tests of a variant in sentences."""

from collections.abc import Mapping
from typing import Any

from emopress.report import tables as t
from emopress.report.phrases import told_p

OTHERS = {
    "teacher": "its teacher",
    "reference": "the reference",
    "linear": "the linear baseline",
}


def told_tests(variant: str, tested: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each variant that `variant` was compared with, as bare text.

    `tested` is its entry in the data set's statistics. A variant that is compared twice with the same
    one (its teacher is the reference, say) is told once.
    """
    sentences: dict[str, str] = {}
    for key, words in OTHERS.items():
        test = (tested.get("against") or {}).get(key)
        if test and test["variant"] != variant and test["variant"] not in sentences:
            sentences[test["variant"]] = _sentence(words, test)
    return list(sentences.values())


def _sentence(words: str, test: Mapping[str, Any]) -> str:
    low, high = test["accuracy_low"], test["accuracy_high"]
    f1_low, f1_high = test["macro_f1_low"], test["macro_f1_high"]
    verdict = "the difference is shown" if test["shown"] else "no difference shown"
    return (
        f"Against {words} {test['variant']}: {t.points(test['accuracy_difference'])} points of "
        f"accuracy (95 % interval {t.points_interval(low, high)}), {verdict} "
        f"(McNemar, {told_p(test['mcnemar_p_holm'])} after Holm). "
        f"{t.points(test['macro_f1_difference'])} points of macro F1 "
        f"({t.points_interval(f1_low, f1_high)}). "
        f"{t.count(test['only_this_right'])} texts only this one has right, "
        f"{t.count(test['only_other_right'])} only the other."
    )
