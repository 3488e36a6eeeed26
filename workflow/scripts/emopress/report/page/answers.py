"""The answers of the first screen, with what stands folded below them and the link to the variant."""

from collections.abc import Mapping
from typing import Any


def shown_answers(context: Mapping[str, Any], data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answer of each data set, with `more`, pairs (term, Markdown), and `link`.

    `link` leads to the variant below, None where the page does not have it.
    """
    embedded = {dataset["name"]: dataset["variants"] for dataset in data["datasets"]}
    found = []
    for answer in (dataset["answer"] for dataset in context["datasets"]):
        name, variant = answer["dataset"], answer["variant"]
        more = [("Runner-up", answer["runner_up"]), ("Same family", answer["same_family"])]
        found.append(
            {
                **answer,
                "more": [(term, words) for term, words in more if words],
                "link": f"#{name}/{variant}" if variant in embedded.get(name, {}) else None,
            }
        )
    return found
