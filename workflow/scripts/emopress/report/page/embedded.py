"""The data that the page embeds: numbers and words of its table, figures and explorer."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.details import last_sorts
from emopress.measure.exact import FEW_IN_CELL
from emopress.measure.pareto import front_steps
from emopress.measure.results import recipe_order
from emopress.report.figures.looks import looks_of
from emopress.report.page.charts import look_of
from emopress.report.page.columns import GROUPS, NEEDED, Column, columns_of, described
from emopress.report.page.explorer import explained, rounded

Details = Mapping[str, Any]
COSTS = ("size_bytes", "latency_ms_p50")


def page_data(
    *,
    summary: pd.DataFrame,
    details: Mapping[str, Details],
    statistics: Mapping[str, Mapping[str, Any]],
    recommendation: Mapping[str, Sequence[Mapping[str, Any]]],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float | None]]]],
    datasets: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the data that `write_page` embeds, rounded, with data sets in the order of the summary.

    `summary` has one row per variant; `details`: data set -> variant -> seed -> entry; `curves`: data
    set -> variant -> rows of epoch, loss and validation_macro_f1; `datasets`: the config's entries.
    Statistics, recommendation and curves may lack a data set or a variant, which is then shown without them.
    """
    absent = [column for column in NEEDED if column not in summary.columns]
    if absent:
        raise UserError(f"results/summary.csv: no column {', '.join(absent)}")
    return {
        "groups": GROUPS,
        "datasets": [
            _dataset(
                name,
                summary[summary["dataset"] == name],
                details.get(name, {}),
                statistics.get(name, {}),
                recommendation.get(name, []),
                curves.get(name, {}),
                datasets.get(name, {}),
            )
            for name in summary["dataset"].unique()
        ],
    }


def _dataset(
    name: str,
    rows: pd.DataFrame,
    details: Details,
    statistics: Mapping[str, Any],
    chosen: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Sequence[Mapping[str, float | None]]],
    entry: Mapping[str, Any],
) -> dict[str, Any]:
    lacking = [variant for variant in rows["variant"] if variant not in details]
    if lacking:
        raise UserError(f"results/details.json: {name}, {lacking[0]}: no such entry")
    table = rows.set_index("variant").loc[recipe_order(list(rows["variant"]))]
    families = (
        dict(table["family"]) if "family" in table else dict.fromkeys(table.index, "transformer")
    )
    sorts = last_sorts(details, families)
    looks = looks_of(list(dict.fromkeys(sorts.values())))
    words = list(dict.fromkeys(look.words for look in looks.values()))
    columns, judge = columns_of(table), judge_of(table)
    gains = list(dict.fromkeys([*judge.reported, judge.accuracy]))
    reference = statistics.get("reference") or _first(table.get("reference"))
    named = _labelled(table.index, chosen, reference, statistics.get("linear"))
    tested = statistics.get("variants", {})
    return {
        "name": name,
        "title": entry.get("title") or name,
        "language": entry.get("language") or "",
        "demo": bool(entry.get("demo")),
        "labels": list(entry.get("labels", [])),
        "few": FEW_IN_CELL,
        "n_test": statistics.get("n_test"),
        "reference": reference,
        "linear": statistics.get("linear"),
        "first": next((c["variant"] for c in chosen if c.get("variant") in table.index), None),
        "columns": described(columns),
        "looks": [look_of(look) for look in {look.words: look for look in looks.values()}.values()],
        "gains": [{"key": m.key, "column": m.column, "title": m.title} for m in gains],
        "fronts": {x: {m.key: _front(table, x, m.column) for m in gains} for x in COSTS},
        "rows": [
            {
                "variant": variant,
                "look": words.index(looks[sorts[variant]].words),
                "runtime": str(row.get("runtime", "")),
                "simulated": str(row.get("simulated", False)).lower() in ("true", "1"),
                "badges": named.get(variant, []),
                "values": [_value(row, column) for column in columns],
                "texts": [str(column.form(row)) for column in columns],
                "ends": {
                    m.key: [rounded(row.get(f"{m.column}_{end}")) for end in ("low", "high")]
                    for m in gains
                },
            }
            for variant, row in table.iterrows()
        ],
        "variants": {
            variant: explained(
                name,
                variant,
                details[variant],
                tested.get(variant, {}),
                curves.get(variant, []),
                entry,
                judge,
                statistics.get("n_test", 0),
            )
            for variant in table.index
        },
    }


def _labelled(
    variants: Sequence[str],
    chosen: Sequence[Mapping[str, Any]],
    reference: str | None,
    linear: str | None,
) -> dict[str, list[str]]:
    """Return the badges of variants: budgets they are chosen for, reference, linear baseline."""
    named: dict[str, list[str]] = {}
    for choice in chosen:
        if choice.get("variant") in variants:
            words = str(choice["budget"]) + ("" if choice.get("met", True) else " (nearest miss)")
            named.setdefault(choice["variant"], []).append(words)
    for variant, words in ((reference, "reference"), (linear, "linear baseline")):
        if variant in variants and variant is not None:
            named.setdefault(variant, []).append(words)
    return named


def _front(table: pd.DataFrame, cost: str, gain: str) -> list[list[float | None]]:
    """Return the corners of the Pareto front, extended from the best score to the highest cost."""
    whole = table[[cost, gain]].dropna()
    xs, ys = front_steps(whole[cost].tolist(), whole[gain].tolist())
    if xs:
        xs, ys = [*xs, float(whole[cost].max())], [*ys, ys[-1]]
    return [[rounded(x), rounded(y)] for x, y in zip(xs, ys, strict=True)]


def _value(row: Any, column: Column) -> float | str | None:
    value = row[column.key]
    return value if isinstance(value, str) else rounded(value)


def _first(cells: Any) -> str | None:
    if cells is None or not len(cells) or pd.isna(cells.iloc[0]):
        return None
    return str(cells.iloc[0])


def shown_answers(context: Mapping[str, Any], data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answer of each data set with `more`, pairs (term, Markdown), and `link`.

    `link` leads to the variant in the explorer, None if it is not there.
    """
    embedded = {dataset["name"]: dataset["variants"] for dataset in data["datasets"]}
    answers = []
    for answer in (dataset["answer"] for dataset in context["datasets"]):
        name, variant = answer["dataset"], answer["variant"]
        more = [("Runner-up", answer["runner_up"]), ("Same family", answer["same_family"])]
        answers.append(
            {
                **answer,
                "more": [(term, words) for term, words in more if words],
                "link": f"#{name}/{variant}" if variant in embedded.get(name, {}) else None,
            }
        )
    return answers
