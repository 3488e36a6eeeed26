"""What a user should know before shipping a recommended model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.data.licences import checkpoint_licences, recognise
from emopress.measure.choice import ROUNDING
from emopress.measure.deciding import LOSSES, Metric, judge_of
from emopress.measure.details import recipe_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.text_cautions import few_vectors, text_cautions

# Not in the name of an owner, such as google-research.
RESTRICTED = re.compile(r"\bnc\b|non-?\s?commercial|(?<!-)\bresearch\b", re.IGNORECASE)


def cautions(
    first: Mapping[str, Any],
    rows: pd.DataFrame,
    entry: Mapping[str, Any],
    details: Mapping[str, Any],
    licences: Mapping[str, Sequence[str]],
    statistics: Mapping[str, Any],
) -> list[Markdown]:
    """Return cautions about the chosen variant, a sentence or two each.

    `statistics` are the data set's; `details`: variant -> seed -> entry; `licences`: variant -> licences
    as stated by the checkpoints that it was made from.
    """
    variant, judge = first["variant"], judge_of(rows)
    sentences = []
    if entry.get("demo"):
        sentences.append("This is a demo corpus: its numbers say nothing about real texts.")
    if not first["met"]:
        sentences.append("No variant meets this budget; this one is the nearest miss.")
    sentences += text_cautions(variant, statistics["texts"], statistics["variants"], judge=judge)
    sentences += few_vectors(details[variant])
    sentences += _lost_on_test(first, rows)
    for label, times, texts, seeds in never_found(details[variant]):
        when = "" if times == seeds else f" in {times} of {seeds} training runs"
        sentences.append(
            f"It finds none of the {t.count(texts)} test texts with the label {t.code(label)}{when}."
        )
    sentences += _linear_is_better(rows.loc[variant], judge.reported)
    data_licence = entry.get("licence") or "not stated"
    recipe = recipe_of(details[variant])
    sentences += _about_licences(recipe, licences.get(variant, ()), data_licence)
    return [Markdown(sentence) for sentence in sentences]


def _linear_is_better(row: Mapping[str, Any], metrics: Sequence[Metric]) -> list[str]:
    """Say by how much the linear baseline is shown to be better."""
    lost = [
        f"{-100 * row[metric.compared('linear', 'difference')]:.2f} points of {metric.name}"
        for metric in metrics
        if not t.missing(row[metric.compared("linear", "p")])
        and row[metric.compared("linear", "shown")]
        and row[metric.compared("linear", "difference")] < 0
    ]
    if not lost:
        return []
    return [f"The linear baseline {t.code(row['linear'])} is better by {' and '.join(lost)}."]


def _lost_on_test(first: Mapping[str, Any], rows: pd.DataFrame) -> list[str]:
    """Say which limits that were met on validation texts are exceeded on test texts."""
    row, judge = rows.loc[first["variant"]], judge_of(rows)
    base = "linear" if first["baseline"] and first["baseline"] == row["linear"] else "reference"
    other = t.code(row["linear"] if base == "linear" else first["reference"])
    lost: dict[Metric, float] = {}
    for key in LOSSES.keys() & first["limits"].keys() - first["misses"].keys():
        metric, limit = judge.metric_of(LOSSES[key] or judge.key), first["limits"][key]
        difference = row[metric.compared(base, "difference")]
        if not t.missing(difference) and -100 * difference > limit + ROUNDING:
            lost[metric] = min(limit, lost.get(metric, limit))
    return [
        f"On the test texts it loses {-100 * row[metric.compared(base, 'difference')]:.2f} points of "
        f"{metric.name} against {other}, more than the {lost[metric]:g} that the budget allows: limits are "
        "checked on validation texts."
        for metric in judge.metrics
        if metric in lost
    ]


def _about_licences(
    recipe: Sequence[Mapping[str, Any]], stated: Sequence[str], data_licence: str
) -> list[str]:
    """Say which licences, of checkpoints or of the data, restrict use or are not known."""
    sentences = [
        _about_licence(f"It was made from {t.escape(one.of)}, whose licence", one.text)
        for one in checkpoint_licences({"recipe": recipe, "licences": stated})
    ]
    sentences.append(_about_licence("It was trained on data whose licence", data_licence))
    return [sentence for sentence in dict.fromkeys(sentences) if sentence]


def _about_licence(whose: str, text: str) -> str:
    if RESTRICTED.search(text):
        return f"{whose} restricts use: {t.escape(text)}."
    if recognise(text) is None:
        return (
            f"{whose} is not known ({t.escape(text)}): read it, or ask the owner, before you ship."
        )
    return ""


def never_found(seeds: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
    """Return (label, seeds that miss it, test texts, seeds) for each label with a recall of 0 for some seed.

    Labels without a test text are left out: nothing is known about them.
    """
    missed: dict[str, list[int]] = {}
    for entry in seeds.values():
        for label, scores in entry["per_class"].items():
            if scores["support"] and not scores["recall"]:
                missed.setdefault(label, []).append(scores["support"])
    return [(label, len(texts), texts[0], len(seeds)) for label, texts in missed.items()]
