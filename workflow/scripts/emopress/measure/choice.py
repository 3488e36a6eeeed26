"""Which trial of a search is chosen: the best that meets every budget, else the one that misses least."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emopress.measure.deciding import LOSSES, MACRO_F1, Judge, Metric

ROUNDING = 1e-9  # 100 * (0.92 - 0.91) is a little more than 1


@dataclass(frozen=True)
class Trial:
    """What a search knows of one variant; scores are fractions of the validation texts."""

    variant: str
    judge: Judge
    scores: Mapping[str, float]  # by column of a metric
    losses: Mapping[str, float]  # points (percent) below the parent; negative where it is better
    size_bytes: int
    latency_ms: float

    @property
    def score(self) -> float:
        """The metric that decides."""
        return self.scores[self.judge.metric.column]

    def spent(self, limit: str) -> float:
        """Return how much of a limited quantity the trial uses, in its unit (`Judge.unit`)."""
        metric = self.judge.limited(limit)
        if metric:
            return self.losses[metric.column]
        return {"max_size_mb": self.size_bytes / 1e6, "max_latency_ms": self.latency_ms}[limit]


@dataclass(frozen=True)
class Choice:
    """The place of the chosen trial, whether it meets every limit, and by how much it exceeds them if not.

    `misses`: name of the budget -> how far above the limit, in the budget's unit. `tied`: the trials that
    timing cannot tell from the fastest, where the lowest latency was preferred and these are several.
    """

    index: int
    met: bool
    misses: dict[str, float]
    tied: tuple[str, ...] = ()


def losses_of(
    metrics: Sequence[Metric], scores: Mapping[str, float], base: Mapping[str, float] | None
) -> dict[str, float]:
    """Return by how many points scores are below those of `base`, by column; without one, 0."""
    columns = [metric.column for metric in metrics]
    return {c: 100 * (base[c] - scores[c]) if base else 0.0 for c in columns}


def misses(trial: Trial, budget: Mapping[str, float]) -> dict[str, float]:
    """Return by how much a trial exceeds each limit that it breaks; the limit itself is allowed."""
    over = {name: trial.spent(name) - limit for name, limit in budget.items()}
    return {name: excess for name, excess in over.items() if excess > ROUNDING}


def worst_excess(trial: Trial, budget: Mapping[str, float]) -> float:
    """Return the largest excess over a limit as a share of that limit, 0 if all are met.

    A limit on a loss may be 0, or close to it: an excess over it counts as a share of one point at least.
    """
    scale = {name: max(limit, 1.0) if name in LOSSES else limit for name, limit in budget.items()}
    return max((over / scale[name] for name, over in misses(trial, budget).items()), default=0.0)


def ranking(
    trials: Sequence[Trial], *, budget: Mapping[str, float], prefer: str, spread: float = 0.0
) -> list[Trial]:
    """Return `trials` from the best to the worst.

    Those that meet every limit of `budget` come first, ordered by `prefer`, then the others, ordered by `worst_excess`.
    Ties are broken by the higher score, the smaller file, the higher macro F1, the lower latency, and the name.
    `spread`: the share by which latencies must differ to count as different (`_by_latency`).
    """
    meeting = [trial for trial in trials if not misses(trial, budget)]
    others = [trial for trial in trials if misses(trial, budget)]
    first = sorted(meeting, key=lambda trial: _order(trial, prefer))
    if prefer == "latency":
        first = [trial for group in _by_latency(meeting, spread) for trial in group]
    return first + sorted(
        others, key=lambda trial: (worst_excess(trial, budget), *_order(trial, prefer))
    )


def tied(trials: Sequence[Trial], *, budget: Mapping[str, float], spread: float) -> list[Trial]:
    """Return the trials that meet every limit and that timing cannot tell from the fastest of them."""
    meeting = [trial for trial in trials if not misses(trial, budget)]
    return next(_by_latency(meeting, spread), [])


def _by_latency(trials: Sequence[Trial], spread: float) -> Iterator[list[Trial]]:
    """Yield groups: the fastest trial with all that timing cannot tell from it, then the same of the rest; best first.

    A group is measured from its fastest member: neighbours in a chain may be indistinguishable although its ends are
    not.
    """
    ordered = sorted(trials, key=lambda trial: trial.latency_ms)
    start = 0
    while start < len(ordered):
        slowest = ordered[start].latency_ms * (1 + spread)
        end = bisect_right(ordered, slowest, lo=start, key=lambda trial: trial.latency_ms)
        yield sorted(ordered[start:end], key=lambda trial: _order(trial, "score"))
        start = end


def _order(trial: Trial, prefer: str) -> tuple[float | str, ...]:
    """Return the sort key of a trial: what is preferred, then what breaks ties."""
    best = {"size": trial.size_bytes, "latency": trial.latency_ms}.get(prefer, -trial.score)
    f1 = -trial.scores[MACRO_F1.column]
    return (best, -trial.score, trial.size_bytes, f1, trial.latency_ms, trial.variant)


def choose(
    trials: Sequence[Trial], *, budget: Mapping[str, float], prefer: str, spread: float = 0.0
) -> Choice:
    """Return the choice among `trials`, at least one: the first of `ranking`.

    If none meets every limit of `budget`, it is the nearest miss.
    """
    chosen = ranking(trials, budget=budget, prefer=prefer, spread=spread)[0]
    over = misses(chosen, budget)
    alike = tied(trials, budget=budget, spread=spread) if prefer == "latency" else []
    names = tuple(trial.variant for trial in alike) if len(alike) > 1 else ()
    return Choice(list(trials).index(chosen), not over, over, names)
