"""What the page shows about one variant: confusion, labels, noise, tests, recipe, findings and training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import Judge
from emopress.measure.details import label_decisions, passes_of, recipe_of
from emopress.report.page.html import plain_text
from emopress.report.tables.pass_results import facts
from emopress.report.words import markup as t
from emopress.report.words.contrasts import comparison_sentences

DIGITS = 8  # significant digits, as in the summary; figures need fewer


def explained(
    dataset: str,
    variant: str,
    seeds: Mapping[str, Any],
    tested: Mapping[str, Any],
    curve: Sequence[Mapping[str, float | None]],
    entry: Mapping[str, Any],
    judge: Judge,
    n_test: int,
) -> dict[str, Any]:
    """Return what the explorer shows about a variant; texts are counted over all seeds."""
    labels, sure = list(entry.get("labels", [])), tested.get("class_f1") or {}
    try:
        confusion = np.sum([seed["confusion"] for seed in seeds.values()], axis=0)
        per_class = [
            [
                rounded(np.mean([seed["per_class"][label][key] for seed in seeds.values()]), 4)
                for key in ("precision", "recall", "f1", "support")
            ]
            + [rounded(sure.get(label, {}).get(end), 4) for end in ("low", "high")]
            for label in labels
        ]
    except KeyError as error:
        raise UserError(f"results/details.json: {dataset}, {variant}: no key {error}") from None
    reliability, score = tested.get("reliability") or {}, judge.metric.column
    return {
        "teacher": tested.get("teacher"),
        "seeds": list(seeds),
        "confusion": confusion.tolist(),
        "row_texts": _row_texts(confusion, seeds, labels),
        "per_class": per_class,
        "decisions": [list(of) for of in zip(*label_decisions(seeds).values(), strict=True)],
        "noise": [
            [rounded(point.get(key), 5) for key in ("noise", score, f"{score}_low", f"{score}_high")]
            for point in tested.get("noise") or []
        ],
        "reliability": [
            [rounded(value, 4) for value in point]
            for point in zip(
                *(reliability.get(key, []) for key in ("confidence", "accuracy", "count")), strict=True
            )
        ],
        "tests": comparison_sentences(variant, tested, judge, n_test),
        "recipe": [_step(step) for step in recipe_of(seeds)],
        "findings": [
            [step["name"], plain_text(facts(findings))]
            for step in passes_of(recipe_of(seeds))
            if any(findings := [seed["findings"].get(step["name"], {}) for seed in seeds.values()])
        ],
        "curve": [
            [rounded(row.get(key), 4) for key in ("epoch", "loss", "validation_macro_f1")]
            for row in curve
        ],
    }  # fmt: skip


def _row_texts(confusion: np.ndarray, seeds: Mapping[str, Any], labels: Sequence[str]) -> list[int]:
    """Return the number of texts in each row, over all seeds; with several labels per text it is not the row's sum."""
    if not any("cooccurrence" in seed for seed in seeds.values()):
        return confusion.sum(axis=1).tolist()
    return [int(sum(s["per_class"][label]["support"] for s in seeds.values())) for label in labels]


def _step(step: Mapping[str, Any]) -> list[str]:
    sort = " ".join(str(step[key]) for key in ("family", "kind", "method") if key in step)
    settings = t.settings(step, skip=("name", "family", "kind", "method"))
    return [str(step["name"]), sort, "" if settings == t.EMPTY else plain_text(settings)]


def rounded(value: Any, digits: int = DIGITS) -> float | int | None:
    """Return a number rounded to significant digits, a whole one as int; None if it is missing."""
    if value is None or pd.isna(value):
        return None
    number = float(f"{float(value):.{digits}g}")
    return int(number) if number.is_integer() else number
