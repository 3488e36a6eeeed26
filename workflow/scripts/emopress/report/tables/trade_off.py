"""The trials of the trade-off study, from result files: layers, size and score by seed; and the answer."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.report.grid import TradeOff, best_trade_off
from emopress.report.results import DETAILS, recipe_of
from emopress.report.tables import markdown as t
from emopress.report.tables.markdown import Markdown

SPLITS = ("validation", "test")


class Trials(NamedTuple):
    """A model's layers, the bytes of its bundle, and what decides, by seed, on validation and test."""

    layers: list[int]
    size_bytes: float
    validation: list[float]
    test: list[float]


def trials_of(
    table: pd.DataFrame, details: Mapping[str, Any], models: Sequence[str]
) -> dict[str, Trials]:
    """Return the trials of the dense `models` of a data set, given its rows and its details."""
    found, column = {}, judge_of(table).metric.column
    for name in models:
        entries = list(details[name].values())
        if any("scores" not in entry for entry in entries):
            raise UserError(f"{DETAILS}: {name}: no key scores; aggregate again")
        found[name] = Trials(
            list(recipe_of(details[name])[0]["layers"]),
            float(table.loc[name, "size_bytes"]),
            *([float(e["scores"][split][column]) for e in entries] for split in SPLITS),
        )
    return found


def trade_off_of(trials: Mapping[str, Trials]) -> TradeOff | None:
    """Return the best trade-off of what decides on validation against the size of the bundle."""
    return best_trade_off(
        {name: one.validation for name, one in trials.items()},
        {name: one.size_bytes for name, one in trials.items()},
    )


def trade_off_told(
    table: pd.DataFrame, details: Mapping[str, Any], models: Sequence[str]
) -> Markdown:
    """Say which models are the best trade-off; `models` as in `trials_of`."""
    trials = trials_of(table, details, models)
    found = trade_off_of(trials)
    if found is None:
        return Markdown(
            "With one seed nothing tells what another would change: no trade-off is named."
        )
    metric = judge_of(table).metric
    small, best = trials[found.smallest], trials[found.best]
    told = (
        f"Best on validation by {metric.name} is {t.code(found.best)} ({t.percent(mean(best.validation))} %); "
        f"within one standard error of it: {t.join([t.code(name) for name in found.within])}. The smallest of these, "
        f"{t.code(found.smallest)}, has {t.size(small.size_bytes)} and on test a {metric.name} of "
        f"{t.percent(mean(small.test))} %"
    )
    other = "" if small is best else f", {t.code(found.best)} {t.percent(mean(best.test))} %"
    return Markdown(f"{told}{other}.")
