"""The table of the budgets: what each asks for, what was chosen, and what comes next."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emopress.measure.deciding import judge_of
from emopress.report.words import markup as t
from emopress.report.words.contrasts import NO_TEST, compared
from emopress.report.words.markup import Markdown
from emopress.report.words.phrases import limits_phrase, misses_phrase, preference

FITS = "Fits (validation)"  # limits are checked on validation texts; the scores are those of test texts


def recommendation_table(
    recommendations: Sequence[Mapping[str, Any]], rows: pd.DataFrame
) -> Markdown:
    """Write one row per budget: its limits, the chosen variant, its scores and costs, and the runner-up."""
    judge = judge_of(rows)
    lines = []
    for item in recommendations:
        variant, reference = item["variant"], item["reference"]
        line: dict[str, object] = {
            "Budget": t.code(item["budget"]),
            "Asks for": Markdown(
                ", ".join(filter(None, (preference(item, judge), limits_phrase(item, judge))))
            ),
            "Chosen": t.EMPTY if variant is None else t.code(variant),
        }
        if variant is None:
            line[FITS] = Markdown("**no**, nothing to choose from")
        else:
            over = f"**no**, over by {misses_phrase(item['misses'], judge)}"
            line[FITS] = Markdown("yes" if item["met"] else over)
            row = rows.loc[variant]
            base = None if reference in (None, variant) else rows.loc[reference]
            for metric in judge.reported:
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
        line["Met by"] = f"{t.count(item['meeting'])} of {t.count(item['candidates'])}"
        lines.append(line)
    return t.table(lines, left=("Budget", "Asks for", "Chosen", FITS, "Runner-up"))
