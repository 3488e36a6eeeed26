"""Generative or discriminative LSTM? The report's answers, each from a contrast, and what was published."""

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
    UNTOLD,
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
FELL = "collapsed"
SCORE = "macro_f1"  # of a contrast, what is decided by; accuracy stands in the statistics file
OTHER = "the discriminative model"
RULES = Markdown(
    "Points are of macro F1. A contrast is shown where its 95 % interval leaves zero out and every training seed alone "
    "has its sign. The intervals are of the paired bootstrap over test texts (mean over seeds within each resample): "
    "they cover texts only, neither other trainings nor other calibration texts, which the values by seed hint at; "
    "and they are not corrected for the number of questions. An answer is “yes” or “no” where its contrast is shown. "
    "Of a lead in fp32 it says that it is smaller or gone where a change against fp32 is shown, and a lead is still "
    "shown or not; “no” where the lead is shown to grow, or is still shown without a change. Calibration hurts the "
    "generative model more where both its own loss and the difference are shown. “Collapsed” is where the clean "
    f"macro F1 of either model is below {100 * COLLAPSED:g} % of its own in fp32: it has little left to lose to noise. "
    "Whether a result agrees with the publication is decided by one contrast for the published claim alone, whatever "
    "the answer."
)


@dataclass(frozen=True)
class Answer:
    """A question, what the data say to it, in what words, and what was published.

    claim: the contrast that is above 0 where the published claim holds; None where it means nothing.
    """

    question: str
    verdict: str
    words: Markdown
    published: str
    claim: Contrast | None

    @property
    def agreement(self) -> str:
        """Whether the claim's own contrast agrees with the publication."""
        found = UNTOLD if self.claim is None else above_zero(self.claim)
        start = {
            YES: "This agrees with the publication",
            NO: "This disagrees with the publication",
            UNTOLD: "Neither for nor against the publication",
        }[found]
        return f"{start}: {self.published}."

    @property
    def line(self) -> Markdown:
        """The answer as one line of Markdown."""
        first = self.verdict[0].upper() + self.verdict[1:]
        return Markdown(
            f"**{t.escape(self.question)}** {t.escape(first)}: {self.words} {t.escape(self.agreement)}"
        )


def answers(questions: Mapping[str, Any]) -> list[Answer]:
    """Answer what the statistics of a data set, `measure.questions.questions`, have numbers for."""
    found = []
    fp32 = next((entry for entry in questions["noise"] if entry["step"] is None), None)
    if fp32:
        found.append(_in_fp32(fp32))
        for bits in ASKED:
            entry = preferred(questions["noise"], bits)
            if entry:
                found.append(_with_few_bits(fp32, entry, questions["levels"], bits))
    for bits in ASKED:
        entry = preferred(questions["bits"], bits)
        if entry:
            found.append(_sensitive(entry, bits))
    for bits in ASKED:
        entry = preferred(questions["calibration"], bits)
        if entry:
            found.append(_calibrated(entry, bits))
    return found


def sure(found: Contrast) -> str:
    """Write how sure a difference is: (95 % −2.0 to −0.4; by seed −1.5, −0.9), signed, in points."""
    seeds = ", ".join(f"{100 * value:+.1f}" for value in found["seeds"]).replace("-", "−")
    by_seed = f"; by seed {seeds}" if len(found["seeds"]) > 1 else ""
    return f"(95 % {t.points_interval(found['low'], found['high'])}{by_seed})"


def amount(found: Contrast) -> str:
    """Write the size of a difference without its sign: 1.2 points."""
    return f"{abs(100 * found['value']):.1f} points"


def compared(found: Contrast, against: str) -> Markdown:
    """Write a difference of two losses: 1.2 points less than AGAINST (95 % −2.0 to −0.4)."""
    word = "more" if found["value"] > 0 else "less"
    return Markdown(f"{amount(found)} {word} than {against} {sure(found)}")


def lost(found: Contrast) -> Markdown:
    """Write a loss, or a gain where it is below 0: loses 1.2 points (95 % +0.4 to +2.0)."""
    return Markdown(f"{'loses' if found['value'] > 0 else 'gains'} {amount(found)} {sure(found)}")


def _shares(entry: Mapping[str, Any]) -> str:
    *first, last = [f"{100 * share['noise']:g}" for share in entry["shares"]]
    return f"{', '.join(first)} and {last} %" if first else f"{last} %"


def _in_fp32(entry: Mapping[str, Any]) -> Answer:
    difference = entry["mean"]["difference"][SCORE]
    mean = "in the mean over" if len(entry["shares"]) > 1 else "with"
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
    start, own = (
        next(level for level in levels if level["variants"] == one["variants"])
        for one in (fp32, entry)
    )
    clean = t.join(
        [
            Markdown(f"{kind} {level_of(own, kind)} ({level_of(start, kind)} in fp32)")
            for kind in (FIRST, SECOND)
        ]
    )
    side = "to its disadvantage" if change["value"] > 0 else "to its advantage"
    told = Markdown(
        f"with {t.code(entry['step']['name'])} it loses {compared(difference, OTHER)}; against fp32 that moves "
        f"{amount(change)} {side} {sure(change)}. Clean macro F1, %: {clean}."
    )
    verdict = loses_lead(fp32["mean"]["difference"][SCORE], difference, change)
    fell = entry["collapsed"]
    return Answer(
        f"Does it lose that in {bits} bits?",
        f"{FELL} ({' and '.join(fell)})" if fell else verdict,
        told,
        "generative classifiers are more sensitive to noise during quantized inference",
        None if fell else change,
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
            f"discriminative model {lost(entry[SECOND][SCORE])}; it loses {compared(difference, 'that one')}."
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
            f"{lost(discriminative)}; it loses {compared(difference, 'that one')}."
        ),
        "class imbalance in calibration data degrades generative classifiers in few bits",
        generative,
    )
