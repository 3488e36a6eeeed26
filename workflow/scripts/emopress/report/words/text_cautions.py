"""What a reader must know of the texts that a score was made on: few, shared by splits, without a label, cut."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.measure.deciding import FEW_TEXTS, Judge, Metric
from emopress.report.words import markup as t
from emopress.tasks import MULTI

MANY_WORDS = 0.5  # a smaller share of the words with a vector is told in the answer
MANY_CUT = 0.05  # a larger share of a split's texts is told in the answer
LISTED = 3  # variants that a sentence names
SPLITS = ("train", "validation", "test")


def text_cautions(
    variant: str,
    texts: Mapping[str, Any],
    variants: Mapping[str, Any],
    *,
    judge: Judge,
) -> list[str]:
    """Return what a user must know of the texts before trusting a variant's scores, a sentence or two each.

    `texts` and `variants` are those of results/statistics/<data set>.json (`measure.text_facts`);
    `judge`: what decides.
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
    told = f"There are only {t.count(n['test'])} test texts"
    if metric.column == "accuracy":
        told += f", each of them {100 / n['test']:.1f} points of {metric.name}"
    if n["validation"] < FEW_TEXTS:
        told += f", and {t.count(n['validation'])} validation texts, on which variants were chosen"
    return [f"{told}: small differences are chance."]


def _shared(variant: str, texts: Mapping[str, Any], metric: Metric, labels: int) -> list[str]:
    """Say how many texts stand in two splits, and what the variant scores on those and on the others.

    `labels`: how many there are.
    """
    letters, exact, n = texts["shared"]["letters"], texts["shared"]["exact"], texts["n"]
    known, found = letters["test_in_train_or_validation"], []
    if known:
        found.append(
            f"{_part(known, n['test'], 'test texts')} {_stand(known)} in train or validation too, by their letters "
            f"({t.count(letters['test_in_train'])} in train, {t.count(letters['test_in_validation'])} in "
            f"validation; {t.count(exact['test_in_train_or_validation'])} alike in every character, as models "
            "read them). "
            f"{_scores_on_both(variant, texts, known, metric, labels)}"
        )
    again = letters["validation_in_train"]
    if again:
        found.append(
            f"{_part(again, n['validation'], 'validation texts')} {_stand(again)} in train too, by their letters: "
            "what was chosen on validation leans on texts that were trained on."
        )
    return found


def _scores_on_both(
    variant: str, texts: Mapping[str, Any], known: int, metric: Metric, labels: int
) -> str:
    leaked, others = texts["leaked"], texts["n"]["test"] - known
    if not leaked:
        return "So nothing tells how good the model is on texts that it has not seen."
    column, name = metric.column, metric.name
    on_known, on_others = leaked["variants"][variant][column]
    told = (
        f"{t.code(variant)} has {t.percent(on_known)} % {name} on these (n = {t.count(known)}) and "
        f"{t.percent(on_others)} % on the others (n = {t.count(others)})"
    )
    if column == "macro_f1" and leaked["labels"] < labels:  # of fewer labels it is another number
        several = leaked["labels"] != 1
        of_all = t.percent(leaked["variants"][variant]["macro_f1_of_all"][1])
        return (
            f"{told}, over the {t.count(leaked['labels'])} label{'s' * several} that both have. Over all "
            f"{t.count(labels)} labels it has {of_all} % on the others: that is what to expect on new texts."
        )
    return f"{told}: the latter is what to expect on new texts."


def _without(
    variant: str, texts: Mapping[str, Any], class_f1: Mapping[str, Any], *, several: bool
) -> list[str]:
    """Say which labels no text of test or validation has, and what that does to the scores."""
    found, without = [], texts["without"]
    absent = without["test"]
    if absent:
        left = [one["mean"] for label, one in class_f1.items() if label not in absent]
        counted = sum(left) / len(class_f1)
        found.append(
            f"No test text has {_labels(absent)}: nothing is known of {_them(absent)}, and macro F1 counts "
            f"{_them(absent)} as 0. Over the other {t.count(len(left))} labels {t.code(variant)} has a macro F1 "
            f"of {t.percent(sum(left) / len(left))} %, with {_them(absent)} {t.percent(counted)} %."
        )
    absent = without["validation"]
    if absent:
        its = "their" if len(absent) > 1 else "its"
        untuned = f", and there was nothing to tune {its} threshold on" if several else ""
        found.append(
            f"No validation text has {_labels(absent)}: epochs and variants were chosen without "
            f"{_them(absent)}{untuned}."
        )
    return found


def _cut(variant: str, cut: Mapping[str, Any]) -> list[str]:
    """Say how many texts are longer than the variant reads, or, where it reads enough, than others do."""
    if _largest(cut[variant]) > MANY_CUT:
        more = "; a larger max_length would let it" if cut[variant]["unit"] == "tokens" else ""
        return [f"{_told_cut(cut[variant])}: {t.code(variant)} does not read their ends{more}."]
    names = [name for name, one in cut.items() if _largest(one) > MANY_CUT]
    if not names:
        return []
    names.sort(key=lambda name: -_largest(cut[name]))  # of equal shares in the order of recipes
    worst = cut[names[0]]
    alike = all(cut[name] == worst for name in names)
    listed = t.join([t.code(name) for name in names[:LISTED]])
    more = f" and {t.count(len(names) - LISTED)} more" if len(names) > LISTED else ""
    read = "reads them whole" if _largest(cut[variant]) == 0 else "reads more of them"
    return [
        f"For {listed}{more}, with which {t.code(variant)} is compared, "
        f"{'' if alike else 'up to '}{_told_cut(worst)}; {t.code(variant)} {read}."
    ]


def few_vectors(seeds: Mapping[str, Any]) -> list[str]:
    """Say that a file of word vectors has few of the training texts' words; `seeds`: seed -> details."""
    shares = [
        found["words_in_the_file_share"]
        for seed in seeds.values()
        for found in seed.get("findings", {}).values()
        if "words_in_the_file_share" in found
    ]
    if not shares or min(shares) >= MANY_WORDS:
        return []
    return [
        f"Only {t.share(min(shares))} of the words of the training texts have a vector in its file of vectors: it may "
        "be of another language or spelling."
    ]


def _told_cut(one: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{split} {t.share(one['shares'][split])}" for split in SPLITS)
    return (
        f"{t.share(_largest(one))} of the texts are longer than max_length {one['max_length']} "
        f"{one['unit']} and were cut ({shares})"
    )


def _largest(one: Mapping[str, Any]) -> float:
    return max(one["shares"].values())


def _part(some: int, of_all: int, what: str) -> str:
    return f"{t.count(some)} of the {t.count(of_all)} {what} ({t.share(some / of_all)})"


def _stand(texts: int) -> str:
    return "stands" if texts == 1 else "stand"


def _labels(labels: Sequence[str]) -> str:
    return f"the label{'s' if len(labels) > 1 else ''} {t.join([t.code(one) for one in labels])}"


def _them(labels: Sequence[str]) -> str:
    return "them" if len(labels) > 1 else "it"


def cut_rows(cut: Mapping[str, Any]) -> list[dict[str, object]]:
    """Return a row per way of reading texts for the data card: what is read, whose, what share was cut.

    Variants with the same limit and the same shares (they share a tokenizer) stand in one row.
    """
    groups: dict[tuple[Any, ...], list[str]] = {}
    for variant, one in cut.items():
        key = (one["max_length"], one["unit"], *(one["shares"][split] for split in SPLITS))
        groups.setdefault(key, []).append(variant)
    return [
        {
            "Reads at most": "the whole text" if limit is None else f"{t.count(limit)} {unit}",
            "Variants": t.join([t.code(name) for name in names]),
            **{split: t.share(share) for split, share in zip(SPLITS, shares, strict=True)},
        }
        for (limit, unit, *shares), names in groups.items()
    ]
