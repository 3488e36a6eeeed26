"""Facts from results/details.json: recipes, decisions by label, and the trials of a trade-off study."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.pareto import TradeOff, best_trade_off

DETAILS = "results/details.json"
SPLITS = ("validation", "test")


def passes_of(recipe: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the passes of a recipe, in order; a model is the step that has a family.

    There can be more than in the variant's name: a search adds the passes of its choice.
    """
    return [step for step in recipe if "family" not in step]


def recipe_of(seeds: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the recipe of a variant's first seed, given its details."""
    return list(next(iter(seeds.values()))["recipe"])


def kind_and_method(step: Mapping[str, Any]) -> str:
    """Return the kind of a pass and, if it has one, its method; unlike `recipe.sort_of`, one for all distillations."""
    return " ".join(str(step[key]) for key in ("kind", "method") if key in step)


def last_sorts(details: Mapping[str, Any], families: Mapping[str, str]) -> dict[str, str]:
    """Return for each variant of one dataset the sort of its last pass, or its family if it has no pass.

    `details`: variant -> seed -> entry; `families`: variant -> family.
    """
    sorts = {}
    for variant, family in families.items():
        passes = passes_of(recipe_of(details[variant]))
        sorts[variant] = kind_and_method(passes[-1]) if passes else family
    return sorts


def test_texts(seeds_of: Mapping[str, Any]) -> int:
    """Return the number of test texts of one dataset's details; UserError if variants differ."""
    sizes = {entry["n_test"] for seeds in seeds_of.values() for entry in seeds.values()}
    if len(sizes) != 1:
        raise UserError(f"{DETAILS}: n_test differs between variants: {sorted(sizes)}")
    return int(sizes.pop())


def predicted_counts(seeds: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> list[float]:
    """Return how many test texts a variant gives each label, mean over its seeds."""
    if all("label_confusion" in entry for entry in seeds.values()):
        tables = np.array([entry["label_confusion"] for entry in seeds.values()])  # [S, C, 2, 2]
        given = tables[:, :, :, 1].sum(axis=2)
    else:
        given = np.array([entry["confusion"] for entry in seeds.values()]).sum(axis=1)
    return [float(count) for count in given.mean(axis=0)[: len(labels)]]


def label_decisions(seeds: Mapping[str, Mapping[str, Any]]) -> dict[str, list[int]]:
    """Return per kind of decision its counts by label, summed over the seeds of one variant.

    TP: texts that have the label and are given it, FP: given without having it, FN: not given though
    they have it, TN: neither. Empty where a text has one label.
    """
    if not all("label_confusion" in entry for entry in seeds.values()):
        return {}
    summed = np.sum([entry["label_confusion"] for entry in seeds.values()], axis=0)  # [C, 2, 2]
    places = {"TP": (1, 1), "FP": (0, 1), "FN": (1, 0), "TN": (0, 0)}  # true, predicted
    return {name: summed[:, true, predicted].tolist() for name, (true, predicted) in places.items()}


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
    trials, column = {}, judge_of(table).metric.column
    for name in models:
        entries = list(details[name].values())
        if any("scores" not in entry for entry in entries):
            raise UserError(f"{DETAILS}: {name}: no key scores; aggregate again")
        trials[name] = Trials(
            list(recipe_of(details[name])[0]["layers"]),
            float(table.loc[name, "size_bytes"]),
            *([float(e["scores"][split][column]) for e in entries] for split in SPLITS),
        )
    return trials


def trade_off_of(trials: Mapping[str, Trials]) -> TradeOff | None:
    """Return the best trade-off between the metric that decides, on validation, and the size of the bundle."""
    return best_trade_off(
        {name: one.validation for name, one in trials.items()},
        {name: one.size_bytes for name, one in trials.items()},
    )


def prunes_single_weights(details: Mapping[str, Any]) -> bool:
    """Say whether a variant of one data set was pruned weight by weight.

    A student of a pruned teacher does not have its zeros.
    """
    for seeds in details.values():
        sorts = [kind_and_method(step) for step in passes_of(recipe_of(seeds))]
        students = [place for place, sort in enumerate(sorts) if sort == "distill"]
        if "prune magnitude" in sorts[students[-1] if students else 0 :]:
            return True
    return False
