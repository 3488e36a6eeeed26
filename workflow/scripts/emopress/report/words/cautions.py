"""What a user must know before shipping a recommended model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.data.licences import checkpoint_licences, recognise
from emopress.measure.choice import ROUNDING
from emopress.measure.deciding import LOSSES, Metric, judge_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.text_cautions import few_vectors, text_cautions

# The name of an owner, google-research, restricts nothing.
RESTRICTED = re.compile(r"\bnc\b|non-?\s?commercial|(?<!-)\bresearch\b", re.IGNORECASE)


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
        variant, statistics["texts"], statistics["variants"], judge=judge_of(rows)
    )
    found += few_vectors(details[variant])
    found += _lost_on_test(first, rows)
    for label, times, texts, seeds in never_found(details[variant]):
        when = "" if times == seeds else f" in {times} of {seeds} trainings"
        found.append(
            f"It finds none of the {t.count(texts)} test texts with the label {t.code(label)}{when}."
        )
    found += _linear_is_better(row, judge_of(rows).reported)
    recipe = next(iter(details[variant].values()))["recipe"]
    found += _of_licences(recipe, licences.get(variant, ()), entry.get("licence") or "not stated")
    return [Markdown(sentence) for sentence in found]


def _linear_is_better(row: Mapping[str, Any], told: Sequence[Metric]) -> list[str]:
    """Say by how much the linear baseline is shown to be better, in what decides or in macro F1."""
    lost = [
        f"{-100 * row[metric.compared('linear', 'difference')]:.2f} points of {metric.name}"
        for metric in told
        if not t.missing(row[metric.compared("linear", "p")])
        and row[metric.compared("linear", "shown")]
        and row[metric.compared("linear", "difference")] < 0
    ]
    if not lost:
        return []
    return [f"The linear baseline {t.code(row['linear'])} is better by {' and '.join(lost)}."]


def _lost_on_test(first: Mapping[str, Any], rows: pd.DataFrame) -> list[str]:
    """Say where the test texts lose more of a score than the limit that the validation texts kept."""
    row, judge = rows.loc[first["variant"]], judge_of(rows)
    base = "linear" if first["baseline"] and first["baseline"] == row["linear"] else "reference"
    other = t.code(row["linear"] if base == "linear" else first["reference"])
    lost: dict[Metric, float] = {}
    for key in LOSSES.keys() & first["limits"].keys() - first["misses"].keys():
        metric, limit = judge.known(LOSSES[key] or judge.key), first["limits"][key]
        difference = row[metric.compared(base, "difference")]
        if not t.missing(difference) and -100 * difference > limit + ROUNDING:
            lost[metric] = min(limit, lost.get(metric, limit))
    return [
        f"On the test texts it loses {-100 * row[metric.compared(base, 'difference')]:.2f} points of "
        f"{metric.name} against {other}, more than the {lost[metric]:g} that the budget allows: budgets "
        "are met on validation texts."
        for metric in judge.metrics
        if metric in lost
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
