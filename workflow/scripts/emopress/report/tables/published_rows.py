"""Which published result belongs to which variant, and how far ours is from it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

SCORES = {"accuracy": "Accuracy %", "macro_f1": "Macro F1 %"}
DOUBTFUL = " †"
WITHIN = "within our interval"


def position(published_percent: float, low: float, high: float) -> str:
    """Say where a published score lies relative to our 95 % interval, whose ends are fractions.

    Empty without an interval. The published score has an uncertainty of its own, which is not known: so
    "higher" and "lower" are not a test of two models.
    """
    if t.missing(low) or t.missing(high):
        return ""
    if 100 * low <= published_percent <= 100 * high:
        return WITHIN
    return "ours is higher" if published_percent < 100 * low else "ours is lower"


def compared(
    mapping: Mapping[str, Mapping[str, str]], published: Mapping[str, Any], rows: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one entry per variant of `mapping`, in the order of `rows` (indexed by variant).

    An entry holds `variant`, `id`, `row` (the published one), `source` (its name), `differs`, `ours`
    (the summary's row) and, per published score, `<score>_difference` (ours less theirs, a fraction) and
    `<score>_position`. UserError if `mapping` names a variant or a row that does not exist.
    """
    absent = [name for name in mapping if name not in rows.index]
    if absent:
        raise UserError(f"published: variant {absent[0]!r} is not in the summary")
    entries = []
    for variant in (name for name in rows.index if name in mapping):
        key = mapping[variant]["row"]
        if key not in published["rows"]:
            raise UserError(f"published: variant {variant!r}: unknown row {key!r}")
        row, ours = published["rows"][key], rows.loc[variant]
        entry = {
            "variant": str(variant),
            "id": key,
            "row": row,
            "source": row["source"],
            "differs": mapping[variant]["differs"],
            "ours": ours,
        }
        for score in SCORES:
            theirs = row.get(f"{score}_percent")
            if theirs is not None:
                ends = (ours[f"{score}_low"], ours[f"{score}_high"])
                entry[f"{score}_difference"] = float(ours[score]) - theirs / 100
                entry[f"{score}_position"] = position(theirs, *ends)
        entries.append(entry)
    return entries


def printed(row: Mapping[str, Any], key: str) -> Markdown:
    """Write a published figure as it was printed, with the other value that the source has for it."""
    if row.get(key) is None:
        return t.EMPTY
    text = figure(key, row[key])
    if key in row["elsewhere"]:
        text += f" (elsewhere {figure(key, row['elsewhere'][key])})"
    return Markdown(text + DOUBTFUL if key in row["cannot_be"] else text)


def figure(key: str, value: float) -> str:
    """Write a published figure in its unit, with the digits that were printed."""
    if key.endswith("_percent") and isinstance(value, float):
        return f"{value:.2f}"
    unit = "x" if key in ("compression", "speedup") else ""
    return f"{value:,.10g}{unit}"
