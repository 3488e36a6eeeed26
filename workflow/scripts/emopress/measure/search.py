"""Which trial of a search is chosen: the best that meets every budget, else the one that misses least."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PREFERRED = {  # what is the least of the best trial
    "accuracy": lambda trial: -trial.macro_f1,
    "size": lambda trial: trial.size_bytes,
    "latency": lambda trial: trial.latency_ms,
}
SPENT = {  # what of a trial a budget limits, in the budget's unit
    "max_size_mb": lambda trial: trial.size_bytes / 1e6,
    "max_latency_ms": lambda trial: trial.latency_ms,
    "max_accuracy_loss": lambda trial: trial.accuracy_loss,
}
UNITS = {"max_size_mb": "MB", "max_latency_ms": "ms", "max_accuracy_loss": "points of accuracy"}
ROUNDING = 1e-9  # 100 * (0.92 - 0.91) is a little more than 1


@dataclass(frozen=True)
class Trial:
    """What a search knows of one variant; scores are fractions of the validation texts."""

    variant: str
    accuracy: float
    macro_f1: float
    accuracy_loss: float  # points (percent) below the parent; negative where the trial is better
    size_bytes: int
    latency_ms: float


@dataclass(frozen=True)
class Choice:
    """The chosen trial's place, whether it meets every budget, and what it is over by if not.

    `misses`: name of the budget -> how far above the limit, in the budget's unit.
    """

    index: int
    met: bool
    misses: dict[str, float]


def misses(trial: Trial, budget: Mapping[str, float]) -> dict[str, float]:
    """Return by how much a trial is above each limit that it breaks; a limit itself is allowed."""
    over = {name: SPENT[name](trial) - limit for name, limit in budget.items()}
    return {name: excess for name, excess in over.items() if excess > ROUNDING}


def worst_excess(trial: Trial, budget: Mapping[str, float]) -> float:
    """Return the largest excess over a limit as a share of that limit, 0 if all are met.

    A limit on the loss of accuracy may be 0, or close to it: an excess over it counts as a share of
    one point at least.
    """
    scale = {
        name: max(limit, 1.0) if name == "max_accuracy_loss" else limit
        for name, limit in budget.items()
    }
    return max((over / scale[name] for name, over in misses(trial, budget).items()), default=0.0)


def ranking(trials: Sequence[Trial], *, budget: Mapping[str, float], prefer: str) -> list[Trial]:
    """Return `trials` from the best to the worst.

    First those that meet every limit of `budget`, the best by `prefer` (accuracy is macro F1) ahead;
    then the others, the smallest `worst_excess` ahead. Of equals the smaller file, then the higher
    macro F1, then the lower latency, then the name that comes first.
    """

    def order(trial: Trial) -> tuple[float | str, ...]:
        best = PREFERRED[prefer](trial)
        ties = (trial.size_bytes, -trial.macro_f1, trial.latency_ms, trial.variant)
        return (worst_excess(trial, budget), best, *ties)

    return sorted(trials, key=order)


def choose(trials: Sequence[Trial], *, budget: Mapping[str, float], prefer: str) -> Choice:
    """Return the choice among `trials`, of which there must be one at least: the first of `ranking`.

    Where none meets every limit of `budget` that is the nearest miss.
    """
    chosen = ranking(trials, budget=budget, prefer=prefer)[0]
    over = misses(chosen, budget)
    return Choice(list(trials).index(chosen), not over, over)
