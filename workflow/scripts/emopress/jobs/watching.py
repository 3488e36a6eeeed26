"""How a job watches its training run: a progress bar, a line per epoch in its log, and a tracker."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from emopress.jobs.code import code_hash
from emopress.jobs.context import Context
from emopress.jobs.ledger import STATE
from emopress.jobs.tracking import Tracker, tracked
from emopress.train.run import TrainingRun, Watcher

if TYPE_CHECKING:
    from emopress.entries.training import Training


@dataclass(frozen=True)
class LogWatcher:
    """Reports each epoch to the log and the tracker, and each step to the progress bar."""

    bar: "tqdm[Any]"
    tracker: Tracker
    epochs: int

    def step(self, loss: float, best: float | None) -> None:
        """Advance the bar by a step."""
        score = "-" if best is None else f"{best:.4f}"
        self.bar.set_postfix(loss=f"{loss:.4f}", val_f1=score, refresh=False)
        self.bar.update()

    def epoch(self, row: Mapping[str, float], best_epoch: int) -> None:
        """Write an epoch's line, and a point of each of the tracker's curves."""
        number, loss, score = int(row["epoch"]), row["loss"], row["validation_macro_f1"]
        self.tracker.log({"loss": loss, "validation_macro_f1": score}, number)
        self.bar.set_postfix(loss=f"{loss:.4f}", val_f1=f"{score:.4f}")
        self.bar.write(
            f"epoch {number}/{self.epochs}  loss {loss:.4f}  "
            f"validation macro F1 {score:.4f}  (best: epoch {best_epoch})",
            file=sys.stderr,
        )


@dataclass(frozen=True)
class LogWatch:
    """Watches a training run of a study; `tracking` is the value of that config key."""

    tracking: str = "none"
    study: str = "emopress"

    @contextmanager
    def __call__(
        self, folder: Path, settings: "Training", identity: str, steps: int, done: int
    ) -> Iterator[Watcher]:
        """Watch a run of `steps` optimizer steps, `done` of which an earlier process has taken."""
        bar = tqdm(
            total=steps,
            initial=done,
            desc="training",
            unit="step",
            file=sys.stderr,
            mininterval=2.0,
            maxinterval=10.0,
            dynamic_ncols=False,
            ncols=110,
        )
        name = "/".join(folder.absolute().parts[-4:-1])  # data set/variant/seed
        plain = settings.plain()
        with (
            tracked(self.tracking, name, plain, study=self.study, identity=identity) as tracker,
            bar,
        ):
            yield LogWatcher(bar, tracker, settings.epochs)


def training_run(out: Path, stamp: Path | str, context: Context) -> TrainingRun:
    """Return the training run of a job that writes the checkpoint folder `out` and has this code stamp."""
    watch = LogWatch(context.tracking, context.study)
    return TrainingRun(out.with_name(STATE), code_hash(stamp), watch)
