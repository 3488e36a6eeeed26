"""The data card of a data set as Markdown tables and facts."""

from collections.abc import Mapping
from typing import Any

from emopress.errors import UserError
from emopress.report.tables.scores import note_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import split_phrase
from emopress.report.words.text_cautions import SPLITS, cut_rows

LEAKS = {
    "test_in_train": "test texts that stand in train",
    "test_in_validation": "test texts that stand in validation",
    "test_in_train_or_validation": "test texts that stand in train or validation",
    "validation_in_train": "validation texts that stand in train",
}
REPEATS = {
    "rows": "rows",
    "exact_duplicates": "rows that repeat an earlier text and label",
    "letters_only_duplicates": "the same, by letters only",
    "contradicting_texts": "texts with more than one label",
    "letters_only_contradicting_texts": "the same, by letters only",
}


def card_view(
    dataset: str, card: Mapping[str, Any], entry: Mapping[str, Any], cut: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the pieces of a data card that the template prints, all Markdown.

    `cut`: by variant what it reads of the texts, as `measure.cut` tells. UserError names the card's file
    and the key that it lacks.
    """
    try:
        leaked = card["leakage"]["letters_only"]["test_in_train_or_validation"]
        return {
            "labels": _labels(card, entry),
            "repeats": _repeats(card, entry),
            "leakage": _leakage(card, entry),
            "leaked": leaked,
            "leaked_share": t.percent(leaked / max(1, card["texts"]["test"])),
            "lengths": _lengths(card, entry),
            "cut": t.markdown_table(
                t.frame_of(cut_rows(cut)), left=("Reads at most", "Variants"), note=note_of(entry)
            ),
            "notes": [t.escape(note) for note in card["notes"]],
            "dropped": t.count(card["raw"]["dropped"]),
            "split": split_phrase(card),
            "licence": t.link(card["licence"] or "not stated", card["licence_url"]),
            "citation": t.escape(card["citation"] or "not stated"),
        }
    except KeyError as error:
        raise UserError(f"results/data/{dataset}/card.json: no key {error}") from None


def _labels(card: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown:
    rows = []
    for label in entry["labels"]:
        row: dict[str, Any] = {"Label": label}
        for part in SPLITS:
            row[part] = t.count(card["counts"][part][label])
            row[f"share of {part}"] = t.share(card["label_shares"][part][label])
        rows.append(row)
    total: dict[str, Any] = {"Label": Markdown("**all**")}
    for part in SPLITS:
        total[part] = Markdown(f"**{t.count(card['texts'][part])}**")
        total[f"share of {part}"] = Markdown("")
    return t.markdown_table(t.frame_of([*rows, total]), left=("Label",), note=note_of(entry))


def _repeats(card: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown:
    columns = {"as published": card["raw"]} | {p: card["duplicates"][p] for p in SPLITS}
    rows = [
        {"Count": words} | {name: t.count(counts[key]) for name, counts in columns.items()}
        for key, words in REPEATS.items()
    ]
    return t.markdown_table(t.frame_of(rows), left=("Count",), note=note_of(entry))


def _leakage(card: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown:
    rows = [
        {
            "Leak": words,
            "exact": t.count(card["leakage"]["exact"][key]),
            "by letters only": t.count(card["leakage"]["letters_only"][key]),
        }
        for key, words in LEAKS.items()
    ]
    return t.markdown_table(t.frame_of(rows), left=("Leak",), note=note_of(entry))


def _lengths(card: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown:
    rows = [
        {"Length in": unit}
        | {
            "median": t.count(values["median"]),
            "95th percentile": t.count(values["p95"]),
            "longest": t.count(values["max"]),
        }
        for unit, values in ((unit, card["lengths"][unit]) for unit in ("words", "characters"))
    ]
    return t.markdown_table(t.frame_of(rows), left=("Length in",), note=note_of(entry))
