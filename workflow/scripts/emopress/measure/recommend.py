"""Which variant a data set's users should ship, budget by budget: chosen on validation alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.choice import Trial, losses_of, misses, ranking, tied
from emopress.measure.deciding import LOSSES, judge_of

NEEDED = ("size_bytes", "latency_ms_p50")
PREFER = "size"  # where a budget does not say


def candidates(rows: pd.DataFrame, reference: str | None) -> list[Trial]:
    """Return the trials that may be recommended, given rows indexed by variant.

    That is every variant that was measured and is not simulated: the size and the latency of a simulated one are not
    those of what it simulates. Scores and losses are those on validation; a loss is in points below `reference`, and 0
    without a reference.
    """
    judge = judge_of(rows)
    needed = [*NEEDED, judge.metric.validation]

    def scores(row: Any) -> dict[str, float]:
        return {metric.column: float(row[metric.validation]) for metric in judge.metrics}

    base = None if reference is None else scores(rows.loc[reference])
    return [
        Trial(
            variant=str(variant),
            judge=judge,
            scores=scores(row),
            losses=losses_of(judge.metrics, scores(row), base),
            size_bytes=row["size_bytes"],
            latency_ms=float(row["latency_ms_p50"]),
        )
        for variant, row in rows.iterrows()
        if not row["simulated"] and row[needed].notna().all()
    ]


def stronger(rows: pd.DataFrame, reference: str | None, baselines: Sequence[str]) -> str | None:
    """Return the best of `baselines` on validation by what decides, if it beats `reference` there; else None.

    A model that loses little against a weak reference may still lose much against a linear model.
    """
    if reference is None:
        return None
    scores = rows[judge_of(rows).metric.validation]
    better = [name for name in baselines if scores[name] > scores[reference]]
    return max(better, key=lambda name: scores[name], default=None)


def recommend(
    rows: pd.DataFrame,
    *,
    budgets: Mapping[str, Mapping[str, Any]],
    reference: str | None,
    baselines: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return one recommendation per budget, in their order, for one data set.

    `rows`: those of the summary, indexed by variant; `budgets`: name -> limits and `prefer`, as in the config.
    Losses are measured from `reference` or, if one of the linear `baselines` is better on validation, from that
    one, the `baseline`. UserError if a loss is limited and there is no reference.

    A recommendation holds

    - `budget`, `judge_by`, `limits`, `prefer`, `reference`, `baseline`;
    - `candidates` and `meeting`: how many there are, and how many meet every limit;
    - `variant` (None if nothing may be recommended), `met`, and `misses` (limit -> excess, in its unit);
    - `runner_up` and `runner_up_misses`;
    - `tied`: if the lowest latency is preferred, the variants that timing cannot tell from the fastest, if several;
    - `same_family`: if the chosen variant is of another family than the reference, the best variant of the
      reference's family that meets every limit, measured from the reference.

    Size and latency are those that the report prints, since they depend on the files and the machine only.
    """
    if reference is not None and reference not in rows.index:
        raise UserError(f"budgets: the reference {reference!r} is not among the variants")
    for name, budget in budgets.items():
        for key in LOSSES.keys() & budget.keys() if reference is None else ():
            raise UserError(f"budgets.{name}: {key} needs a reference to measure the loss from")
    baseline = stronger(rows, reference, baselines)
    trials, families = candidates(rows, baseline or reference), rows["family"].to_dict()
    family_trials = [
        trial
        for trial in candidates(rows, reference)
        if reference and families[trial.variant] == families[reference]
    ]
    common = {"judge_by": judge_of(rows).key, "reference": reference, "baseline": baseline}
    spread = float(rows["timing_spread"].iloc[0])
    return [
        {"budget": name, **common, **_recommendation(trials, family_trials, budget, spread)}
        for name, budget in budgets.items()
    ]


def _recommendation(
    trials: Sequence[Trial],
    family_trials: Sequence[Trial],
    budget: Mapping[str, Any],
    spread: float,
) -> dict[str, Any]:
    """Return the recommendation among `trials`; `family_trials` are of the reference's family, measured from it."""
    limits = {key: limit for key, limit in budget.items() if key != "prefer"}
    prefer = budget.get("prefer", PREFER)
    ranked = ranking(trials, budget=limits, prefer=prefer, spread=spread)
    alike = tied(trials, budget=limits, spread=spread) if prefer == "latency" else []
    meeting = [trial for trial in ranked if not misses(trial, limits)]
    first, second = [*ranked[:2], None, None][:2]
    same: list[str] = []
    if first and first.variant not in {trial.variant for trial in family_trials}:
        best = ranking(family_trials, budget=limits, prefer=prefer, spread=spread)
        same = [trial.variant for trial in best if not misses(trial, limits)]
    return {
        "limits": limits,
        "prefer": prefer,
        "met": bool(meeting),
        "variant": first.variant if first else None,
        "misses": misses(first, limits) if first else {},
        "tied": [trial.variant for trial in alike] if len(alike) > 1 else [],
        "runner_up": second.variant if second else None,
        "runner_up_misses": misses(second, limits) if second else {},
        "same_family": same[0] if same else None,
        "candidates": len(trials),
        "meeting": len(meeting),
    }
