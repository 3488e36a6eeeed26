"""The numbers behind the report's section on generative and discriminative LSTMs, in tables."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from emopress.report.tables.scores import note_of
from emopress.report.words import markup as t
from emopress.report.words.lstms import (
    PAPER,
    RULES,
    SCORE,
    answers,
    level_of,
)
from emopress.report.words.markup import Markdown
from emopress.report.words.verdicts import FIRST, SECOND, Contrast, listed

CLOSE = 0.01  # macro F1: a difference not worth a larger model


def levels_table(
    questions: Mapping[str, Any], sizes: Mapping[str, float], entry: Mapping[str, Any]
) -> Markdown | None:
    """Write macro F1 clean and with the most noise, and the size, per kind in fp32, 8, 4 and 3 bits."""
    rows = []
    for level in listed(questions):
        for kind in (FIRST, SECOND):
            row = {
                "Variant": t.code(level["variants"][kind]),
                "Kind": Markdown(kind),
                "Bits": t.count(level["step"]["bits"]) if level["step"] else Markdown("fp32"),
                "Clean": Markdown(level_of(level, kind)),
            }
            if level[kind]["noisy"]:
                row[f"{100 * questions['loudest']:g} % noise"] = Markdown(
                    level_of(level, kind, "noisy")
                )
            rows.append({**row, "Size": t.size(sizes[level["variants"][kind]])})
    left = ("Variant", "Kind")
    return t.markdown_table(t.frame_of(rows), left=left, note=note_of(entry)) if rows else None


def choice(
    questions: Mapping[str, Any], details: Mapping[str, Any], sizes: Mapping[str, float]
) -> Markdown:
    """Name the smallest model of the table that is within CLOSE of the best in macro F1 on validation."""
    names = [level["variants"][kind] for level in listed(questions) for kind in (FIRST, SECOND)]
    means = {
        name: mean(seed["validation_macro_f1"] for seed in details[name].values()) for name in names
    }
    best = max(means.values())
    near = [name for name in names if means[name] >= best - CLOSE]
    name = min(near, key=lambda one: sizes[one])
    return Markdown(
        f"If you must choose: {t.code(name)} ({t.size(sizes[name])}), the smallest of these whose macro F1 on "
        f"validation is at most {100 * CLOSE:g} point below the best."
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
    sizes: Mapping[str, float],
    entry: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the section of a data set, None where it has no LSTM of both kinds; `sizes` in bytes by variant."""
    found = statistics.get("questions")
    if found is None:
        return None
    return {
        "paper": PAPER,
        "rules": RULES,
        "levels_table": levels_table(found, sizes, entry),
        "choice": choice(found, details, sizes),
        "answers": [answer.line for answer in answers(found)],
        "noise_table": noise_table(found, entry),
        "bits_table": bits_table(found, entry),
        "cost_table": cost_table(details, list(sizes), entry),
    }
