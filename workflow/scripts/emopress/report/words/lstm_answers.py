"""Generative or discriminative LSTM? The report's answers, each from a contrast, beside the published claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emopress.measure.questions import COLLAPSED
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.report.words.verdicts import (
    ASKED,
    FIRST,
    NO,
    SECOND,
    UNKNOWN,
    YES,
    Contrast,
    above_zero,
    hurts_more,
    loses_lead,
    more_robust,
    negative,
    preferred,
)

PAPER = Markdown(
    "[Rahaman, Chang, Haque, Das 2025](https://arxiv.org/abs/2507.09687), “Post-training quantization of "
    "generative and discriminative LSTM text classifiers: a study of calibration, class balance, and robustness”"
)
SCORE = "macro_f1"  # the contrast that decides; that of accuracy is in the statistics file
OTHER = "the discriminative model"
RULES = Markdown(
    "Points are points of macro F1. A contrast is shown if its 95 % interval excludes zero and it has the "
    "same sign for every training seed. The intervals come from the paired bootstrap over test texts (mean "
    "over seeds within each resample): they cover other texts, but not other training runs or calibration "
    "texts (the values by seed give an idea of these), and they are not corrected for the number of "
    "questions. An answer is “yes” or “no” if its contrast is shown. A lead in fp32 is called smaller if a "
    "change from fp32 is shown and a lead still is, and gone if no lead is shown any more; the answer is “no” "
    "if the lead is shown to grow, or is still shown without a change. Calibration hurts the generative model "
    "more if both its own loss and the difference are shown. “Collapsed” means that the clean macro F1 of a "
    f"model is below {100 * COLLAPSED:g} % of its own in fp32, so that it has little left to lose to noise. "
    "Whether a result agrees with the publication is decided by one contrast for the published claim alone, "
    "whatever the answer."
)


@dataclass(frozen=True)
class Answer:
    """A question, its answer (`verdict`, explained in `words`), and what was published.

    claim: the contrast that is above 0 if the published claim holds; None where it would mean nothing.
    """

    question: str
    verdict: str
    words: Markdown
    published: str
    claim: Contrast | None

    @property
    def agreement(self) -> str:
        """Whether the claim's own contrast agrees with the publication."""
        start = {
            YES: "This agrees with the publication",
            NO: "This disagrees with the publication",
            UNKNOWN: "This neither supports nor contradicts the publication",
        }[UNKNOWN if self.claim is None else above_zero(self.claim)]
        return f"{start}: {self.published}."

    @property
    def line(self) -> Markdown:
        """The answer as one line of Markdown."""
        first = self.verdict[0].upper() + self.verdict[1:]
        return Markdown(
            f"**{t.escape(self.question)}** {t.escape(first)}: {self.words} {t.escape(self.agreement)}"
        )


def answers(questions: Mapping[str, Any]) -> list[Answer]:
    """Answer each question for which a data set's statistics (`measure.questions.questions`) have numbers."""
    answered = []
    fp32 = next((entry for entry in questions["noise"] if entry["step"] is None), None)
    if fp32:
        answered.append(_in_fp32(fp32))
        for bits in ASKED:
            entry = preferred(questions["noise"], bits)
            if entry:
                answered.append(_with_few_bits(fp32, entry, questions["levels"], bits))
    for bits in ASKED:
        entry = preferred(questions["bits"], bits)
        if entry:
            answered.append(_sensitive(entry, bits))
    for bits in ASKED:
        entry = preferred(questions["calibration"], bits)
        if entry:
            answered.append(_calibrated(entry, bits))
    return answered


def certainty(contrast: Contrast) -> str:
    """Write how certain a difference is: (95 % −2.0 to −0.4; by seed −1.5, −0.9), signed, in points."""
    seeds = ", ".join(f"{100 * value:+.1f}" for value in contrast["seeds"]).replace("-", "−")
    by_seed = f"; by seed {seeds}" if len(contrast["seeds"]) > 1 else ""
    return f"(95 % {t.points_interval(contrast['low'], contrast['high'])}{by_seed})"


def amount(contrast: Contrast) -> str:
    """Write the size of a difference without its sign: 1.2 points."""
    return f"{abs(100 * contrast['value']):.1f} points"


def compared(contrast: Contrast, other: str) -> Markdown:
    """Write a difference of two losses: 1.2 points less than OTHER (95 % −2.0 to −0.4)."""
    word = "more" if contrast["value"] > 0 else "less"
    return Markdown(f"{amount(contrast)} {word} than {other} {certainty(contrast)}")


def lost(contrast: Contrast) -> Markdown:
    """Write a loss, or a gain if it is below 0: loses 1.2 points (95 % +0.4 to +2.0)."""
    verb = "loses" if contrast["value"] > 0 else "gains"
    return Markdown(f"{verb} {amount(contrast)} {certainty(contrast)}")


def _shares(entry: Mapping[str, Any]) -> str:
    *first, last = [f"{100 * share['noise']:g}" for share in entry["shares"]]
    return f"{', '.join(first)} and {last} %" if first else f"{last} %"


def _in_fp32(entry: Mapping[str, Any]) -> Answer:
    difference = entry["mean"]["difference"][SCORE]
    mean = "averaged over" if len(entry["shares"]) > 1 else "with"
    return Answer(
        "In fp32, is the generative model more robust to noise?",
        more_robust(difference),
        Markdown(
            f"{mean} {_shares(entry)} of changed characters it loses {compared(difference, OTHER)}."
        ),
        "generative classifiers are known to be robust to noisy data",
        negative(difference),
    )


def _with_few_bits(
    fp32: Mapping[str, Any],
    entry: Mapping[str, Any],
    levels: Sequence[Mapping[str, Any]],
    bits: int,
) -> Answer:
    change = entry["more_than_fp32"][SCORE]
    difference = entry["mean"]["difference"][SCORE]
    before, after = (
        next(level for level in levels if level["variants"] == one["variants"])
        for one in (fp32, entry)
    )
    clean = ", ".join(
        f"{kind} {level_of(after, kind)} ({level_of(before, kind)} in fp32)"
        for kind in (FIRST, SECOND)
    )
    side = "to its disadvantage" if change["value"] > 0 else "to its advantage"
    verdict = loses_lead(fp32["mean"]["difference"][SCORE], difference, change)
    collapsed = entry["collapsed"]
    return Answer(
        f"Does it lose that lead in {bits} bits?",
        f"collapsed ({' and '.join(collapsed)})" if collapsed else verdict,
        Markdown(
            f"with {t.code(entry['step']['name'])} it loses {compared(difference, OTHER)}; compared with fp32 this "
            f"is a change of {amount(change)} {side} {certainty(change)}. Clean macro F1 in percent: {clean}."
        ),
        "generative classifiers are more sensitive to noise during quantized inference",
        None if collapsed else change,
    )


def level_of(entry: Mapping[str, Any], kind: str, texts: str = "clean") -> str:
    """Write the macro F1 of a kind on `clean` or `noisy` texts in percent."""
    return f"{100 * entry[kind][texts][SCORE]['value']:.1f}"


def _sensitive(entry: Mapping[str, Any], bits: int) -> Answer:
    difference = entry["difference"][SCORE]
    return Answer(
        f"Is it more sensitive to {bits} bits, on clean texts?",
        above_zero(difference),
        Markdown(
            f"with {t.code(entry['step']['name'])} it {lost(entry[FIRST][SCORE])}, the "
            f"discriminative model {lost(entry[SECOND][SCORE])}; so the generative one loses "
            f"{compared(difference, 'the other')}."
        ),
        "generative classifiers are more sensitive to the number of bits",
        difference,
    )


def _calibrated(entry: Mapping[str, Any], bits: int) -> Answer:
    generative, discriminative, difference = (
        entry[side][SCORE] for side in (FIRST, SECOND, "difference")
    )
    return Answer(
        f"In {bits} bits, does class-unconditional calibration hurt the generative model more than the "
        "discriminative one?",
        hurts_more(generative, difference),
        Markdown(
            f"with class-unconditional texts ({t.code(entry['unconditional']['step']['name'])} instead of "
            f"{t.code(entry['step']['name'])}) it {lost(generative)}, the discriminative model "
            f"{lost(discriminative)}; so the generative one loses {compared(difference, 'the other')}."
        ),
        "class imbalance in calibration data degrades generative classifiers in few bits",
        generative,
    )
