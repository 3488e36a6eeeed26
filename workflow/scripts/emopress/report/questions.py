"""Generative or discriminative LSTM? The report's answers, each from an interval, and what was published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emopress.report import tables as t
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

PAPER = Markdown(
    "[Rahaman, Chang, Haque, Das 2025](https://arxiv.org/abs/2507.09687), “Post-training quantization of "
    "generative and discriminative LSTM text classifiers: a study of calibration, class balance, and robustness”"
)
YES, NO, UNTOLD, NO_LEAD = "yes", "no", "the data do not tell", "it has no lead to lose"
ASKED = (4, 3)  # bits
SCORE = "macro_f1"  # of a contrast, what is decided by; accuracy stands in the statistics file
FIRST = "generative"  # kind; every difference is its loss less the other's
SECOND = "discriminative"
Contrast = Mapping[str, float]


@dataclass(frozen=True)
class Answer:
    """A question, what the data say to it, in what words, and what was published."""

    question: str
    verdict: str
    words: Markdown
    published: str

    @property
    def agreement(self) -> str:
        """Whether this agrees with the publication, whose answer is yes to every question."""
        if self.verdict == YES:
            return f"This agrees with the publication: {self.published}."
        if self.verdict in (NO, NO_LEAD):
            return f"This disagrees with the publication: {self.published}."
        return f"Neither for nor against the publication: {self.published}."

    @property
    def line(self) -> Markdown:
        """The answer as one line of Markdown."""
        first = self.verdict[0].upper() + self.verdict[1:]
        return Markdown(
            f"**{t.escape(self.question)}** {t.escape(first)}: {self.words} {t.escape(self.agreement)}"
        )


def above_zero(found: Contrast) -> str:
    """Say whether a number is above 0, from its 95 % interval: yes, no (below) or not to be told."""
    if found["low"] > 0:
        return YES
    return NO if found["high"] < 0 else UNTOLD


def more_robust(difference: Contrast) -> str:
    """Say whether the generative model loses less to noise, from its loss less the other's."""
    return {YES: NO, NO: YES, UNTOLD: UNTOLD}[above_zero(difference)]


def loses_lead(fp32: Contrast, quantized: Contrast, change: Contrast) -> str:
    """Say whether the generative model's lead under noise shrinks with few bits.

    fp32, quantized: its loss to noise less the other's; change: the second less the first. Without a
    lead in fp32 there is none to lose. A lead that is still there, without a change shown, is not lost.
    """
    if more_robust(fp32) != YES:
        return NO_LEAD if more_robust(fp32) == NO else UNTOLD
    if above_zero(change) == YES:
        return YES
    return NO if NO in (above_zero(change), above_zero(quantized)) else UNTOLD


def hurts_generative_alone(
    generative: Contrast, discriminative: Contrast, difference: Contrast
) -> str:
    """Say whether unconditional calibration hurts the generative model and not the discriminative one.

    Each is what conditional calibration gains a model; difference: the first less the second. Yes if the
    generative model gains, and more than the other, which is not shown to gain. No if the generative model
    loses, gains less than the other, or if both are shown to gain.
    """
    if NO in (above_zero(generative), above_zero(difference)):
        return NO
    if above_zero(generative) == YES and above_zero(discriminative) == YES:
        return NO
    both = above_zero(generative) == YES and above_zero(difference) == YES
    return YES if both else UNTOLD


def answers(questions: Mapping[str, Any]) -> list[Answer]:
    """Answer what the statistics of a data set, `measure.questions.questions`, have numbers for."""
    found = []
    fp32 = next((entry for entry in questions["noise"] if entry["step"] is None), None)
    if fp32:
        found.append(_in_fp32(fp32))
        for bits in ASKED:
            entry = preferred(questions["noise"], bits)
            if entry:
                found.append(_with_few_bits(fp32, entry, bits))
    for bits in ASKED:
        entry = preferred(questions["bits"], bits)
        if entry:
            found.append(_sensitive(entry, bits))
    for bits in ASKED:
        entry = preferred(questions["calibration"], bits)
        if entry:
            found.append(_calibrated(entry, bits))
    return found


def preferred(entries: Sequence[Mapping[str, Any]], bits: int) -> Mapping[str, Any] | None:
    """Return the entry of a pass of so many bits that answers for all: path-following, conditional, most texts."""
    own = [entry for entry in entries if entry["step"] and entry["step"]["bits"] == bits]

    def rank(entry: Mapping[str, Any]) -> tuple[bool, bool, int]:
        calibration = entry["step"]["calibration"]
        return (
            entry["step"]["method"] == "gpfq",
            bool(calibration["balanced"]),
            calibration["texts"],
        )

    return max(own, key=rank, default=None)


def told(found: Contrast) -> Markdown:
    """Write a difference in points and its interval: −1.20 points (95 % −2.0 to −0.4)."""
    interval = t.points_interval(found["low"], found["high"])
    return Markdown(f"{t.points(found['value'])} points (95 % {interval})")


def _in_fp32(entry: Mapping[str, Any]) -> Answer:
    difference = entry["mean"]["difference"][SCORE]
    shares = t.join([Markdown(f"{100 * share['noise']:g}") for share in entry["shares"]])
    return Answer(
        "In fp32, is the generative model more robust to noise?",
        more_robust(difference),
        Markdown(
            f"in the mean over {shares} % of changed characters its loss of macro F1 differs from the "
            f"discriminative model's by {told(difference)}."
        ),
        "generative classifiers are known to be robust to noisy data",
    )


def _with_few_bits(fp32: Mapping[str, Any], entry: Mapping[str, Any], bits: int) -> Answer:
    change = entry["more_than_fp32"][SCORE]
    difference = entry["mean"]["difference"][SCORE]
    return Answer(
        f"Does it lose that in {bits} bits?",
        loses_lead(fp32["mean"]["difference"][SCORE], difference, change),
        Markdown(
            f"with {t.code(entry['step']['name'])} its loss to noise differs from the discriminative model's "
            f"by {told(difference)}, which is {told(change)} more than in fp32."
        ),
        "generative classifiers are more sensitive to noise during quantized inference",
    )


def _sensitive(entry: Mapping[str, Any], bits: int) -> Answer:
    difference = entry["difference"][SCORE]
    return Answer(
        f"Is it more sensitive to {bits} bits, on clean texts?",
        above_zero(difference),
        Markdown(
            f"{t.code(entry['step']['name'])} costs it {told(entry[FIRST][SCORE])} of macro F1, the "
            f"discriminative model {told(entry[SECOND][SCORE])}; difference {told(difference)}."
        ),
        "generative classifiers are more sensitive to the number of bits",
    )


def _calibrated(entry: Mapping[str, Any], bits: int) -> Answer:
    generative, discriminative, difference = (
        entry[side][SCORE] for side in (FIRST, SECOND, "difference")
    )
    return Answer(
        f"In {bits} bits, does class-unconditional calibration hurt the generative model and not the "
        "discriminative one?",
        hurts_generative_alone(generative, discriminative, difference),
        Markdown(
            f"class-conditional texts ({t.code(entry['step']['name'])} against "
            f"{t.code(entry['unconditional']['step']['name'])}) change the macro F1 of the generative model by "
            f"{told(generative)}, of the discriminative one by {told(discriminative)}; "
            f"difference of differences {told(difference)}."
        ),
        "class imbalance in calibration data degrades generative classifiers in few bits",
    )


def noise_table(questions: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown | None:
    """Write by how much more macro F1 the generative model loses to noise, per pass; None without noise."""
    rows = []
    for pair in questions["noise"]:
        row = {"Pass": _pass(pair)}
        for share in pair["shares"]:
            row[f"{100 * share['noise']:g} %"] = _cell(share["difference"])
        row["Mean"] = _cell(pair["mean"]["difference"])
        change = pair["more_than_fp32"]
        row["More than in fp32"] = _cell(change) if change else Markdown(t.EMPTY)
        rows.append(row)
    left = ("Pass",)
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def bits_table(questions: Mapping[str, Any], entry: Mapping[str, Any]) -> Markdown | None:
    """Write what each pass costs either kind on clean texts, in points of macro F1; None without passes."""
    rows = [
        {
            "Pass": _pass(pair),
            "Rounding": Markdown(pair["step"]["method"]),
            "Bits": t.count(pair["step"]["bits"]),
            "Calibration": Markdown(_sample(pair["step"]["calibration"])),
            "Generative": _cell(pair[FIRST]),
            "Discriminative": _cell(pair[SECOND]),
            "Difference": _cell(pair["difference"]),
        }
        for pair in questions["bits"]
    ]
    left = ("Pass", "Rounding", "Calibration")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def cost_table(
    details: Mapping[str, Any], variants: Sequence[str], entry: Mapping[str, Any]
) -> Markdown | None:
    """Write the cross-entropy of the test texts' tokens of each generative variant; None without one.

    `details`: variant -> seed -> entry. Of several seeds it is the first.
    """
    rows = []
    for variant in variants:
        seed = next(iter(details[variant].values()))
        for part in seed.get("cross_entropy", {}).get("parts", []):
            if part["split"] != "test":
                continue
            quantiles = part["quantiles"]
            rows.append(
                {
                    "Variant": t.code(variant),
                    "Noise": Markdown(f"{100 * part['noise']:g} %"),
                    "Mean": t.decimals(part["mean"]),
                    **{f"{q} %": t.decimals(quantiles[q]) for q in quantiles},
                }
            )
    left = ("Variant",)
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def _pass(pair: Mapping[str, Any]) -> Markdown:
    return t.code(pair["step"]["name"]) if pair["step"] else Markdown("none (fp32)")


def _sample(calibration: Mapping[str, Any]) -> str:
    kind = "conditional" if calibration["balanced"] else "unconditional"
    return f"{calibration['texts']} texts, class-{kind}"


def _cell(found: Mapping[str, Contrast]) -> Markdown:
    contrast = found[SCORE]
    return Markdown(
        f"{t.points(contrast['value'])} ({t.points_interval(contrast['low'], contrast['high'])})"
    )


def section(
    statistics: Mapping[str, Any],
    details: Mapping[str, Any],
    variants: Sequence[str],
    entry: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the section of a data set, None where it has no LSTM of both kinds."""
    found = statistics.get("questions")
    if found is None:
        return None
    return {
        "paper": PAPER,
        "answers": [answer.line for answer in answers(found)],
        "noise_table": noise_table(found, entry),
        "bits_table": bits_table(found, entry),
        "cost_table": cost_table(details, variants, entry),
    }
