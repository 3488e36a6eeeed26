"""The recommendation in plain words: what to ship, what it costs, how sure that is, what comes next."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.languages import language_name
from emopress.measure.deciding import Judge, Metric, judge_of
from emopress.measure.summary import claimed
from emopress.report import tables as t
from emopress.report.cautions import cautions
from emopress.report.judged import NO_TEST, compared
from emopress.report.phrases import told_p
from emopress.report.sections import note_of
from emopress.report.tables import Markdown

FITS = "Fits (validation)"  # budgets are met there, and figures are those of test
EQUAL = 5e-5  # a difference that two decimals of a percent do not show
INTERVALS = (
    "The intervals are over texts with this test split's shares of labels: they leave out the spread "
    "between trainings, and they are not corrected for the number of comparisons."
)
BEST = {"size": "smallest", "latency": "fastest"}


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
        "why": why(first, rows),
        "cost": cost(first["variant"], first["reference"], rows),
        "sure": sure(first, rows, statistics),
        "caveats": caveats(first, rows, statistics),
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


def why(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Say by what rule the variant was chosen, or what it misses."""
    judge = judge_of(rows)
    if not first["met"]:
        over = _misses(first["misses"], judge)
        return Markdown(f"Wanted was {_limits(first, judge)}; it is over by {over}.")
    if first["tied"]:
        return Markdown(_of_the_fastest(first, rows))
    best = _best(first, judge)
    if not first["limits"]:
        return Markdown(
            f"Of all {t.count(first['candidates'])} it is the {best} on validation texts."
        )
    return Markdown(f"It is the {best} with {_limits(first, judge)}.")


def _best(item: Mapping[str, Any], judge: Judge) -> str:
    """Say what a budget prefers: smallest, best by accuracy."""
    return BEST.get(item["prefer"], f"best by {judge.metric.name}")


def _of_the_fastest(first: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """Say why the variant was chosen among those that timing cannot tell from the fastest."""
    judge = judge_of(rows)
    scores = rows.loc[first["tied"], judge.metric.validation]
    spread = t.share(rows.loc[first["variant"], "timing_spread"])
    limits = f" with {_limits(first, judge)}" if first["limits"] else ""
    reason = f"the best {judge.metric.name} on validation texts"
    equals = int((scores == scores[first["variant"]]).sum())
    if equals > 1:
        reason += f", as {t.count(equals - 1)} of the others, and the smaller file"
    return (
        f"It is as fast as timing can tell{limits}: of the {t.count(len(scores))} that it cannot tell from "
        f"the fastest (a file timed twice differs by up to {spread}) it has {reason}."
    )


def cost(variant: str, reference: str | None, rows: pd.DataFrame) -> Markdown:
    """Say what a variant loses and gains against the reference; no speed is claimed that was not shown."""
    if reference is None:
        return Markdown("There is no reference to compare with.")
    if variant == reference:
        return Markdown("Nothing is lost and nothing gained: this is the reference itself.")
    row, base, name = rows.loc[variant], rows.loc[reference], t.code(reference)
    changes = [_changed(metric, row, base) for metric in judge_of(rows).told]
    verbs = [verb for verb, _ in changes]
    scores = " and ".join(
        words.replace(" points of", " of")
        if place and verbs[place - 1] == verb
        else f"{verb} {words}"
        for place, (verb, words) in enumerate(changes)
    )
    smaller = base["size_bytes"] / row["size_bytes"]
    told = [
        f"{_times(smaller, 'smaller', 'larger', 'as large')} ({t.size(base['size_bytes'])} before)"
    ]
    told += _speeds(row, base, name)
    return Markdown(f"Against {name} it {scores}; it is {', '.join(told)}.")


def _changed(metric: Metric, row: pd.Series, base: pd.Series) -> tuple[str, str]:
    """Say by how many points a score is off the reference's: loses, 0.50 points of accuracy (from ...)."""
    gap, score = compared(metric, row, base)["difference"], t.percent(row[metric.column])
    if abs(gap) < EQUAL:
        return "has", f"the same {metric.name} ({score} %)"
    verb = "gains" if gap > 0 else "loses"
    span = f"{t.percent(base[metric.column])} to {score} %"
    return verb, f"{100 * abs(gap):.2f} points of {metric.name} ({span})"


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
    """Say whether a difference to the reference is shown, and what another training would change."""
    variant, reference, judge = first["variant"], first["reference"], judge_of(rows)
    row = rows.loc[variant]
    told = []
    if reference is not None and reference != variant:
        told += tested(row, rows.loc[reference], judge, statistics["n_test"])
    if row["seeds"] > 1:
        spreads = [f"{100 * row[f'{m.column}_sd']:.2f} points of {m.name}" for m in judge.told]
        told.append(
            f"Over {t.count(row['seeds'])} trainings with different seeds the standard deviation is "
            f"{' and '.join(spreads)}."
        )
    else:
        told.append("Trained once: what another training would change is not known.")
    return [Markdown(sentence) for sentence in told]


def caveats(
    first: Mapping[str, Any], rows: pd.DataFrame, statistics: Mapping[str, Any]
) -> list[Markdown]:
    """Say how sure scores and differences are, what the choice was made on, and what intervals do not say."""
    variant, reference = first["variant"], first["reference"]
    compare = reference is not None and reference != variant
    differences = (
        _differences(rows.loc[variant], rows.loc[reference], judge_of(rows)) if compare else []
    )
    meeting = f"; {t.count(first['meeting'])} met the limits" if first["limits"] else ""
    return [
        Markdown(_intervals(rows.loc[variant], judge_of(rows), statistics["n_test"])),
        *map(Markdown, differences),
        Markdown(
            f"It was chosen among {t.count(first['candidates'])}, judged by {judge_of(rows).metric.name} on "
            f"{t.count(statistics['n_validation'])} validation texts{meeting}."
        ),
        Markdown(INTERVALS),
    ]


def tested(row: pd.Series, base: pd.Series, judge: Judge, texts: int) -> list[str]:
    """Say in words what the paired tests against the reference `base` found, and what they could have missed.

    Of no difference is spoken only where neither the metric that decides nor macro F1 shows one.
    """
    name = t.code(base.name)
    tests = {metric: compared(metric, row, base) for metric in judge.told}
    if any(t.missing(test["p"]) for test in tests.values()):
        return [f"Its difference to {name} was not tested."]
    shown = {metric: test for metric, test in tests.items() if test["shown"]}
    if not shown:
        return [_none_shown(name, tests, texts)]
    told = []
    for metric, test in shown.items():
        what = "gain over" if test["difference"] > 0 else "loss against"
        span = f"{t.points_interval(test['low'], test['high'])} points"
        told.append(
            f"In {metric.name} a {what} {name} is shown ({told_p(test['p'])}): {span} (95 % interval)."
        )
    told += [
        f"The {metric.name} alone does not show it ({told_p(test['p'])})."
        for metric, test in tests.items()
        if metric not in shown
    ]
    return told


def _none_shown(name: str, tests: Mapping[Metric, Mapping[str, Any]], texts: int) -> str:
    """Say that no test shows a difference, and what could have been missed."""
    by = [f"in {metric.name} ({told_p(test['p'])})" for metric, test in tests.items()]
    text = f"No difference to {name} is shown on {t.count(texts)} test texts"
    text += f"{', neither' * (len(by) > 1)} {' nor '.join(by)}"
    lost = {
        m.name: -100 * test["low"] for m, test in tests.items() if round(1000 * test["low"]) < 0
    }
    missed = [f"{points:.1f} points of {metric}" for metric, points in lost.items()]
    if 1 < len(lost) == len(tests):  # in the order in which they stand
        missed = [f"{points:.1f}" for points in lost.values()]
        missed[-1] += " points"
    return (
        f"{text}; a loss of up to {' or '.join(missed)} could have been missed."
        if missed
        else f"{text}."
    )


def _intervals(row: pd.Series, judge: Judge, texts: int) -> str:
    """Say how sure the scores are."""
    ends = [
        f"of {m.name} {t.interval(row[f'{m.column}_low'], row[f'{m.column}_high'])} %"
        for m in judge.told
    ]
    return f"On {t.count(texts)} test texts the 95 % interval is {', '.join(ends)}."


def _differences(row: pd.Series, base: pd.Series, judge: Judge) -> list[str]:
    """Say which differences to the reference `base` fit the test texts, and how they were tested."""
    tests = {metric: compared(metric, row, base) for metric in judge.told}
    if any(t.missing(test["p"]) for test in tests.values()):
        return []
    spans = [
        f"{t.points_interval(test['low'], test['high'])} points of {metric.name}"
        for metric, test in tests.items()
    ]
    named = {m: f"the {m.test}" if m.test.startswith("paired") else m.test for m in tests}
    by = [f"of {test} for {metric.name}" for metric, test in named.items()]
    if len(set(named.values())) == 1:
        by = [f"of {next(iter(named.values()))}"]
    told = [
        f"Differences to {t.code(base.name)} that fit the test texts: {' and '.join(spans)} "
        f"(95 % interval{'s' * (len(spans) > 1)}); p is that {' and '.join(by)}, after Holm's correction for all "
        "comparisons of the data set."
    ]
    apart = [
        metric.name
        for metric, test in tests.items()
        if not test["shown"] and (test["low"] > 0 or test["high"] < 0)
    ]
    if apart:
        told.append(f"By itself the interval of {' and that of '.join(apart)} excludes 0.")
    return told


def runner_up(first: Mapping[str, Any], rows: pd.DataFrame) -> Markdown:
    """Say what would be chosen next and what it is short of, empty if there is nothing else."""
    if first["runner_up"] is None:
        return Markdown("")
    over, tail, judge = first["runner_up_misses"], "", judge_of(rows)
    if over and not first["met"]:
        tail = f", over by {_misses(over, judge)}"
    elif over:
        tail = f", which does not meet the limits: over by {_misses(over, judge)}"
    elif first["runner_up"] in first["tied"]:
        scores = [
            f"{t.percent(rows.loc[name, judge.metric.validation])} %"
            for name in (first["runner_up"], first["variant"])
        ]
        told = (
            f"{judge.metric.name} on validation texts is {scores[0]}, the chosen one's {scores[1]}"
        )
        tail = f"; which of the two is faster is not shown, and its {told}"
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
    lines, judge = [], judge_of(rows)
    for item in recommendations:
        variant, reference = item["variant"], item["reference"]
        line: dict[str, object] = {
            "Budget": t.code(item["budget"]),
            "Chosen": t.EMPTY if variant is None else t.code(variant),
            FITS: "yes"
            if item["met"]
            else Markdown(f"**no**, over by {_misses(item['misses'], judge)}"),
        }
        if variant is None:
            line[FITS] = Markdown("**no**, nothing to choose from")
        else:
            row = rows.loc[variant]
            base = None if reference in (None, variant) else rows.loc[reference]
            for metric in judge.told:
                name = metric.column
                test = NO_TEST if base is None else compared(metric, row, base)
                line[f"{metric.title} %"] = t.percent(row[name], row[f"{name}_sd"])
                if metric is judge.metric:
                    line["95 %"] = t.interval(row[f"{name}_low"], row[f"{name}_high"])
                    line["Points"] = t.points(test["difference"])
                    line["Points, 95 %"] = t.points_interval(test["low"], test["high"])
                else:
                    line[f"{metric.title} points"] = t.points(test["difference"])
            line["Size"] = t.size(row["size_bytes"])
            line["p50 ms"] = t.decimals(row["latency_ms_p50"])
        line["Runner-up"] = t.EMPTY if item["runner_up"] is None else t.code(item["runner_up"])
        line["Met by"] = Markdown(f"{t.count(item['meeting'])} of {t.count(item['candidates'])}")
        line["Wanted"] = Markdown(
            f"{_best(item, judge)}{', ' if item['limits'] else ''}{_limits(item, judge)}"
        )
        lines.append(line)
    left = ("Budget", "Wanted", "Chosen", FITS, "Runner-up")
    return t.markdown_table(t.frame_of(lines), left=left, note=note_of(entry))


def _facts(variant: str, rows: pd.DataFrame) -> str:
    row = rows.loc[variant]
    scores = [f"{t.percent(row[metric.column])} % {metric.name}" for metric in judge_of(rows).told]
    size, latency = t.size(row["size_bytes"]), t.decimals(row["latency_ms_p50"])
    return f"{t.code(variant)}: {size}, {latency} ms a text, {', '.join(scores)}"


def _limits(item: Mapping[str, Any], judge: Judge) -> str:
    told = []
    for key, limit in item["limits"].items():
        if metric := judge.limited(key):
            points = "point" if limit == 1 else "points"
            base = t.code(item["baseline"] or item["reference"])
            more = f", which is better than {t.code(item['reference'])}" if item["baseline"] else ""
            told.append(
                f"at most {limit:g} {points} of {metric.name} below {base} on validation texts{more}"
            )
        else:
            each = " a text" if key == "max_latency_ms" else ""
            told.append(f"at most {limit:g} {judge.unit(key)}{each}")
    return " and ".join(told)


def _misses(misses: Mapping[str, float], judge: Judge) -> str:
    return " and ".join(f"{over:.3g} {judge.unit(key)}" for key, over in misses.items())


def _times(value: float, above: str, below: str, equal: str) -> str:
    """Say how many times more, or less; two decimals where one would hide the difference."""
    times, word = (value, above) if value >= 1 else (1 / value, below)
    if times < 1.005:
        return f"about {equal}"
    return f"{times:.{2 if times < 1.1 else 1}f}x {word}"
