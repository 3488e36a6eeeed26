"""Says what a model cannot do and what its scores do not show."""

from emopress.card.facts import Facts
from emopress.data.languages import language_name, primary_language
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

NEUTRAL = ("neutral", "none", "no emotion", "other", "others")
IMBALANCED = 2.0  # ratio of the largest to the smallest share of a label in the training texts


def language_of(facts: Facts) -> Markdown:
    """Return the name of the language, or its tag if the name is not known here."""
    code = facts.bundle.facts["language"]
    return t.escape(language_name(code or "") or "unknown language")


def limitations(facts: Facts) -> list[Markdown]:
    """Return the limitations of a model, a sentence or two of Markdown each."""
    manifest, data = facts.bundle.facts, facts.data
    several = bool(manifest.get("thresholds"))
    lines = [
        f"Language: {language_of(facts)}. Texts in another language or script get a label too, "
        "but it means nothing.",
        f"Domain: it was trained and tested on texts like those of "
        f"{t.escape(data['title']) if data else 'its training data'}. How good it is on other texts is not known; "
        "measure it on your own texts first (`python -m emopress compare`).",
    ]
    if manifest["runtime"] != "linear":
        lines.append(_length(facts))
    mixed = "Irony and quotations" if several else "Irony, quotations and mixed feelings"
    single = "labelled like any other text" if several else "given a single label"
    lines.append(
        "Meaning: a label is what an annotator read in a text, not what its author felt. "
        f"{mixed} are {single}. Do not judge a person, their health or their intentions by it."
    )
    if several:
        lines.append(
            "A text gets no label if no probability reaches its threshold. The thresholds suit texts whose labels "
            "are as frequent as in the validation texts; tune them on your own texts."
        )
    else:
        if not any(str(label).lower() in NEUTRAL for label in manifest["labels"]):
            english = primary_language(manifest["language"] or "") == "en"
            why = ": there is no label for that" if english else ", unless a label stands for that"
            lines.append(
                f"Every text gets exactly one of the labels, even one without any emotion{why}."
            )
        lines.append(
            "The probabilities are those of the model and may be overconfident; choose a threshold on your own texts."
        )
    if data:
        lines += _of_data(facts)
    if facts.measured and facts.measured.never:
        labels = t.join([t.code(label) for label in facts.measured.never])
        lines.append(f"**It gave no test text these labels: {labels}.**")
    if manifest.get("simulated"):
        lines.append(
            "Simulated: it computes as its last pass would, but the file stores and computes more; neither its size "
            "nor its speed is that of the pass."
        )
    return [Markdown(line) for line in lines]


def _length(facts: Facts) -> str:
    """Say how much of a text the model reads."""
    manifest, data, cut = facts.bundle.facts, facts.data, facts.cut
    median = longer = ""
    if data:
        # In texts without white space (Chinese, Thai) the number of words means nothing.
        unit = "words" if data["lengths"]["words"]["median"] > 1 else "characters"
        most = t.count(data["lengths"][unit]["median"])
        median = f" (half the texts of its data have at most {most} {unit})"
    if cut:
        share = t.share(cut["cut"]["test"] / cut["texts"]["test"])
        longer = f"; {share} of the test texts are longer and were cut off"
    unit = "words" if manifest["runtime"] == "dense" else "tokens"
    return (
        f"Length: it reads the first {t.count(manifest['max_length'])} {unit} of a text{median} and ignores the "
        f"rest{longer}."
    )


def _of_data(facts: Facts) -> list[str]:
    """Say what the labels and the splits of the data imply."""
    data = facts.data or {}
    shares = data["label_shares"]["train"]
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    text = (
        f"Labels: {t.share(shares[most])} of the training texts are {t.code(most)} and "
        f"{t.share(shares[least])} are {t.code(least)}"
    )
    if shares[most] > IMBALANCED * shares[least]:
        text += "; expect it to miss rare labels more often than its overall scores suggest"
    lines = [f"{text}."]
    absent = [label for label, count in data["counts"]["test"].items() if not count]
    if facts.measured and absent:
        labels, them = t.join([t.code(one) for one in absent]), "them" if len(absent) > 1 else "it"
        lines.append(
            f"No test text has the label {labels}: nothing is known about {them}, and macro F1 counts {them} as 0."
        )
    leaked = data["leakage"]["letters_only"]["test_in_train_or_validation"]
    if facts.measured and leaked:
        lines.append(
            f"{t.count(leaked)} of the {t.count(data['texts']['test'])} test texts also occur in train or validation "
            "(comparing letters only), so the scores may be too high."
        )
    return lines
