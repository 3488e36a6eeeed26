"""Phrases that the report, its page, the model card and the command line share."""

from collections.abc import Mapping
from typing import Any

from emopress.measure.deciding import Judge
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown


def p_phrase(value: float) -> Markdown:
    """Write a p value as it stands in a sentence: p = 0.21, p < 0.0001."""
    p = t.p_value(value)
    return Markdown(f"p {p}" if p.startswith("<") else f"p = {p}")


def split_phrase(card: Mapping[str, Any]) -> Markdown:
    """Write how a data card's texts were shared out; what nothing was cut by is left out."""
    split, given = card["split"], card.get("raw", {}).get("given_splits", {})
    idle: tuple[str, ...] = ()
    if given and "validation" not in given:
        idle = ("test_size",)
    elif given or split["method"] == "given":
        idle = ("seed", "test_size", "validation_size")
    return t.settings(split, skip=idle)


BEST = {"size": "smallest", "latency": "fastest"}


def preference(item: Mapping[str, Any], judge: Judge) -> str:
    """Say what a budget prefers: smallest, best by accuracy."""
    return BEST.get(item["prefer"], f"best by {judge.metric.name}")


def limits_phrase(item: Mapping[str, Any], judge: Judge) -> str:
    """Say what a budget allows, empty where it sets no limit."""
    told = []
    for key, limit in item["limits"].items():
        if metric := judge.limited(key):
            points = "point" if limit == 1 else "points"
            base = t.code(item["baseline"] or item["reference"])
            more = f", which beats {t.code(item['reference'])}," if item["baseline"] else ""
            told.append(
                f"at most {limit:g} {points} of {metric.name} below {base}{more} on validation texts"
            )
        else:
            each = " a text" if key == "max_latency_ms" else ""
            told.append(f"at most {limit:g} {judge.unit(key)}{each}")
    return " and ".join(told)


def misses_phrase(misses: Mapping[str, float], judge: Judge) -> str:
    """Say by how much limits are missed, each in its unit."""
    return " and ".join(f"{over:.3g} {judge.unit(key)}" for key, over in misses.items())
