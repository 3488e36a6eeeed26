"""The tables of a model card: scores, thresholds, labels, data and licences."""

from typing import Any

from emopress.card.facts import Facts
from emopress.data.licences import ASK_THE_OWNER, Stated
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import split_phrase

SEVERAL = {
    "micro_f1": "Micro F1",
    "sample_f1": "Sample F1",
    "jaccard": "Jaccard index",
    "hamming_loss": "Hamming loss (lower is better)",
}
PARTS = ("train", "validation", "test")


def accuracy_name(facts: Facts) -> str:
    """Return the name of accuracy: for a model that gives sets of labels, it is that of whole sets."""
    return "Subset accuracy" if facts.bundle.manifest.get("thresholds") else "Accuracy"


def threshold_table(manifest: dict[str, Any]) -> Markdown:
    """List the thresholds of the labels."""
    rows = [
        {"Label": label, "Threshold": t.decimals(threshold, 3)}
        for label, threshold in zip(manifest["labels"], manifest["thresholds"], strict=True)
    ]
    return t.table(rows, left=("Label",))


def score_table(facts: Facts) -> Markdown:
    """List the scores on the test texts, which `facts` must have, with their intervals."""
    measured = facts.measured
    assert measured is not None
    rows = [
        {"Score": name, "%": t.percent(value), "95 % interval": t.interval(*ends)}
        for name, value, ends in (
            (accuracy_name(facts), measured.scores.accuracy, measured.accuracy),
            ("Macro F1", measured.scores.macro_f1, measured.macro_f1),
            *((SEVERAL[name], *score) for name, score in measured.several.items()),
        )
    ]
    return t.table(rows, left=("Score",))


def label_table(facts: Facts) -> Markdown:
    """List each label's scores on the test texts, which `facts` must have."""
    assert facts.measured is not None
    rows = [
        {
            "Label": label,
            "Precision %": t.percent(values["precision"]),
            "Recall %": t.percent(values["recall"]),
            "F1 %": t.percent(values["f1"]),
            "Test texts": t.count(values["support"]),
        }
        for label, values in facts.measured.scores.per_class.items()
    ]
    return t.table(rows, left=("Label",))


def data_view(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the card prints of a data card: source, split, and the texts per label."""
    rows = [
        {"Label": label} | {part: t.count(data["counts"][part][label]) for part in PARTS}
        for label in data["labels"]
    ]
    total = {"Label": "all"} | {part: t.count(data["texts"][part]) for part in PARTS}
    return {
        "title": data["title"],
        "licence": t.link(data["licence"] or "not stated", data["licence_url"]),
        "citation": data["citation"] or "not stated",
        "split": split_phrase(data),
        "counts": t.table([*rows, total], left=("Label",)),
    }


def licence_table(licences: list[Stated]) -> Markdown:
    """List licences, what each applies to, and what it asks for."""
    rows = [
        {
            "Of": one.of,
            "Licence": t.link(one.known.name if one.known else one.text, one.url or _text(one)),
            "What it asks for": one.known.asks if one.known else ASK_THE_OWNER,
        }
        for one in licences
    ]
    return t.table(rows, left=("Of", "Licence", "What it asks for"))


def _text(stated: Stated) -> str:
    return stated.known.url if stated.known else ""
