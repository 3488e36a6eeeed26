"""Phrases that the report, its page, the model card and the command line share."""

from collections.abc import Mapping
from typing import Any

from emopress.measure.deciding import Judge
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

PREFERENCES = {"size": "smallest", "latency": "fastest"}
SETS_NOTE = (
    "**A text may have any number of labels here.** Subset accuracy is the share of texts whose whole set of "
    "labels is right. A label is predicted if its probability reaches its threshold. The thresholds were tuned "
    "on the validation texts for {metric}, so scores on validation are slightly optimistic."
)


def sets_note(judge: Judge) -> Markdown:
    """Explain the scores of data sets whose texts may have any number of labels."""
    return Markdown(SETS_NOTE.format(metric=judge.metric.name))


def p_phrase(value: float) -> Markdown:
    """Write a p-value for use in a sentence: p = 0.21, p < 0.0001."""
    p = t.p_value(value)
    return Markdown(f"p {p}" if p.startswith("<") else f"p = {p}")


def split_phrase(card: Mapping[str, Any]) -> Markdown:
    """Write how a data card's texts were split, without the settings that had no effect."""
    split, published = card["split"], card.get("raw", {}).get("given_splits", {})
    unused: tuple[str, ...] = ()
    if published and "validation" not in published:
        unused = ("test_size",)
    elif published or split["method"] == "given":
        unused = ("seed", "test_size", "validation_size")
    return t.settings(split, skip=unused)


def preference(item: Mapping[str, Any], judge: Judge) -> str:
    """Say what a budget prefers: smallest, best by accuracy."""
    return PREFERENCES.get(item["prefer"], f"best by {judge.metric.name}")


def limits_phrase(item: Mapping[str, Any], judge: Judge) -> str:
    """Say what a budget allows; empty if it sets no limit."""
    limits = []
    for key, limit in item["limits"].items():
        if metric := judge.limited(key):
            points = "point" if limit == 1 else "points"
            base = t.code(item["baseline"] or item["reference"])
            better = f" (which beats {t.code(item['reference'])})" if item["baseline"] else ""
            limits.append(
                f"at most {limit:g} {points} of {metric.name} below {base}{better} on validation texts"
            )
        else:
            each = " per text" if key == "max_latency_ms" else ""
            limits.append(f"at most {limit:g} {judge.unit(key)}{each}")
    return " and ".join(limits)


def misses_phrase(misses: Mapping[str, float], judge: Judge) -> str:
    """Say by how much limits are exceeded, each in its unit."""
    return " and ".join(f"{over:.3g} {judge.unit(key)}" for key, over in misses.items())
