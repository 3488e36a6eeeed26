"""What a contrast between the two kinds of LSTMs shows: yes, no, or that the data do not decide."""

from collections.abc import Mapping, Sequence
from typing import Any

YES, NO, UNKNOWN, NO_LEAD = "yes", "no", "the data do not decide", "it has no lead to lose"
SMALLER = "its lead is smaller, but still there"
GONE = "its lead is gone: none is shown any more"
Contrast = Mapping[str, Any]  # value, low, high and seeds, of `measure.questions.Sampled.contrast`
ASKED = (4, 3)  # bits
LISTED = (8, *ASKED)  # bits in the table and the figure
FIRST = "generative"  # every difference is the loss of this kind minus that of the other
SECOND = "discriminative"


def above_zero(contrast: Contrast) -> str:
    """Say whether a contrast is above 0: yes, no (it is below) or unknown.

    Its 95 % interval must exclude 0, and all training seeds must be on the same side.
    """
    if contrast["low"] > 0 and min(contrast["seeds"]) > 0:
        return YES
    return NO if contrast["high"] < 0 and max(contrast["seeds"]) < 0 else UNKNOWN


def negative(contrast: Contrast) -> Contrast:
    """Return the contrast with the opposite sign."""
    return {
        "value": -contrast["value"],
        "low": -contrast["high"],
        "high": -contrast["low"],
        "seeds": [-value for value in contrast["seeds"]],
    }


def more_robust(difference: Contrast) -> str:
    """Say whether the generative model loses less to noise, from its loss minus the other's."""
    return above_zero(negative(difference))


def loses_lead(fp32: Contrast, quantized: Contrast, change: Contrast) -> str:
    """Say whether the generative model's lead under noise shrinks with few bits, and what is left of it.

    fp32, quantized: its loss to noise minus the other's; change: the second minus the first. Without a
    lead in fp32 there is none to lose. A lead that is still shown, without a change, is not lost.
    """
    if more_robust(fp32) != YES:
        return NO_LEAD if more_robust(fp32) == NO else UNKNOWN
    leads = more_robust(quantized) == YES
    if above_zero(change) == YES:
        return SMALLER if leads else GONE
    return NO if leads or above_zero(change) == NO else UNKNOWN


def hurts_more(generative: Contrast, difference: Contrast) -> str:
    """Say whether unconditional calibration hurts the generative model more than the discriminative one.

    generative: what conditional calibration gains it; difference: that minus what it gains the other. Yes
    if both are above 0, no if either is below.
    """
    verdicts = {above_zero(generative), above_zero(difference)}
    if NO in verdicts:
        return NO
    return YES if verdicts == {YES} else UNKNOWN


def preferred(entries: Sequence[Mapping[str, Any]], bits: int) -> Mapping[str, Any] | None:
    """Return the entry whose pass represents `bits`: path-following, class-conditional, with most texts."""

    def rank(entry: Mapping[str, Any]) -> tuple[bool, bool, int]:
        step, calibration = entry["step"], entry["step"]["calibration"]
        return step["method"] == "gpfq", bool(calibration["balanced"]), calibration["texts"]

    candidates = [entry for entry in entries if entry["step"] and entry["step"]["bits"] == bits]
    return max(candidates, key=rank, default=None)


def listed(questions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the level of fp32, then that of one pass for each number of bits, from most to fewest."""
    levels = questions["levels"]
    fp32 = [entry for entry in levels if entry["step"] is None]
    quantized = [preferred(levels, bits) for bits in LISTED]
    return [*fp32, *(entry for entry in quantized if entry)]
