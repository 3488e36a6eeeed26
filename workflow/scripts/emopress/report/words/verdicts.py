"""What a contrast shows, by its interval and its training seeds: yes, no, or that the data do not tell."""

from collections.abc import Mapping, Sequence
from typing import Any

YES, NO, UNTOLD, NO_LEAD = "yes", "no", "the data do not tell", "it has no lead to lose"
SMALLER = "its lead is smaller, and still there"
GONE = "its lead is gone, none is shown any more"
Contrast = Mapping[
    str, Any
]  # value, low, high and seeds, as `measure.questions.Sampled.contrast` gives them


def above_zero(found: Contrast) -> str:
    """Say whether a number is above 0: yes, no (below) or not to be told.

    Its 95 % interval has to leave 0 out and every training seed to be on the same side.
    """
    if found["low"] > 0 and min(found["seeds"]) > 0:
        return YES
    return NO if found["high"] < 0 and max(found["seeds"]) < 0 else UNTOLD


def negative(found: Contrast) -> Contrast:
    """Return the contrast with the opposite sign."""
    return {
        "value": -found["value"],
        "low": -found["high"],
        "high": -found["low"],
        "seeds": [-value for value in found["seeds"]],
    }


def more_robust(difference: Contrast) -> str:
    """Say whether the generative model loses less to noise, from its loss less the other's."""
    return above_zero(negative(difference))


def loses_lead(fp32: Contrast, quantized: Contrast, change: Contrast) -> str:
    """Say whether the generative model's lead under noise shrinks with few bits, and what is left of it.

    fp32, quantized: its loss to noise less the other's; change: the second less the first. Without a
    lead in fp32 there is none to lose. A lead that is still there, without a change shown, is not lost.
    """
    if more_robust(fp32) != YES:
        return NO_LEAD if more_robust(fp32) == NO else UNTOLD
    leads = more_robust(quantized) == YES
    if above_zero(change) == YES:
        return SMALLER if leads else GONE
    return NO if leads or above_zero(change) == NO else UNTOLD


def hurts_more(generative: Contrast, difference: Contrast) -> str:
    """Say whether unconditional calibration hurts the generative model more than the discriminative one.

    generative: what conditional calibration gains it; difference: that less what it gains the other. Yes if
    both are above 0, no if either is below.
    """
    found = {above_zero(generative), above_zero(difference)}
    if NO in found:
        return NO
    return YES if found == {YES} else UNTOLD


ASKED = (4, 3)  # bits
LISTED = (8, *ASKED)  # of the table and the figure
FIRST = "generative"  # kind; every difference is its loss less the other's
SECOND = "discriminative"


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


def listed(questions: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the levels of fp32 and of one pass for each number of bits that is told, from most to fewest."""
    levels = questions["levels"]
    start = [entry for entry in levels if entry["step"] is None]
    few = [preferred(levels, bits) for bits in LISTED]
    return [*start, *(entry for entry in few if entry)]
