"""What a job gives a training run beside its arguments: the folder for unfinished work, its code, and a watcher."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from emopress.entries.training import Training


class Watcher(Protocol):
    """Follows the progress of a training run; nothing that it does changes the result."""

    def step(self, loss: float, best: float | None) -> None:
        """Take note of an optimizer step, and of the best epoch's score so far."""

    def epoch(self, row: Mapping[str, float], best_epoch: int) -> None:
        """Take note of an epoch (epoch, loss, validation_macro_f1), and of which is the best so far."""


class Unwatched:
    """A watcher that does nothing."""

    def step(self, loss: float, best: float | None) -> None:
        """Do nothing."""

    def epoch(self, row: Mapping[str, float], best_epoch: int) -> None:
        """Do nothing."""


# (the run's folder, its settings, its identity, optimizer steps in all, steps of an earlier process) -> its
# watcher, from the first step to the last
Watch = Callable[[Path, "Training", str, int, int], AbstractContextManager[Watcher]]


def unwatched(
    folder: Path, settings: "Training", identity: str, steps: int, done: int
) -> AbstractContextManager[Watcher]:
    """Return a watcher that does nothing."""
    return nullcontext(Unwatched())


@dataclass(frozen=True)
class TrainingRun:
    """One training run of a job.

    `folder` is where it waits while it is unfinished. `code` stands for all code that the job runs:
    a run that was interrupted is not resumed under other code.
    """

    folder: Path
    code: str
    watch: Watch = unwatched

    def identity(self, **facts: Any) -> str:
        """Return a hash of `facts`, all that the run's result depends on, and of its code."""
        text = json.dumps({"facts": facts, "code": self.code}, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
