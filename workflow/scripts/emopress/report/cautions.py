"""What a user must know before shipping a recommended model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.report import tables as t
from emopress.report.tables import Markdown

RESTRICTED = re.compile(r"\bnc\b|non-?\s?commercial|research", re.IGNORECASE)


def cautions(
    first: Mapping[str, Any],
    rows: pd.DataFrame,
    entry: Mapping[str, Any],
    details: Mapping[str, Any],
    licences: Mapping[str, Sequence[str]],
) -> list[Markdown]:
    """Return what a user must know before shipping the chosen variant, a sentence or two each."""
    variant = first["variant"]
    row, found = rows.loc[variant], []
    if entry.get("demo"):
        found.append(Markdown("This is a demo corpus: its numbers say nothing about real texts."))
    if not first["met"]:
        found.append(Markdown("No variant meets this budget; the one named is the nearest miss."))
    for label, times, texts, seeds in never_found(details[variant]):
        when = "" if times == seeds else f" in {times} of {seeds} trainings"
        found.append(
            Markdown(
                f"It finds none of the {t.count(texts)} test texts with the label {t.code(label)}{when}."
            )
        )
    if not t.missing(row["linear_p"]) and row["linear_shown"] and row["linear_difference"] < 0:
        better = f"{-100 * row['linear_difference']:.2f}"
        found.append(
            Markdown(
                f"The linear baseline {t.code(row['linear'])} is better by {better} points of accuracy."
            )
        )
    held = [
        ("A checkpoint that it was made from", licence) for licence in licences.get(variant, ())
    ]
    held.append(("The data set that it learned from", entry.get("licence") or ""))
    for what, licence in dict.fromkeys(held):
        if RESTRICTED.search(licence):
            found.append(Markdown(f"{what} has a licence that restricts use: {t.escape(licence)}."))
    return found


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
