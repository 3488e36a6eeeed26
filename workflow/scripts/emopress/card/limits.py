"""Says what a model cannot do and what its scores do not show."""

from emopress.card.facts import Facts
from emopress.data.languages import language_name, primary_language
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

NEUTRAL = ("neutral", "none", "no emotion", "other", "others")
IMBALANCED = 2.0  # largest over smallest share of a label among the training texts


def language_of(facts: Facts) -> Markdown:
    """Return the language's name, its tag where the name is not known here."""
    code = facts.bundle.facts["language"]
    return t.escape(language_name(code or "") or "unknown language")


def limits(facts: Facts) -> list[Markdown]:
    """Return the limits of a model, a sentence or two of Markdown each."""
    manifest, data = facts.bundle.facts, facts.data
    title = t.escape(data["title"]) if data else Markdown("its training data")
    found = [
        Markdown(
            f"Language: {language_of(facts)}. Texts in another language or script get a label too, "
            "and it means nothing."
        ),
        Markdown(
            f"Domain: it was trained and tested on texts like those of {title}. How good it is on "
            "texts from elsewhere is not known; measure it on your own texts first "
            "(`python -m emopress compare`)."
        ),
    ]
    if manifest["runtime"] != "linear":
        words = ""
        if data:
            # Of texts without white space (Chinese, Thai) words say nothing.
            unit = "words" if data["lengths"]["words"]["median"] > 1 else "characters"
            most = t.count(data["lengths"][unit]["median"])
            words = f" (of its data, half the texts have at most {most} {unit})"
        unit = "words" if manifest["runtime"] == "dense" else "tokens"
        cut = ""
        if facts.cut:
            longer = facts.cut["cut"]["test"] / facts.cut["texts"]["test"]
            cut = f"; {t.share(longer)} of the test texts are longer and were cut"
        found.append(
            Markdown(
                f"Length: it reads the first {t.count(manifest['max_length'])} {unit} of a text"
                f"{words} and ignores the rest{cut}."
            )
        )
    several = bool(manifest.get("thresholds"))
    mixed = "Irony and quotations" if several else "Irony, quotations and mixed feelings"
    single = "labelled like any other text" if several else "single labels here"
    found.append(
        Markdown(
            "Meaning: a label is what an annotator read out of a text, not what its author felt. "
            f"{mixed} are {single}. Do not judge a person, their health or their intentions by it."
        )
    )
    if several:
        found.append(
            Markdown(
                "A text gets no label where no probability reaches its threshold. The thresholds suit texts "
                "that have each label as often as those of validation; tune them on your own texts."
            )
        )
    elif not any(str(label).lower() in NEUTRAL for label in manifest["labels"]):
        english = primary_language(manifest["language"] or "") == "en"
        why = ": there is no label for that" if english else ", unless one of them stands for none"
        found.append(
            Markdown(
                f"Every text gets exactly one of the labels, one without any emotion too{why}."
            )
        )
    if not several:
        found.append(
            Markdown(
                "The probabilities are the model's own and may be too sure of themselves; choose a "
                "threshold on your own texts."
            )
        )
    if data:
        found += _of_data(facts)
    if facts.measured and facts.measured.never:
        labels = t.join([t.code(label) for label in facts.measured.never])
        found.append(Markdown(f"**It gave no test text these labels: {labels}.**"))
    if manifest.get("simulated"):
        found.append(
            Markdown(
                "Simulated: its arithmetic is that of its last pass, but the file stores and "
                "computes more; neither size nor speed is what that pass promises."
            )
        )
    return found


def _of_data(facts: Facts) -> list[Markdown]:
    data = facts.data or {}
    shares = data["label_shares"]["train"]
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    text = (
        f"Labels: of the training texts {t.share(shares[most])} are {t.code(most)} and "
        f"{t.share(shares[least])} {t.code(least)}"
    )
    if shares[most] > IMBALANCED * shares[least]:
        text += "; expect it to miss rare labels more often than its scores over all texts suggest"
    found = [Markdown(text + ".")]
    absent = [label for label, count in data["counts"]["test"].items() if not count]
    if facts.measured and absent:
        labels, them = t.join([t.code(one) for one in absent]), "them" if len(absent) > 1 else "it"
        found.append(
            Markdown(
                f"No test text has the label {labels}: nothing is known of {them}, and macro F1 counts "
                f"{them} as 0."
            )
        )
    leaked = data["leakage"]["letters_only"]["test_in_train_or_validation"]
    if facts.measured and leaked:
        found.append(
            Markdown(
                f"{t.count(leaked)} of the {t.count(data['texts']['test'])} test texts stand in "
                "train or validation too (by letters only); the scores may be too good by that."
            )
        )
    return found
