"""The recommendation in plain words: what to ship, what it costs, how sure that is, what comes next."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.measure.search import UNITS
from emopress.report import tables as t
from emopress.report.cautions import cautions
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

LANGUAGES = {"bn": "Bengali", "en": "English"}
BEST = {"size": "smallest", "latency": "fastest", "accuracy": "most accurate"}
COMPARED = ("reference", "teacher", "linear")  # whom the summary's paired tests are against


def answer(
    dataset: str,
    entry: Mapping[str, Any],
    recommendations: Sequence[Mapping[str, Any]],
    rows: pd.DataFrame,
    statistics: Mapping[str, Any],
    details: Mapping[str, Any],
    *,
    licences: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what heads the report for one data set, from its first budget, in Markdown.

    `headline`, `cost`, `sure`, `runner_up` and `same_family` (each of both may be empty) and the list
    `warnings`; beside them `dataset`, `title`, `language`, `demo`, `budget` and `variant`, as they are.
    `rows`: the summary's, indexed by variant; `details`: variant -> seed -> entry; `licences`: variant
    -> licences of the checkpoints that it was made from.
    """
    first = recommendations[0]
    told: dict[str, Any] = {
        "dataset": dataset,
        "title": entry.get("title") or dataset,
        "language": LANGUAGES.get(entry.get("language") or "", entry.get("language") or ""),
        "demo": bool(entry.get("demo")),
        "budget": first["budget"],
        "variant": first["variant"],
    }
    if first["variant"] is None:
        nothing = "Nothing can be recommended: every variant is simulated or was not measured."
        empty = dict.fromkeys(("cost", "sure", "runner_up", "same_family"), Markdown(""))
        return told | empty | {"headline": Markdown(nothing), "warnings": []}
    return told | {
        "headline": headline(first, rows, entry),
        "cost": cost(first["variant"], first["reference"], rows),
        "sure": sure(first, rows, statistics),
        "runner_up": runner_up(first, rows),
        "same_family": same_family(first, rows),
        "warnings": cautions(first, rows, entry, details, licences or {}),
    }


def headline(first: Mapping[str, Any], rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Say which variant to ship, what it is in three numbers, and by what rule it was chosen."""
    facts = _facts(first["variant"], rows)
    if not first["met"]:
        lead = "Nothing fits. The nearest miss is"
        why = f"Wanted was {_limits(first)}; it is over by {_misses(first['misses'])}."
    elif entry.get("demo"):
        lead, why = "A demo corpus, so nothing to ship. The rule chooses", _rule(first)
    else:
        lead, why = "Ship", _rule(first)
    return Markdown(f"{lead} {facts}. {why}")


def cost(variant: str, reference: str | None, rows: pd.DataFrame) -> Markdown:
    """Say what a variant loses and gains against the reference; only what was shown is claimed."""
    if reference is None:
        return Markdown("There is no reference to compare with.")
    if variant == reference:
        return Markdown("Nothing is lost and nothing gained: this is the reference itself.")
    row, base = rows.loc[variant], rows.loc[reference]
    gap = _difference(row, base, reference)["difference"]
    told = [
        f"{t.points(gap)} points of accuracy against {t.code(reference)} "
        f"(from {t.percent(base['accuracy'])} to {t.percent(row['accuracy'])} %)"
    ]
    same = row["reference"] == reference  # the summary's ratios are against this one
    smaller = row["compression"] if same else base["size_bytes"] / row["size_bytes"]
    told.append(f"{_times(smaller, 'smaller', 'larger')} ({t.size(base['size_bytes'])} before)")
    if not same:
        return Markdown(f"{', '.join(told)}.")
    told.append(_speed(row, base))
    if not t.missing(row["speedup_over_pytorch"]):
        faster = _times(row["speedup_over_pytorch"], "faster", "slower")
        told.append(f"{faster} than {t.code(reference)} in PyTorch")
    return Markdown(f"{', '.join(told)}.")


def _speed(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    if not row["speedup_shown"]:
        return "no difference in speed shown (a file timed twice differs by as much)"
    faster = _times(row["speedup"], "faster", "slower")
    if row["runtime"] == base["runtime"]:
        return f"{faster} in the same engine ({t.escape(row['runtime'])})"
    engines = f"{t.escape(row['runtime'])} instead of {t.escape(base['runtime'])}"
    return f"{faster}, in another engine ({engines}), so not by compression alone"


def sure(first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]) -> Markdown:
    """Say how sure the accuracy and the difference are, and what the choice was made on."""
    variant, reference = first["variant"], first["reference"]
    row = rows.loc[variant]
    told = [
        f"The accuracy is {t.percent(row['accuracy'])} % on {t.count(statistics['n_test'])} test texts "
        f"(95 % interval {t.interval(row['accuracy_low'], row['accuracy_high'])})."
    ]
    if reference is not None and reference != variant:
        told.append(_tested(_difference(row, rows.loc[reference], reference), reference))
    meeting = f"; {t.count(first['meeting'])} met the limits" if first["limits"] else ""
    told.append(
        f"It was chosen among {t.count(first['candidates'])} on "
        f"{t.count(statistics['n_validation'])} validation texts{meeting}."
    )
    if row["seeds"] > 1:
        spread = f"{100 * row['accuracy_sd']:.2f} points"
        trainings = f"{t.count(row['seeds'])} trainings with different seeds"
        told.append(f"Over {trainings} the accuracy's standard deviation is {spread}.")
    else:
        told.append(
            "It was trained once: how much another training would differ is not known, and the intervals leave it out."
        )
    return Markdown(" ".join(told))


def _tested(test: Mapping[str, Any], reference: str) -> str:
    """Say in words what the paired test found, and what it could have missed."""
    name = t.code(reference)
    if t.missing(test["p"]):
        return f"Its difference to {name} was not tested."
    p = t.p_value(test["p"])
    tail = f"(McNemar's test, p {p if p.startswith('<') else f'= {p}'} after Holm's correction)"
    span = t.points_interval(test["low"], test["high"])
    if test["shown"]:
        what = "gain over" if test["difference"] > 0 else "loss against"
        return f"A {what} {name} is shown {tail}: {span} points (95 % interval)."
    worst = -100 * test["low"]
    missed = f"; a loss of up to {worst:.1f} points could have been missed" if worst > 0 else ""
    return f"No difference to {name} is shown {tail}: {span} points fit these texts (95 % interval){missed}."


def runner_up(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Say what would be chosen next and what it is short of, empty if there is nothing else."""
    if first["runner_up"] is None:
        return Markdown("")
    over = first["runner_up_misses"]
    if over and not first["met"]:
        why = f", over by {_misses(over)}"
    elif over:
        why = f", which does not meet the limits: over by {_misses(over)}"
    else:
        why = ""
    return Markdown(f"Runner-up: {_facts(first['runner_up'], rows)}{why}.")


def same_family(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Name the best of the reference's own family where the chosen one is of another, else nothing."""
    if first["same_family"] is None:
        return Markdown("")
    family = t.escape(rows.loc[first["same_family"], "family"])
    facts = _facts(first["same_family"], rows)
    return Markdown(f"If it must be a {family} model, as {t.code(first['reference'])} is: {facts}.")


def recommendation_table(
    recommendations: Sequence[Mapping[str, Any]], rows: pd.DataFrame, entry: Mapping[str, Any]
) -> Markdown:
    """Write one row per budget: its limits, what was chosen, its figures, and the runner-up."""
    lines = []
    for item in recommendations:
        variant, reference = item["variant"], item["reference"]
        line: dict[str, object] = {
            "Budget": t.code(item["budget"]),
            "Wanted": Markdown(
                f"{BEST[item['prefer']]}{', ' if item['limits'] else ''}{_limits(item)}"
            ),
            "Chosen": t.EMPTY if variant is None else t.code(variant),
            "Fits": "yes"
            if item["met"]
            else Markdown(f"**no**, over by {_misses(item['misses'])}"),
        }
        if variant is None:
            line["Fits"] = Markdown("**no**, nothing to choose from")
        else:
            row = rows.loc[variant]
            test = (
                _no_test()
                if reference is None
                else _difference(row, rows.loc[reference], reference)
            )
            line |= {
                "Accuracy %": t.percent(row["accuracy"], row["accuracy_sd"]),
                "95 %": t.interval(row["accuracy_low"], row["accuracy_high"]),
                "Points": t.EMPTY
                if variant == reference or reference is None
                else t.points(test["difference"]),
                "Points, 95 %": t.points_interval(test["low"], test["high"]),
                "Size": t.size(row["size_bytes"]),
                "p50 ms": t.decimals(row["latency_ms_p50"]),
            }
        line["Fit"] = Markdown(f"{t.count(item['meeting'])} of {t.count(item['candidates'])}")
        line["Runner-up"] = t.EMPTY if item["runner_up"] is None else t.code(item["runner_up"])
        lines.append(line)
    left = ("Budget", "Wanted", "Chosen", "Fits", "Runner-up")
    return t.markdown_table(t.frame_of(lines), left=left, note=note_of(entry))


def _difference(row: Mapping[str, Any], base: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """Return the summary's paired comparison of a row with `reference`; untested, the plain difference."""
    for other in COMPARED:
        if row[other] == reference and not t.missing(row[f"{other}_difference"]):
            keys = ("difference", "low", "high", "p", "shown")
            return {key: row[f"{other}_{key}"] for key in keys}
    return _no_test() | {"difference": row["accuracy"] - base["accuracy"]}


def _no_test() -> dict[str, Any]:
    return {"difference": None, "low": None, "high": None, "p": None, "shown": None}


def _facts(variant: str, rows: pd.DataFrame) -> str:
    row = rows.loc[variant]
    return (
        f"{t.code(variant)}: {t.size(row['size_bytes'])}, {t.decimals(row['latency_ms_p50'])} ms a text, "
        f"{t.percent(row['accuracy'])} % accuracy"
    )


def _rule(first: Mapping[str, Any]) -> str:
    """Say by what rule the chosen variant is the best."""
    best = BEST[first["prefer"]] + (" by macro F1" if first["prefer"] == "accuracy" else "")
    if not first["limits"]:
        return f"Of all {t.count(first['candidates'])} it is the {best} on validation texts."
    return f"It is the {best} with {_limits(first)}."


def _limits(item: Mapping[str, Any]) -> str:
    told = []
    for key, limit in item["limits"].items():
        if key == "max_accuracy_loss":
            points = "point" if limit == 1 else "points"
            told.append(
                f"at most {limit:g} {points} of accuracy below {t.code(item['reference'])} on validation texts"
            )
        else:
            told.append(
                f"at most {limit:g} {UNITS[key]}{' a text' if key == 'max_latency_ms' else ''}"
            )
    return " and ".join(told)


def _misses(misses: Mapping[str, float]) -> str:
    return " and ".join(f"{over:.3g} {UNITS[key]}" for key, over in misses.items())


def _times(value: float, above: str, below: str) -> str:
    return f"{t.ratio(value)} {above}" if value >= 1 else f"{t.ratio(1 / value)} {below}"
