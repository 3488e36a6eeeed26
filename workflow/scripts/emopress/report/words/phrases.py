"""Phrases that the report, its page, the model card and the command line share."""

from collections.abc import Mapping
from typing import Any

from emopress.report.tables import markdown as t
from emopress.report.tables.markdown import Markdown


def told_p(value: float) -> Markdown:
    """Write a p value as it stands in a sentence: p = 0.21, p < 0.0001."""
    p = t.p_value(value)
    return Markdown(f"p {p}" if p.startswith("<") else f"p = {p}")


def told_split(card: Mapping[str, Any]) -> Markdown:
    """Write how a data card's texts were shared out; what nothing was cut by is left out."""
    split, given = card["split"], card.get("raw", {}).get("given_splits", {})
    idle: tuple[str, ...] = ()
    if given and "validation" not in given:
        idle = ("test_size",)
    elif given or split["method"] == "given":
        idle = ("seed", "test_size", "validation_size")
    return t.settings(split, skip=idle)
