"""What a user must know before shipping a recommended model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.card.licences import checkpoint_licences, recognise
from emopress.measure.search import ROUNDING
from emopress.report import tables as t
from emopress.report.tables import Markdown
from emopress.report.text_cautions import few_vectors, text_cautions

RESTRICTED = re.compile(r"\bnc\b|non-?\s?commercial|research", re.IGNORECASE)


def cautions(
    first: Mapping[str, Any],
    rows: pd.DataFrame,
    entry: Mapping[str, Any],
    details: Mapping[str, Any],
    licences: Mapping[str, Sequence[str]],
    statistics: Mapping[str, Any],
) -> list[Markdown]:
    """Return what a user must know before shipping the chosen variant, a sentence or two each.

    `statistics` are the data set's, `details` (variant -> seed -> entry) has each variant's recipe,
    `licences` what the checkpoints that it was made from state.
    """
    variant = first["variant"]
    row, found = rows.loc[variant], []
    if entry.get("demo"):
        found.append("This is a demo corpus: its numbers say nothing about real texts.")
    if not first["met"]:
        found.append("No variant meets this budget; the one named is the nearest miss.")
    found += text_cautions(
        variant, statistics["texts"], statistics["variants"], several=bool(entry.get("multilabel"))
    )
    found += few_vectors(details[variant])
    found += _lost_on_test(first, row)
    for label, times, texts, seeds in never_found(details[variant]):
        when = "" if times == seeds else f" in {times} of {seeds} trainings"
        found.append(
            f"It finds none of the {t.count(texts)} test texts with the label {t.code(label)}{when}."
        )
    if not t.missing(row["linear_p"]) and row["linear_shown"] and row["linear_difference"] < 0:
        better = f"{-100 * row['linear_difference']:.2f}"
        found.append(
            f"The linear baseline {t.code(row['linear'])} is better by {better} points of accuracy."
        )
    recipe = next(iter(details[variant].values()))["recipe"]
    found += _of_licences(recipe, licences.get(variant, ()), entry.get("licence") or "not stated")
    return [Markdown(sentence) for sentence in found]


def _lost_on_test(first: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Say where the test texts lose more accuracy than the limit that the validation texts kept."""
    base = "linear" if first["baseline"] and first["baseline"] == row["linear"] else "reference"
    limit, difference = first["limits"].get("max_accuracy_loss"), row[f"{base}_difference"]
    if limit is None or "max_accuracy_loss" in first["misses"] or t.missing(difference):
        return []
    loss = -100 * difference
    if loss <= limit + ROUNDING:
        return []
    return [
        f"On the test texts it loses {loss:.2f} points of accuracy, more than the {limit:g} that the "
        "budget allows: budgets are met on validation texts."
    ]


def _of_licences(
    recipe: Sequence[Mapping[str, Any]], stated: Sequence[str], of_data: str
) -> list[str]:
    """Say which licence, of a checkpoint or of the data, restricts use or is not known."""
    found = [
        _of_licence(f"It was made from {t.escape(one.of)}, whose licence", one.text)
        for one in checkpoint_licences({"recipe": recipe, "licences": stated})
    ]
    found.append(_of_licence("It learned from data whose licence", of_data))
    return [sentence for sentence in dict.fromkeys(found) if sentence]


def _of_licence(whose: str, text: str) -> str:
    if RESTRICTED.search(text):
        return f"{whose} restricts use: {t.escape(text)}."
    if recognise(text) is None:
        return f"{whose} is not known ({t.escape(text)}): read it, or ask, before you ship."
    return ""


def never_found(seeds: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
    """Return (label, seeds that miss it, test texts, seeds) for each label whose recall is 0 somewhere.

    Labels without a test text are left out: nothing is known of them.
    """
    missed: dict[str, list[int]] = {}
    for entry in seeds.values():
        for label, scores in entry["per_class"].items():
            if scores["support"] and not scores["recall"]:
                missed.setdefault(label, []).append(scores["support"])
    return [(label, len(texts), texts[0], len(seeds)) for label, texts in missed.items()]
