"""The recommendation in plain words: what to ship, what it costs, how sure that is, what comes next."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.languages import language_name
from emopress.measure.search import UNITS
from emopress.measure.summary import claimed
from emopress.report import tables as t
from emopress.report.cautions import cautions
from emopress.report.phrases import told_p
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

FITS = "Fits (validation)"  # budgets are met there, and figures are those of test
EQUAL = 5e-5  # a difference that two decimals of a percent do not show
NO_TEST: dict[str, Any] = dict.fromkeys(("difference", "low", "high", "p", "shown"))
INTERVALS = (
    "The intervals are over texts with this test split's shares of labels: they leave out the spread "
    "between trainings, and they are not corrected for the number of comparisons."
)
BEST = {"size": "smallest", "latency": "fastest", "accuracy": "most accurate by macro F1"}


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

    `headline` and `why` (what to ship and by what rule), `cost`, `runner_up` and `same_family` (any of
    these may be empty), and the lists of sentences `sure`, `caveats` (what may be read later) and
    `warnings`; beside them `dataset`, `title`, `language`, `demo`, `budget` and `variant`, as they are.
    `rows`: the summary's, indexed by variant; `details`: variant -> seed -> entry; `licences`: variant
    -> licences as the checkpoints that it was made from state them.
    """
    first = recommendations[0]
    told: dict[str, Any] = {
        "dataset": dataset,
        "title": entry.get("title") or dataset,
        "language": language_name(entry.get("language") or ""),
        "demo": bool(entry.get("demo")),
        "budget": first["budget"],
        "variant": first["variant"],
    }
    if first["variant"] is None:
        return told | {
            "headline": Markdown("Nothing can be recommended."),
            "why": Markdown("Every variant is simulated or was not measured."),
            **dict.fromkeys(("cost", "runner_up", "same_family"), Markdown("")),
            **{key: [] for key in ("sure", "caveats", "warnings")},
        }
    return told | {
        "headline": headline(first, rows, entry),
        "why": why(first),
        "cost": cost(first["variant"], first["reference"], rows),
        "sure": sure(first, rows, statistics),
        "caveats": caveats(first, statistics),
        "runner_up": runner_up(first, rows),
        "same_family": same_family(first, rows),
        "warnings": cautions(first, rows, entry, details, licences or {}, statistics),
    }


def headline(first: Mapping[str, Any], rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Say which variant to ship, and what it is in three numbers."""
    if not first["met"]:
        lead = "Nothing fits. The nearest miss is"
    elif entry.get("demo"):
        lead = "A demo corpus, so nothing to ship. The rule chooses"
    else:
        lead = "Ship"
    return Markdown(f"{lead} {_facts(first['variant'], rows)}.")


def why(first: Mapping[str, Any]) -> Markdown:
    """Say by what rule the variant was chosen, or what it misses."""
    if not first["met"]:
        return Markdown(f"Wanted was {_limits(first)}; it is over by {_misses(first['misses'])}.")
    best = BEST[first["prefer"]]
    if not first["limits"]:
        return Markdown(
            f"Of all {t.count(first['candidates'])} it is the {best} on validation texts."
        )
    return Markdown(f"It is the {best} with {_limits(first)}.")


def cost(variant: str, reference: str | None, rows: pd.DataFrame) -> Markdown:
    """Say what a variant loses and gains against the reference; no speed is claimed that was not shown."""
    if reference is None:
        return Markdown("There is no reference to compare with.")
    if variant == reference:
        return Markdown("Nothing is lost and nothing gained: this is the reference itself.")
    row, base = rows.loc[variant], rows.loc[reference]
    name, gap = t.code(reference), _difference(row, base)["difference"]
    scores = f"from {t.percent(base['accuracy'])} to {t.percent(row['accuracy'])} %"
    if abs(gap) < EQUAL:
        accuracy = f"Its accuracy is that of {name} ({t.percent(row['accuracy'])} %)"
    else:
        verb, against = ("gains", "over") if gap > 0 else ("loses", "against")
        accuracy = f"It {verb} {100 * abs(gap):.2f} points of accuracy {against} {name} ({scores})"
    smaller = base["size_bytes"] / row["size_bytes"]
    told = [
        f"{_times(smaller, 'smaller', 'larger', 'as large')} ({t.size(base['size_bytes'])} before)"
    ]
    told += _speeds(row, base, name)
    return Markdown(f"{accuracy}; it is {', '.join(told)}.")


def _speeds(row: pd.Series, base: pd.Series, name: Markdown) -> list[str]:
    """Say how fast a row is against the reference `base`: where timing shows it, and with its engine."""
    same = row["reference"] == base.name  # the summary's ratios are against this one
    ratio = row["speedup"] if same else base["latency_ms_p50"] / row["latency_ms_p50"]
    engine = f"in the same engine ({t.escape(row['runtime'])})"
    if row["runtime"] != base["runtime"]:
        engines = f"{t.escape(row['runtime'])} instead of {t.escape(base['runtime'])}"
        engine = f"in another engine ({engines}), so not by compression alone"
    told = []
    if claimed(ratio, row["timing_spread"]):
        comma = "," if row["runtime"] != base["runtime"] else ""
        told.append(f"{_times(ratio, 'faster', 'slower', 'as fast')}{comma} {engine}")
    else:
        told.append("not shown to be faster or slower (a file timed twice differs by as much)")
    eager = row["speedup_over_pytorch"]
    if same and not t.missing(eager):
        if claimed(eager, row["timing_spread"]):
            told.append(f"{_times(eager, 'faster', 'slower', 'as fast')} than {name} in PyTorch")
        else:
            told.append(f"not shown to be faster or slower than {name} in PyTorch")
    return told


def sure(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say how sure the accuracy and the difference are, and what another training would change."""
    variant, reference = first["variant"], first["reference"]
    row = rows.loc[variant]
    told = [
        f"The accuracy is {t.percent(row['accuracy'])} % on {t.count(statistics['n_test'])} test texts "
        f"(95 % interval {t.interval(row['accuracy_low'], row['accuracy_high'])})."
    ]
    if reference is not None and reference != variant:
        told.append(_tested(_difference(row, rows.loc[reference]), reference))
    if row["seeds"] > 1:
        told.append(
            f"Over {t.count(row['seeds'])} trainings with different seeds the accuracy's standard deviation "
            f"is {100 * row['accuracy_sd']:.2f} points."
        )
    else:
        told.append("Trained once: what another training would change is not known.")
    return [Markdown(sentence) for sentence in told]


def caveats(first: Mapping[str, Any], statistics: Mapping[str, Any]) -> list[Markdown]:
    """Say what the choice was made on, and what the intervals do not say."""
    meeting = f"; {t.count(first['meeting'])} met the limits" if first["limits"] else ""
    return [
        Markdown(
            f"It was chosen among {t.count(first['candidates'])} on "
            f"{t.count(statistics['n_validation'])} validation texts{meeting}."
        ),
        Markdown(INTERVALS),
    ]


def _tested(test: Mapping[str, Any], reference: str) -> str:
    """Say in words what the paired test found, and what it could have missed."""
    name = t.code(reference)
    if t.missing(test["p"]):
        return f"Its difference to {name} was not tested."
    tail = f"(McNemar's test, {told_p(test['p'])} after Holm's correction)"
    span = f"{t.points_interval(test['low'], test['high'])} points"
    if test["shown"]:
        what = "gain over" if test["difference"] > 0 else "loss against"
        return f"A {what} {name} is shown {tail}: {span} (95 % interval)."
    if test["low"] > 0 or test["high"] < 0:
        return (
            f"By itself the 95 % interval of the difference to {name}, {span}, excludes 0; after correction "
            f"for all comparisons of the data set no difference is shown {tail}."
        )
    worst = -100 * test["low"]
    missed = f"; a loss of up to {worst:.1f} points could have been missed" if worst > 0 else ""
    return (
        f"No difference to {name} is shown {tail}: {span} fit these texts (95 % interval){missed}."
    )


def runner_up(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Say what would be chosen next and what it is short of, empty if there is nothing else."""
    if first["runner_up"] is None:
        return Markdown("")
    over, tail = first["runner_up_misses"], ""
    row, chosen = rows.loc[first["runner_up"]], rows.loc[first["variant"]]
    if over and not first["met"]:
        tail = f", over by {_misses(over)}"
    elif over:
        tail = f", which does not meet the limits: over by {_misses(over)}"
    elif first["prefer"] == "latency" and not claimed(
        row["latency_ms_p50"] / chosen["latency_ms_p50"], chosen["timing_spread"]
    ):
        tail = "; which of the two is faster is not shown (a file timed twice differs by as much)"
    return Markdown(f"{_facts(first['runner_up'], rows)}{tail}.")


def same_family(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Name the best of the reference's own family where the chosen one is of another, else nothing."""
    variant, reference = first["same_family"], first["reference"]
    if variant is None:
        return Markdown("")
    facts = f"{_facts(variant, rows)}. {cost(variant, reference, rows)}"
    family = t.escape(rows.loc[variant, "family"])
    if variant == reference:
        return Markdown(f"If it must be a {family} model, the reference itself: {facts}")
    return Markdown(f"If it must be a {family} model, as {t.code(reference)} is: {facts}")


def recommendation_table(
    recommendations: Sequence[Mapping[str, Any]], rows: pd.DataFrame, entry: Mapping[str, Any]
) -> Markdown:
    """Write one row per budget: its limits, what was chosen, its figures, and the runner-up."""
    lines = []
    for item in recommendations:
        variant, reference = item["variant"], item["reference"]
        line: dict[str, object] = {
            "Budget": t.code(item["budget"]),
            "Chosen": t.EMPTY if variant is None else t.code(variant),
            FITS: "yes" if item["met"] else Markdown(f"**no**, over by {_misses(item['misses'])}"),
        }
        if variant is None:
            line[FITS] = Markdown("**no**, nothing to choose from")
        else:
            row = rows.loc[variant]
            test = NO_TEST if reference is None else _difference(row, rows.loc[reference])
            line |= {
                "Accuracy %": t.percent(row["accuracy"], row["accuracy_sd"]),
                "95 %": t.interval(row["accuracy_low"], row["accuracy_high"]),
                "Macro F1 %": t.percent(row["macro_f1"], row["macro_f1_sd"]),
                "Points": t.EMPTY
                if variant == reference or reference is None
                else t.points(test["difference"]),
                "Points, 95 %": t.points_interval(test["low"], test["high"]),
                "Size": t.size(row["size_bytes"]),
                "p50 ms": t.decimals(row["latency_ms_p50"]),
            }
        line["Runner-up"] = t.EMPTY if item["runner_up"] is None else t.code(item["runner_up"])
        line["Met by"] = Markdown(f"{t.count(item['meeting'])} of {t.count(item['candidates'])}")
        line["Wanted"] = Markdown(
            f"{BEST[item['prefer']]}{', ' if item['limits'] else ''}{_limits(item)}"
        )
        lines.append(line)
    left = ("Budget", "Wanted", "Chosen", FITS, "Runner-up")
    return t.markdown_table(t.frame_of(lines), left=left, note=note_of(entry))


def _difference(row: Mapping[str, Any], base: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the paired comparison with the data set's reference `base`; untested, the plain difference."""
    if t.missing(row["reference_difference"]):
        return {**NO_TEST, "difference": row["accuracy"] - base["accuracy"]}
    return {key: row[f"reference_{key}"] for key in NO_TEST}


def _facts(variant: str, rows: pd.DataFrame) -> str:
    row = rows.loc[variant]
    return (
        f"{t.code(variant)}: {t.size(row['size_bytes'])}, {t.decimals(row['latency_ms_p50'])} ms a text, "
        f"{t.percent(row['accuracy'])} % accuracy"
    )


def _limits(item: Mapping[str, Any]) -> str:
    told = []
    for key, limit in item["limits"].items():
        if key == "max_accuracy_loss":
            points = "point" if limit == 1 else "points"
            base = t.code(item["baseline"] or item["reference"])
            more = f", which is better than {t.code(item['reference'])}" if item["baseline"] else ""
            told.append(
                f"at most {limit:g} {points} of accuracy below {base} on validation texts{more}"
            )
        else:
            told.append(
                f"at most {limit:g} {UNITS[key]}{' a text' if key == 'max_latency_ms' else ''}"
            )
    return " and ".join(told)


def _misses(misses: Mapping[str, float]) -> str:
    return " and ".join(f"{over:.3g} {UNITS[key]}" for key, over in misses.items())


def _times(value: float, above: str, below: str, equal: str) -> str:
    """Say how many times more, or less; two decimals where one would hide the difference."""
    times, word = (value, above) if value >= 1 else (1 / value, below)
    if times < 1.005:
        return f"about {equal}"
    return f"{times:.{2 if times < 1.1 else 1}f}x {word}"
