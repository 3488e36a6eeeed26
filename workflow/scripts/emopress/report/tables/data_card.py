"""The data card of a data set as Markdown tables and facts."""

from collections.abc import Mapping
from typing import Any

from emopress.errors import UserError
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import split_phrase
from emopress.report.words.text_cautions import SPLITS

LEAKS = {
    "test_in_train": "test texts that also occur in train",
    "test_in_validation": "test texts that also occur in validation",
    "test_in_train_or_validation": "test texts that also occur in train or validation",
    "validation_in_train": "validation texts that also occur in train",
}
REPEATS = {
    "rows": "rows",
    "exact_duplicates": "rows that repeat an earlier text and label",
    "letters_only_duplicates": "the same, comparing letters only",
    "contradicting_texts": "texts with more than one label",
    "letters_only_contradicting_texts": "the same, comparing letters only",
}


def card_view(
    dataset: str, card: Mapping[str, Any], labels: list[str], cut: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the pieces of a data card that the template prints, all Markdown.

    `cut`: for each variant, how much of the texts it reads (`measure.cut`). UserError names the card's
    file and the key that it lacks.
    """
    try:
        leaked = card["leakage"]["letters_only"]["test_in_train_or_validation"]
        return {
            "labels": _labels(card, labels),
            "repeats": _repeats(card),
            "leakage": _leakage(card),
            "leaked": leaked,
            "leaked_share": t.percent(leaked / max(1, card["texts"]["test"])),
            "lengths": _lengths(card),
            "cut": cut_table(cut),
            "notes": [t.escape(note) for note in card["notes"]],
            "dropped": t.count(card["raw"]["dropped"]),
            "split": split_phrase(card),
            "licence": t.link(card["licence"] or "not stated", card["licence_url"]),
            "citation": t.escape(card["citation"] or "not stated"),
        }
    except KeyError as error:
        raise UserError(f"results/data/{dataset}/card.json: no key {error}") from None


def _labels(card: Mapping[str, Any], labels: list[str]) -> Markdown:
    rows = []
    for label in labels:
        row = {"Label": t.escape(label)}
        for part in SPLITS:
            row[part] = t.count(card["counts"][part][label])
            row[f"share of {part}"] = t.share(card["label_shares"][part][label])
        rows.append(row)
    total = {"Label": Markdown("**all**")}
    for part in SPLITS:
        total[part] = Markdown(f"**{t.count(card['texts'][part])}**")
        total[f"share of {part}"] = Markdown("")
    return t.table([*rows, total], left=("Label",))


def _repeats(card: Mapping[str, Any]) -> Markdown:
    columns = {"as published": card["raw"]} | {part: card["duplicates"][part] for part in SPLITS}
    rows = [
        {"Count": words} | {name: t.count(counts[key]) for name, counts in columns.items()}
        for key, words in REPEATS.items()
    ]
    return t.table(rows, left=("Count",))


def _leakage(card: Mapping[str, Any]) -> Markdown:
    leakage = card["leakage"]
    rows = [
        {
            "Leak": words,
            "exact": t.count(leakage["exact"][key]),
            "letters only": t.count(leakage["letters_only"][key]),
        }
        for key, words in LEAKS.items()
    ]
    return t.table(rows, left=("Leak",))


def _lengths(card: Mapping[str, Any]) -> Markdown:
    heads = {"median": "median", "p95": "95th percentile", "max": "longest"}
    rows = [
        {"Length in": unit}
        | {head: t.count(card["lengths"][unit][key]) for key, head in heads.items()}
        for unit in ("words", "characters")
    ]
    return t.table(rows, left=("Length in",))


def cut_table(cut: Mapping[str, Any]) -> Markdown:
    """Write how much of a text models read and what share of the texts they cut.

    Variants with the same limit and the same shares (they share a tokenizer) share a row.
    """
    groups: dict[tuple[Any, ...], list[str]] = {}
    for variant, facts in cut.items():
        key = (facts["max_length"], facts["unit"], *(facts["shares"][split] for split in SPLITS))
        groups.setdefault(key, []).append(variant)
    rows = [
        {
            "Reads at most": "the whole text" if limit is None else f"{t.count(limit)} {unit}",
            "Variants": t.join([t.code(name) for name in names]),
            **{split: t.share(share) for split, share in zip(SPLITS, shares, strict=True)},
        }
        for (limit, unit, *shares), names in groups.items()
    ]
    return t.table(rows, left=("Reads at most", "Variants"))
