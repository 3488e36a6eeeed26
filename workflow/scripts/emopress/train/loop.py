"""The training loop: AdamW with warm-up, early stopping on validation macro F1, resumable."""

import math
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from emopress.artifact import remove_folder
from emopress.devices import uses_bf16
from emopress.errors import UserError
from emopress.tasks import MULTI, probabilities
from emopress.train.batches import Encoded, bucketed_batches, logits_of
from emopress.train.optimizer import adamw, checkpoint_gradients, rise_and_fall
from emopress.train.overlap import macro_f1
from emopress.train.ranks import Ranks
from emopress.train.run import TrainingRun, Unwatched, Watcher
from emopress.train.state import Progress, read_progress, save_progress
from emopress.train.thresholds import MACRO_F1, thresholds_for, tuned

if TYPE_CHECKING:
    from emopress.entries.training import Training

# (the model's output, its inputs, the texts' indices, share of the steps done) -> loss
Objective = Callable[[Any, dict[str, Tensor], list[int], float], Tensor]
AfterStep = Callable[[], None]


def nothing() -> None:
    """Do nothing after a step."""


def set_threads(threads: int) -> None:
    """Keep torch to `threads` threads, and to algorithms that repeat bit by bit."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)


class Trainer:
    """Trains one model; where several processes train it together (`Ranks`) each has a Trainer of it.

    `identity` stands for all that the result depends on: what waits in the folder of `run` with
    another one is not resumed. Call `forget` when the result is safe on disk.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        objective: Objective,
        settings: "Training",
        *,
        seed: int,
        identity: str,
        device: torch.device,
        run: TrainingRun,
        after_step: AfterStep = nothing,
        judge_by: str = MACRO_F1,
    ) -> None:
        self.model, self.objective, self.settings = model.to(device), objective, settings
        self.seed, self.identity = seed, identity
        self.device, self.run, self.after_step = device, run, after_step
        self.bf16, self.ranks = uses_bf16(settings.precision, device), Ranks.here()
        if settings.gradient_checkpointing:
            checkpoint_gradients(model)
        self.optimizer = adamw(model, settings)
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = 0
        self.judge_by = judge_by
        self.thresholds: dict[str, list[float]] = {}

    def fit(self, train: Encoded, validation: Encoded, classes: int) -> list[dict[str, float]]:
        """Train, leave the best epoch's weights in the model, and return one row per epoch.

        A row has epoch, loss (mean over the epoch's steps) and validation_macro_f1; where texts have
        any number of labels that is with the thresholds tuned for it on these texts, and `thresholds`
        holds those of the best epoch, tuned for `judge_by` (for the manifest; else it is empty). Each epoch's
        batches and dropout depend on (seed, epoch) only, so a resumed run ends like an unbroken one.
        Of several processes only the first then has the best epoch's weights and the thresholds.
        """
        settings, first = self.settings, self.ranks.first
        lengths = [len(ids) for ids in train.ids]
        batches = math.ceil(len(lengths) / settings.batch_size)
        steps = math.ceil(batches / settings.accumulate)
        total = steps * settings.epochs
        self.scheduler = rise_and_fall(self.optimizer, settings.warmup, total)
        self._resume()
        self.ranks.start_alike(self.model, len(self.history))
        facts = (self.run.folder, settings, self.identity, total, steps * len(self.history))
        with self.run.watch(*facts) if first else nullcontext(Unwatched()) as watcher:
            for epoch in range(len(self.history) + 1, settings.epochs + 1):
                if self._out_of_patience():
                    break
                loss = self._epoch(epoch, train, lengths, classes, total, watcher)
                score = self._judged(validation, classes, (epoch, steps)) if first else 0.0
                (score,) = self.ranks.from_first([score])
                self._record(epoch, loss, score)
                watcher.epoch(self.history[-1], self.best_epoch)
        if self.history and first:  # without an epoch there is no best one
            self.model.load_state_dict(self.best)
        if validation.labels.ndim == 2 and first:
            validated = probabilities(logits_of(self.model, validation, self.device).numpy(), MULTI)
            labels = validation.labels.numpy() > 0
            self.thresholds = {"thresholds": thresholds_for(self.judge_by, validated, labels)}
        return self.history

    def _demand_finite(self, what: str, value: float, epoch: int, step: int) -> None:
        """Raise UserError if `value` is NaN or infinite: a training run never recovers from that."""
        if not math.isfinite(value):
            raise UserError(
                f"training: the {what} is {value} in epoch {epoch}, step {step} "
                f"(learning rate {self.scheduler.get_last_lr()[0]:.2e}); try a lower "
                "learning_rate, a longer warmup, or precision: fp32"
            )

    def _judged(self, validation: Encoded, classes: int, after: tuple[int, int]) -> float:
        """Return macro F1, where texts have any number of labels with the thresholds that are best for it.

        `after`: the epoch and its last step, which may have spoilt the weights.
        """
        labels = validation.labels.numpy()
        logits = logits_of(self.model, validation, self.device).numpy()
        self._demand_finite("sum of the validation logits", float(logits.sum()), *after)
        if labels.ndim == 1:
            return macro_f1(labels, logits.argmax(1), classes)
        return float(np.mean(tuned(probabilities(logits, MULTI), labels > 0)[1]))

    def facts(self) -> dict[str, Any]:
        """Return what the result depends on beside the seed: device, processes, their threads, precision."""
        return {
            "device": self.device.type,
            "processes": self.ranks.world,
            "threads": torch.get_num_threads(),
            "precision": "bf16" if self.bf16 else "fp32",
        }

    def forget(self) -> None:
        """Remove the saved progress, once the trained model has been written."""
        remove_folder(self.run.folder)

    def _epoch(
        self,
        epoch: int,
        train: Encoded,
        lengths: list[int],
        classes: int,
        total: int,
        watcher: Watcher,
    ) -> float:
        settings = self.settings
        torch.manual_seed(self.ranks.seed(self.seed * 100_003 + epoch))
        rng = np.random.default_rng([self.seed, epoch])
        batches = bucketed_batches(lengths, settings.batch_size, rng)
        self.model.train()
        losses: list[float] = []
        for start in range(0, len(batches), settings.accumulate):
            group = batches[start : start + settings.accumulate]
            texts = sum(len(indices) for indices in group)
            step_loss = 0.0
            for indices in group:
                loss = self._loss(train, indices, classes, total)
                loss = loss * (len(indices) / texts)
                if self.ranks.share(indices):  # none of the texts may be this process's
                    loss.backward()
                step_loss += loss.item()
            self._demand_finite("loss", step_loss, epoch, len(losses) + 1)
            self.ranks.sum_gradients(self.model.parameters())
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm)
            self._demand_finite("gradient's norm", norm.item(), epoch, len(losses) + 1)
            self.optimizer.step()
            self.scheduler.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.after_step()
            losses.append(step_loss)
            watcher.step(step_loss, self._best_score())
        return float(np.mean(losses))

    def _loss(self, train: Encoded, indices: list[int], classes: int, total: int) -> Tensor:
        """Return the loss of a batch, of whose texts this process computes its share."""
        autocast = torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()
        share, progress = self.ranks.share(indices), self.scheduler.last_epoch / total
        inputs = train.batch(share, self.device) if share else {}
        with autocast:
            output: Any = self.model(**inputs) if share else None
        if self.ranks.world > 1:  # an objective that needs more than logits fails here
            none = torch.zeros(0, classes, device=self.device)
            logits = output.logits.float() if share else none
            output = SimpleNamespace(logits=self.ranks.whole(logits, len(indices)))
        return self.objective(output, inputs, indices, progress)

    def _best_score(self) -> float | None:
        return max((row["validation_macro_f1"] for row in self.history), default=None)

    def _out_of_patience(self) -> bool:
        return len(self.history) - self.best_epoch >= self.settings.patience

    def _record(self, epoch: int, loss: float, score: float) -> None:
        better = all(score > row["validation_macro_f1"] for row in self.history)
        self.history.append({"epoch": epoch, "loss": loss, "validation_macro_f1": score})
        if better:
            self.best_epoch = epoch
        if not self.ranks.first:
            return
        weights = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
        if better:
            self.best = weights
        progress = {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "scheduler_step": self.scheduler.last_epoch,
        }
        rows = self.optimizer.state_dict()["state"]
        saved = Progress(weights, self.best, rows, progress)
        save_progress(self.run.folder, saved, identity=self.identity)

    def _resume(self) -> None:
        saved = read_progress(self.run.folder, identity=self.identity)
        if saved is None:
            return
        self.model.load_state_dict(saved.weights)
        self.best, self.history = saved.best, saved.progress["history"]
        self.best_epoch = saved.progress["best_epoch"]
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": saved.optimizer, "param_groups": groups})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch expects an optimizer step before this one
            self.scheduler.last_epoch = saved.progress["scheduler_step"] - 1
            self.scheduler.step()
        print(f"training: resumed after epoch {len(self.history)}", file=sys.stderr)
