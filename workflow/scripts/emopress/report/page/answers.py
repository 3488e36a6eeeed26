"""The answers of the first screen, split into what must be seen at once and what may wait."""

import re
from collections.abc import Mapping
from typing import Any

from emopress.report.tables import Markdown

_SENTENCE = re.compile(r"(?<=[.!?]) +(?=[A-Z0-9`*])")
SURE_AT_ONCE = 2  # sentences: the accuracy with its interval, and the difference


def shown_answers(context: Mapping[str, Any], data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one answer per data set: pairs (first, rest) of Markdown, and a link to its variant.

    They are `context["answers"]`, or else the key `answer` of each of its data sets. A narrow screen
    shows the first of each pair; `more` holds pairs (term, Markdown) for whoever wants all.
    """
    answers = context.get("answers") or [
        dataset["answer"] for dataset in context["datasets"] if "answer" in dataset
    ]
    chosen = {str(entry["title"]): (entry["name"], entry["first"]) for entry in data["datasets"]}
    found = []
    for answer in answers:
        name, variant = chosen.get(str(answer["title"]), (None, None))
        variant = answer.get("variant") or variant
        warnings = list(answer.get("warnings") or [])
        more = [
            ("Runner-up", Markdown(str(answer.get("runner_up") or "").removeprefix("Runner-up: "))),
            ("Same family", answer.get("same_family") or ""),
            *(("Caution", warning) for warning in warnings),
        ]
        found.append(
            {
                **answer,
                "headline": _split(answer["headline"], _until_named(answer["headline"])),
                "cost": _split(answer["cost"], SURE_AT_ONCE),
                "sure": _split(answer["sure"], SURE_AT_ONCE),
                "more": [(term, words) for term, words in more if words],
                "cautions": len(warnings),
                "link": f"#{name}/{variant}" if name and variant else None,
            }
        )
    return found


def _until_named(headline: str) -> int:
    """Count the sentences up to the one that names a variant (a code span)."""
    sentences = _SENTENCE.split(headline)
    named = [number for number, sentence in enumerate(sentences, start=1) if "`" in sentence]
    return named[0] if named else len(sentences)


def _split(markdown: str, number: int) -> tuple[Markdown, Markdown]:
    sentences = _SENTENCE.split(markdown)
    return Markdown(" ".join(sentences[:number])), Markdown(" ".join(sentences[number:]))
