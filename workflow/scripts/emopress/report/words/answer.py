"""The recommendation in words: what to ship, what it costs, how certain that is, and what comes next."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import pandas as pd

from emopress.data.languages import language_name
from emopress.measure.deciding import Metric, judge_of
from emopress.measure.details import trade_off_of, trials_of
from emopress.measure.summary import claimed
from emopress.report.words import markup as t
from emopress.report.words.cautions import cautions
from emopress.report.words.certainty import caveats, sure
from emopress.report.words.contrasts import compared
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import limits_phrase, misses_phrase, preference

EQUAL = 5e-5  # a smaller difference does not show in two decimals of a percent


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
    """Return the answer that heads the report of one data set, from its first budget, in Markdown.

    Keys: `headline` and `why` (what to ship and by what rule), `cost`, `runner_up` and `same_family`
    (each may be empty), the lists of sentences `sure`, `caveats` (less urgent) and `warnings`, and
    `dataset`, `title`, `language`, `demo`, `budget` and `variant`, unformatted.
    `rows`: the summary's, indexed by variant; `details`: variant -> seed -> entry; `licences`: variant
    -> licences as stated by the checkpoints that it was made from.
    """
    first = recommendations[0]
    facts: dict[str, Any] = {
        "dataset": dataset,
        "title": entry.get("title") or dataset,
        "language": language_name(entry.get("language") or ""),
        "demo": bool(entry.get("demo")),
        "budget": first["budget"],
        "variant": first["variant"],
    }
    if first["variant"] is None:
        return facts | {
            "headline": Markdown("Nothing can be recommended."),
            "why": Markdown("Every variant is simulated or was not measured."),
            **dict.fromkeys(("cost", "runner_up", "same_family"), Markdown("")),
            **{key: [] for key in ("sure", "caveats", "warnings")},
        }
    return facts | {
        "headline": headline(first, rows, entry),
        "why": why(first, rows),
        "cost": cost(first["variant"], first["reference"], rows),
        "sure": sure(first, rows, statistics),
        "caveats": caveats(first, rows, statistics),
        "runner_up": runner_up(first, rows),
        "same_family": same_family(first, rows),
        "warnings": cautions(first, rows, entry, details, licences or {}, statistics),
    }


def headline(first: Mapping[str, Any], rows: pd.DataFrame, entry: Mapping[str, Any]) -> Markdown:
    """Say which variant to ship, with its main numbers."""
    if not first["met"]:
        lead = "No variant fits. The nearest miss is"
    elif entry.get("demo"):
        lead = "This is a demo corpus, so there is nothing to ship. The rule would choose"
    else:
        lead = "Ship"
    return Markdown(f"{lead} {_facts(first['variant'], rows)}.")


def why(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Say by what rule the variant was chosen, or which limits it exceeds."""
    judge = judge_of(rows)
    if not first["met"]:
        over = misses_phrase(first["misses"], judge)
        return Markdown(
            f"The budget asks for {limits_phrase(first, judge)}; this one is over by {over}."
        )
    if first["tied"]:
        return Markdown(_of_the_fastest(first, rows))
    best = preference(first, judge)
    if not first["limits"]:
        return Markdown(
            f"Of all {t.count(first['candidates'])} variants it is the {best} on validation texts."
        )
    return Markdown(f"It is the {best} with {limits_phrase(first, judge)}.")


def _of_the_fastest(first: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """Say why the variant was chosen among those that are as fast as the fastest, within timing error."""
    judge = judge_of(rows)
    scores = rows.loc[first["tied"], judge.metric.validation]
    spread = t.share(rows.loc[first["variant"], "timing_spread"])
    limits = f" with {limits_phrase(first, judge)}" if first["limits"] else ""
    reason = f"the best {judge.metric.name} on validation texts"
    equals = int((scores == scores[first["variant"]]).sum())
    if equals > 1:
        reason += f" (as have {t.count(equals - 1)} of the others) and the smaller file"
    return (
        f"It is one of the fastest{limits}: timing cannot tell {t.count(len(scores))} variants apart (the same file, "
        f"timed twice, differs by up to {spread}); of these it has {reason}."
    )


def cost(variant: str, reference: str | None, rows: pd.DataFrame) -> Markdown:
    """Say what a variant loses and gains against the reference; only speedups that timing shows are claimed."""
    if reference is None:
        return Markdown("There is no reference to compare it with.")
    if variant == reference:
        return Markdown("Nothing is lost or gained: this is the reference itself.")
    row, base, name = rows.loc[variant], rows.loc[reference], t.code(reference)
    changes = [_changed(metric, row, base) for metric in judge_of(rows).reported]
    verbs = [verb for verb, _ in changes]
    scores = " and ".join(
        words.replace(" points of", " of")
        if place and verbs[place - 1] == verb
        else f"{verb} {words}"
        for place, (verb, words) in enumerate(changes)
    )
    smaller = base["size_bytes"] / row["size_bytes"]
    before = t.size(base["size_bytes"])
    size = f"{_times(smaller, 'smaller', 'larger', 'as large')} ({before} before)"
    return Markdown(
        f"Against {name} it {scores}; it is {', '.join([size, *_speeds(row, base, name)])}."
    )


def _changed(metric: Metric, row: pd.Series, base: pd.Series) -> tuple[str, str]:
    """Say by how many points a score differs from the reference's: loses, 0.50 points of accuracy (from ...)."""
    gap, score = compared(metric, row, base)["difference"], t.percent(row[metric.column])
    if abs(gap) < EQUAL:
        return "has", f"the same {metric.name} ({score} %)"
    verb = "gains" if gap > 0 else "loses"
    span = f"{t.percent(base[metric.column])} to {score} %"
    return verb, f"{100 * abs(gap):.2f} points of {metric.name} ({span})"


def _speeds(row: pd.Series, base: pd.Series, name: Markdown) -> list[str]:
    """Say how fast a row is against the reference `base`, if timing shows it, and in which engine."""
    same = row["reference"] == base.name  # the summary's ratios are against this one
    ratio = row["speedup"] if same else base["latency_ms_p50"] / row["latency_ms_p50"]
    engine = f" in the same engine ({t.escape(row['runtime'])})"
    if row["runtime"] != base["runtime"]:
        engines = f"{t.escape(row['runtime'])} instead of {t.escape(base['runtime'])}"
        engine = f" (in another engine, {engines}, so not through compression alone)"
    speeds = ["not shown to be faster or slower (the same file, timed twice, differs by as much)"]
    if claimed(ratio, row["timing_spread"]):
        speeds = [f"{_times(ratio, 'faster', 'slower', 'as fast')}{engine}"]
    eager = row["speedup_over_pytorch"]
    if same and not t.missing(eager):
        speed = "not shown to be faster or slower"
        if claimed(eager, row["timing_spread"]):
            speed = _times(eager, "faster", "slower", "as fast")
        speeds.append(f"{speed} than {name} in PyTorch")
    return speeds


def runner_up(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Name the second choice and say why it was not chosen; empty if there is none."""
    if first["runner_up"] is None:
        return Markdown("")
    over, tail, judge = first["runner_up_misses"], "", judge_of(rows)
    if over and not first["met"]:
        tail = f", over by {misses_phrase(over, judge)}"
    elif over:
        tail = f", which exceeds the limits by {misses_phrase(over, judge)}"
    elif first["runner_up"] in first["tied"]:
        scores = [
            f"{t.percent(rows.loc[name, judge.metric.validation])} %"
            for name in (first["runner_up"], first["variant"])
        ]
        score = f"{judge.metric.name} on validation texts is {scores[0]}, that of the chosen one {scores[1]}"
        tail = f"; neither is shown to be faster, and its {score}"
    return Markdown(f"{_facts(first['runner_up'], rows)}{tail}.")


def same_family(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Name the best variant of the reference's family if the chosen one is of another, else nothing."""
    variant, reference = first["same_family"], first["reference"]
    if variant is None:
        return Markdown("")
    facts = f"{_facts(variant, rows)}. {cost(variant, reference, rows)}"
    family = t.escape(rows.loc[variant, "family"])
    if variant == reference:
        return Markdown(f"If it must be a {family} model, ship the reference itself: {facts}")
    return Markdown(f"If it must be a {family} model like {t.code(reference)}, ship {facts}")


def _facts(variant: str, rows: pd.DataFrame) -> str:
    row = rows.loc[variant]
    scores = [
        f"{t.percent(row[metric.column])} % {metric.name}" for metric in judge_of(rows).reported
    ]
    size, latency = t.size(row["size_bytes"]), t.decimals(row["latency_ms_p50"])
    return f"{t.code(variant)}: {size}, {latency} ms per text, {', '.join(scores)}"


def _times(value: float, above: str, below: str, equal: str) -> str:
    """Say how many times more or less; with two decimals if one would hide the difference."""
    times, word = (value, above) if value >= 1 else (1 / value, below)
    if times < 1.005:
        return f"about {equal}"
    return f"{times:.{2 if times < 1.1 else 1}f}x {word}"


def trade_off_phrase(
    table: pd.DataFrame, details: Mapping[str, Any], models: Sequence[str]
) -> Markdown:
    """Say which models are the best trade-off; `models` as in `trials_of`."""
    trials = trials_of(table, details, models)
    best = trade_off_of(trials)
    if best is None:
        return Markdown(
            "No trade-off is named: with one seed it is not known what another seed would change."
        )
    metric = judge_of(table).metric
    first, small = (f"{100 * mean(trials[name].test):.2f} %" for name in (best.best, best.smallest))
    other = "" if best.smallest == best.best else f" ({t.code(best.best)}: {first})"
    return Markdown(
        f"The best on validation by {metric.name} is {t.code(best.best)} "
        f"({t.percent(mean(trials[best.best].validation))} %). Within one standard error of it are "
        f"{t.join([t.code(name) for name in best.within])}. The smallest of these is {t.code(best.smallest)} with "
        f"{t.size(trials[best.smallest].size_bytes)} and a {metric.name} of {small} on test{other}."
    )
