"""Trade-offs of cost and score: the Pareto front, and the best of the models that differ in their layers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, variance
from typing import Any

LEAST = 4  # models with different layers; with fewer there is no trade-off to study


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[bool]:
    """Say for each row whether it is on the front of low `cost` and high `gain`.

    A row is off the front when another has a cost no higher and a gain no lower, and is strictly
    better in one of the two; rows that are equal in both are on or off it together. A NaN is an error.
    """
    if len(cost) != len(gain):
        raise ValueError(f"{len(cost)} costs, {len(gain)} gains")
    if any(value != value for value in (*cost, *gain)):
        raise ValueError("a row of a Pareto front has no value")
    optimal = [False] * len(cost)
    best = float("-inf")
    best_cost = float("nan")
    for row in sorted(range(len(cost)), key=lambda i: (cost[i], -gain[i])):
        if gain[row] > best:
            best, best_cost = gain[row], cost[row]
            optimal[row] = True
        elif gain[row] == best and cost[row] == best_cost:
            optimal[row] = True
    return optimal


def front_steps(cost: Sequence[float], gain: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the corners (costs, gains) of the front as a staircase, cheapest first.

    Between two points of the front the best available gain is that of the cheaper one, so the line is
    flat up to the next cost and then rises.
    """
    optimal = pareto_front(cost, gain)
    points = sorted({(cost[i], gain[i]) for i in range(len(cost)) if optimal[i]})
    xs: list[float] = []
    ys: list[float] = []
    for x, y in points:
        if ys:
            xs.append(x)
            ys.append(ys[-1])
        xs.append(x)
        ys.append(y)
    return xs, ys


def layer_grid(variants: Iterable[str], models: Mapping[str, Any]) -> list[str]:
    """Return the dense models without passes among `variants`, if LEAST of them differ in their layers."""
    roots = [name for name in variants if models.get(name, {}).get("family") == "dense"]
    shapes = {tuple(models[name]["layers"]) for name in roots}
    return roots if len(shapes) >= LEAST else []


@dataclass(frozen=True)
class TradeOff:
    """The best trade-off: the models `within` one standard error of the `best`, and the smallest of them.

    `floor` is the lowest score within one standard error.
    """

    best: str
    floor: float
    within: list[str]
    smallest: str


def best_trade_off(
    validation: Mapping[str, Sequence[float]], cost: Mapping[str, float]
) -> TradeOff | None:
    """Apply the one-standard-error rule to scores on validation, a list per model, one per seed.

    Breiman, Friedman, Olshen, Stone 1984, "Classification and Regression Trees", section 3.4.3: of
    the models whose mean score is at least the best mean less its standard error the simplest one is
    taken; here that is the one with the lowest `cost`, among equal ones the first. The standard error
    s / sqrt(n) is that of a mean over n seeds: all models are evaluated on the same texts, so it covers
    other seeds, not other texts. s is pooled over the models (the root of the sum of their squared
    deviations over that of their n - 1), since a few seeds of one model say little about its spread.
    None if a model has one seed.
    """
    if min(len(scores) for scores in validation.values()) < 2:
        return None
    means = {name: mean(scores) for name, scores in validation.items()}
    best = max(means, key=lambda name: means[name])
    freedom = sum(len(scores) - 1 for scores in validation.values())
    squares = sum((len(scores) - 1) * variance(scores) for scores in validation.values())
    floor = means[best] - sqrt(squares / freedom / len(validation[best]))
    within = [name for name in means if means[name] >= floor]
    return TradeOff(best, floor, within, min(within, key=lambda name: cost[name]))
