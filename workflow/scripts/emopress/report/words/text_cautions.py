"""Cautions about the texts behind a score: too few, shared by splits, without some label, cut off."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.measure.deciding import FEW_TEXTS, Judge, Metric
from emopress.report.words import markup as t
from emopress.tasks import MULTI

MANY_WORDS = 0.5  # share of the words with a vector: below it the answer warns
MANY_CUT = 0.05  # share of the texts of a split that are cut: above it the answer warns
LISTED = 3  # so many variants are named in a sentence
SPLITS = ("train", "validation", "test")


def text_cautions(
    variant: str,
    texts: Mapping[str, Any],
    variants: Mapping[str, Any],
    *,
    judge: Judge,
) -> list[str]:
    """Return cautions about the texts behind a variant's scores, a sentence or two each.

    `texts` and `variants` are those of results/statistics/<data set>.json (`measure.text_facts`).
    """
    return [
        *_few(texts["n"], judge.metric),
        *_shared(variant, texts, judge.metric, len(variants[variant]["class_f1"])),
        *_without(variant, texts, variants[variant]["class_f1"], several=judge.task == MULTI),
        *_cut(variant, texts["cut"]),
    ]


def _few(n: Mapping[str, int], metric: Metric) -> list[str]:
    """Say that there are few test texts."""
    if n["test"] >= FEW_TEXTS:
        return []
    sentence = f"There are only {t.count(n['test'])} test texts"
    if metric.column == "accuracy":
        sentence += f" (each is worth {100 / n['test']:.1f} points of {metric.name})"
    if n["validation"] < FEW_TEXTS:
        sentence += (
            f" and {t.count(n['validation'])} validation texts, on which variants were chosen"
        )
    return [f"{sentence}, so small differences may be due to chance."]


def _shared(variant: str, texts: Mapping[str, Any], metric: Metric, labels: int) -> list[str]:
    """Say how many texts occur in two splits, and what the variant scores on those and on the others.

    `labels` is the number of labels.
    """
    letters, exact, n = texts["shared"]["letters"], texts["shared"]["exact"], texts["n"]
    known, sentences = letters["test_in_train_or_validation"], []
    if known:
        sentences.append(
            f"{_part(known, n['test'], 'test texts')} also {_occur(known)} in train or validation if only letters are "
            f"compared ({t.count(letters['test_in_train'])} in train, {t.count(letters['test_in_validation'])} in "
            f"validation; {t.count(exact['test_in_train_or_validation'])} match in every character, as models "
            "read them). "
            f"{_scores_on_both(variant, texts, known, metric, labels)}"
        )
    again = letters["validation_in_train"]
    if again:
        sentences.append(
            f"{_part(again, n['validation'], 'validation texts')} also {_occur(again)} in train if only letters are "
            "compared: choices made on validation rely in part on texts that were trained on."
        )
    return sentences


def _scores_on_both(
    variant: str, texts: Mapping[str, Any], known: int, metric: Metric, labels: int
) -> str:
    leaked, others = texts["leaked"], texts["n"]["test"] - known
    if not leaked:
        return "So it is not known how good the model is on texts that it has not seen."
    column, name = metric.column, metric.name
    on_known, on_others = leaked["variants"][variant][column]
    scores = (
        f"{t.code(variant)} has {t.percent(on_known)} % {name} on these (n = {t.count(known)}) and "
        f"{t.percent(on_others)} % on the others (n = {t.count(others)})"
    )
    if column == "macro_f1" and leaked["labels"] < labels:  # with fewer labels it is another score
        several = leaked["labels"] != 1
        of_all = t.percent(leaked["variants"][variant]["macro_f1_of_all"][1])
        return (
            f"{scores}, over the {t.count(leaked['labels'])} label{'s' * several} that both have. Over all "
            f"{t.count(labels)} labels it has {of_all} % on the others: expect that on new texts."
        )
    return f"{scores}: expect the latter on new texts."


def _without(
    variant: str, texts: Mapping[str, Any], class_f1: Mapping[str, Any], *, several: bool
) -> list[str]:
    """Say which labels no text of test or validation has, and how that affects the scores."""
    sentences, without = [], texts["without"]
    absent = without["test"]
    if absent:
        left = [f1["mean"] for label, f1 in class_f1.items() if label not in absent]
        counted = sum(left) / len(class_f1)
        sentences.append(
            f"No test text has {_labels(absent)}: nothing is known about {_them(absent)}, and macro F1 counts "
            f"{_them(absent)} as 0. Over the other {t.count(len(left))} labels {t.code(variant)} has a macro F1 "
            f"of {t.percent(sum(left) / len(left))} %, with {_them(absent)} {t.percent(counted)} %."
        )
    absent = without["validation"]
    if absent:
        thresholds = "their thresholds" if len(absent) > 1 else "its threshold"
        untuned = f", and {thresholds} could not be tuned" if several else ""
        sentences.append(
            f"No validation text has {_labels(absent)}: epochs and variants were chosen without "
            f"{_them(absent)}{untuned}."
        )
    return sentences


def _cut(variant: str, cut: Mapping[str, Any]) -> list[str]:
    """Say how many texts the variant cuts off or, if it cuts off few, how many other variants do."""
    if _largest(cut[variant]) > MANY_CUT:
        more = " (a larger max_length would help)" if cut[variant]["unit"] == "tokens" else ""
        return [f"{_share_cut(cut[variant])}: {t.code(variant)} does not read their ends{more}."]
    names = [name for name, one in cut.items() if _largest(one) > MANY_CUT]
    if not names:
        return []
    names.sort(key=lambda name: -_largest(cut[name]))  # equal shares stay in the order of recipes
    worst = cut[names[0]]
    alike = all(cut[name] == worst for name in names)
    listed = t.join([t.code(name) for name in names[:LISTED]])
    more = f" and {t.count(len(names) - LISTED)} more" if len(names) > LISTED else ""
    read = "reads all of them whole" if _largest(cut[variant]) == 0 else "reads more of them"
    return [
        f"It is compared with {listed}{more}, for which {'' if alike else 'up to '}{_share_cut(worst)}; "
        f"{t.code(variant)} {read}."
    ]


def few_vectors(seeds: Mapping[str, Any]) -> list[str]:
    """Say that a file of word vectors lacks many words of the training texts; `seeds`: seed -> details."""
    shares = [
        findings["words_in_the_file_share"]
        for seed in seeds.values()
        for findings in seed.get("findings", {}).values()
        if "words_in_the_file_share" in findings
    ]
    if not shares or min(shares) >= MANY_WORDS:
        return []
    return [
        f"Its file of word vectors has only {t.share(min(shares))} of the words of the training texts: the file may be "
        "for another language or spelling."
    ]


def _share_cut(facts: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{split} {t.share(facts['shares'][split])}" for split in SPLITS)
    return (
        f"{t.share(_largest(facts))} of the texts are longer than max_length ({facts['max_length']} "
        f"{facts['unit']}) and were cut off ({shares})"
    )


def _largest(facts: Mapping[str, Any]) -> float:
    return max(facts["shares"].values())


def _part(some: int, of_all: int, what: str) -> str:
    return f"{t.count(some)} of the {t.count(of_all)} {what} ({t.share(some / of_all)})"


def _occur(texts: int) -> str:
    return "occurs" if texts == 1 else "occur"


def _labels(labels: Sequence[str]) -> str:
    return f"the label{'s' if len(labels) > 1 else ''} {t.join([t.code(one) for one in labels])}"


def _them(labels: Sequence[str]) -> str:
    return "them" if len(labels) > 1 else "it"
