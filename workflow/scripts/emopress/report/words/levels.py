"""Which passes answer for all of their number of bits, in the section on LSTMs of both kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

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
