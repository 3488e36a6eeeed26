"""The tables of the report's section on generative and discriminative LSTMs."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from emopress.report.words import markup as t
from emopress.report.words.lstm_answers import PAPER, RULES, SCORE, answers, level_of
from emopress.report.words.markup import Markdown
from emopress.report.words.verdicts import FIRST, SECOND, Contrast, listed

CLOSE = 0.01  # macro F1: a difference that is not worth a larger model


def section(
    statistics: Mapping[str, Any], details: Mapping[str, Any], sizes: Mapping[str, float]
) -> dict[str, Any] | None:
    """Return the section of a data set, None if it has no LSTMs of both kinds; `sizes`: bytes by variant."""
    questions = statistics.get("questions")
    if questions is None:
        return None
    return {
        "paper": PAPER,
        "rules": RULES,
        "levels_table": levels_table(questions, sizes),
        "choice": choice(questions, details, sizes),
        "answers": [answer.line for answer in answers(questions)],
        "noise_table": noise_table(questions),
        "bits_table": bits_table(questions),
        "cost_table": cost_table(details, list(sizes)),
    }


def levels_table(questions: Mapping[str, Any], sizes: Mapping[str, float]) -> Markdown:
    """Write macro F1 on clean and on the noisiest texts, and the size, per kind in fp32, 8, 4 and 3 bits."""
    rows = []
    for level in listed(questions):
        for kind in (FIRST, SECOND):
            row: dict[str, object] = {
                "Variant": t.code(level["variants"][kind]),
                "Kind": kind,
                "Bits": t.count(level["step"]["bits"]) if level["step"] else "fp32",
                "Clean": level_of(level, kind),
            }
            if level[kind]["noisy"]:
                noise = f"{100 * questions['loudest']:g} % noise"
                row[noise] = level_of(level, kind, "noisy")
            rows.append(row | {"Size": t.size(sizes[level["variants"][kind]])})
    return t.table(rows, left=("Variant", "Kind"))


def choice(
    questions: Mapping[str, Any], details: Mapping[str, Any], sizes: Mapping[str, float]
) -> Markdown:
    """Name the smallest model of the table whose macro F1 on validation is within CLOSE of the best."""
    names = [level["variants"][kind] for level in listed(questions) for kind in (FIRST, SECOND)]
    means = {
        name: mean(seed["validation_macro_f1"] for seed in details[name].values()) for name in names
    }
    best = max(means.values())
    near = [name for name in names if means[name] >= best - CLOSE]
    name = min(near, key=lambda one: sizes[one])
    return Markdown(
        f"If you must choose one: {t.code(name)} ({t.size(sizes[name])}) is the smallest of these whose macro F1 "
        f"on validation is at most {100 * CLOSE:g} point below the best."
    )


def noise_table(questions: Mapping[str, Any]) -> Markdown:
    """Write by how much more macro F1 the generative model loses to noise, per pass."""
    rows = []
    for pair in questions["noise"]:
        change = pair["more_than_fp32"]
        rows.append(
            {"Pass": _pass(pair)}
            | {f"{100 * one['noise']:g} %": _cell(one["difference"]) for one in pair["shares"]}
            | {"Mean": _cell(pair["mean"]["difference"])}
            | {"More than in fp32": _cell(change) if change else t.EMPTY}
        )
    return t.table(rows, left=("Pass",))


def bits_table(questions: Mapping[str, Any]) -> Markdown:
    """Write what each pass costs either kind on clean texts, in points of macro F1."""
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
    return t.table(rows, left=("Pass", "Rounding", "Calibration"))


def cost_table(details: Mapping[str, Any], variants: Sequence[str]) -> Markdown:
    """Write the cross-entropy of the test texts' tokens for the first seed of each generative variant.

    `details`: variant -> seed -> entry.
    """
    rows = []
    for variant in variants:
        seed = next(iter(details[variant].values()))
        for part in seed.get("cross_entropy", {}).get("parts", []):
            if part["split"] == "test":
                rows.append(
                    {
                        "Variant": t.code(variant),
                        "Noise": Markdown(f"{100 * part['noise']:g} %"),
                        "Mean": t.decimals(part["mean"]),
                        **{f"{q} %": t.decimals(cost) for q, cost in part["quantiles"].items()},
                    }
                )
    return t.table(rows, left=("Variant",))


def _pass(pair: Mapping[str, Any]) -> Markdown:
    return t.code(pair["step"]["name"]) if pair["step"] else Markdown("none (fp32)")


def _sample(calibration: Mapping[str, Any]) -> str:
    kind = "conditional" if calibration["balanced"] else "unconditional"
    return f"{calibration['texts']} texts, class-{kind}"


def _cell(contrasts: Mapping[str, Contrast]) -> Markdown:
    contrast = contrasts[SCORE]
    return Markdown(
        f"{t.points(contrast['value'])} ({t.points_interval(contrast['low'], contrast['high'])})"
    )
