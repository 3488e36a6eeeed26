"""Sends the curve of a training run to a tracker too: TensorBoard, Weights & Biases or MLflow, offline by default.

training.json has the curve whatever happens here. A tracker's package is imported when it is asked for.
(transformers' callbacks serve transformers' own Trainer; this project's loop is its own.)
"""

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from emopress.errors import UserError

FOLDER = Path("results") / "tracking"
PACKAGES = {
    "tensorboard": "torch.utils.tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
}


class Tracker(Protocol):
    """A run in a tracker that records a training run."""

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add the numbers of one epoch by name."""

    def close(self, *, failed: bool = False) -> None:
        """End the run; what was logged is safe then. `failed`: the training run did not come to its end."""


class Untracked:
    """No tracker."""

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Do nothing."""

    def close(self, *, failed: bool = False) -> None:
        """Do nothing."""


class TensorBoardRun:
    """Event files below results/tracking/tensorboard/<run>/."""

    def __init__(
        self, module: Any, name: str, settings: Mapping[str, Any], *, study: str, identity: str
    ) -> None:
        self.writer = module.SummaryWriter(str(FOLDER / "tensorboard" / name))
        text = "\n".join(f"    {key}: {value}" for key, value in settings.items())
        self.writer.add_text("settings", text)

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add a point to each curve."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)

    def close(self, *, failed: bool = False) -> None:
        """Write what is buffered; event files cannot record a failure."""
        self.writer.close()


class WandbRun:
    """A run of Weights & Biases, in the folder results/tracking unless WANDB_DIR says otherwise.

    WANDB_MODE is `offline` where it is not set; `wandb sync` sends such runs. A training run that goes on
    after an interruption goes on in its run there; one of other settings, texts or code has one of its own.
    """

    def __init__(
        self, module: Any, name: str, settings: Mapping[str, Any], *, study: str, identity: str
    ) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.run = module.init(
            project=os.environ.get("WANDB_PROJECT", study),
            name=name,
            id=hashlib.sha256(f"{study}/{name}/{identity}".encode()).hexdigest()[:16],
            resume="allow",
            dir=os.environ.get("WANDB_DIR", str(FOLDER)),
            mode=os.environ.get("WANDB_MODE", "offline"),
            config=dict(settings),
        )

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add a point to each curve."""
        self.run.log(dict(values), step=epoch)

    def close(self, *, failed: bool = False) -> None:
        """End the run, as crashed if it has failed."""
        self.run.finish(exit_code=int(failed))


class MlflowRun:
    """A run of MLflow, in results/tracking/mlflow/<run>.db (SQLite) unless MLFLOW_TRACKING_URI names a store.

    A file for each training run: several go on at once, and SQLite takes one writer.
    """

    def __init__(
        self, module: Any, name: str, settings: Mapping[str, Any], *, study: str, identity: str
    ) -> None:
        file = FOLDER / "mlflow" / f"{name}.db"
        file.parent.mkdir(parents=True, exist_ok=True)
        local = f"sqlite:///{file.resolve()}"
        self.mlflow = module
        module.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", local))
        module.set_experiment(study)
        module.start_run(run_name=name)
        module.log_params(dict(settings))

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add a point to each curve."""
        self.mlflow.log_metrics(dict(values), step=epoch)

    def close(self, *, failed: bool = False) -> None:
        """End the run with its status."""
        self.mlflow.end_run("FAILED" if failed else "FINISHED")


RUNS: dict[str, Callable[..., Tracker]] = {
    "tensorboard": TensorBoardRun,
    "wandb": WandbRun,
    "mlflow": MlflowRun,
}


@contextmanager
def tracked(
    kind: str, name: str, settings: Mapping[str, Any], *, study: str, identity: str
) -> Iterator[Tracker]:
    """Yield the tracker's run of a training run and close it, as failed if the block raises."""
    run = open_run(kind, name, settings, study=study, identity=identity)
    try:
        yield run
    except BaseException:  # an interruption too
        run.close(failed=True)
        raise
    run.close()


def open_run(
    kind: str, name: str, settings: Mapping[str, Any], *, study: str, identity: str
) -> Tracker:
    """Begin the run `name` in the tracker `kind` (of RUNS, or `none`), with the settings of the training run.

    `identity` stands for all that the result depends on: with another one it is another run.
    UserError if the tracker's package is not installed.
    """
    if kind == "none":
        return Untracked()
    try:
        module = importlib.import_module(PACKAGES[kind])
    except ImportError as error:
        raise UserError(
            f"tracking: {kind} is requested, but its package is not installed ({error}); "
            f"pip install {kind}, or tracking: none"
        ) from None
    return RUNS[kind](module, name, settings, study=study, identity=identity)
