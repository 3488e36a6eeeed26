"""The Pareto front: the rows that no other row beats on cost and score at once."""

from collections.abc import Sequence


def pareto_front(cost: Sequence[float], gain: Sequence[float]) -> list[bool]:
    """Say for each row whether it is on the front of low `cost` and high `gain`.

    A row is off the front when another has a cost no higher and a gain no lower, and is strictly
    better in one of the two; rows that are equal in both stand or fall together. A NaN is an error.
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

    Between two points of the front the best that can be had is the cheaper one's gain, so the line
    runs flat to the next cost and then rises.
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
