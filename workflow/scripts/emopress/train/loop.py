"""The training loop: AdamW with warm-up, early stopping on validation macro F1, resumable."""

import math
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from emopress.artifact import check_files, file_table, read_json, replaced_folder, write_json
from emopress.devices import pick_device as pick_device  # most trainings take both from here
from emopress.devices import uses_bf16
from emopress.errors import UserError
from emopress.tasks import MULTI, probabilities
from emopress.tracking import run_name, tracked
from emopress.train.batches import Encoded, bucketed_batches, in_order_batches
from emopress.train.sizes import EVALUATION_BATCH
from emopress.train.thresholds import tuned

# (the model's output, its inputs, the texts' indices, share of the steps done) -> loss
Objective = Callable[[Any, dict[str, Tensor], list[int], float], Tensor]
AfterStep = Callable[[], None]

STATE = "state.json"  # the manifest of an unfinished training


def nothing() -> None:
    """Do nothing after a step."""


def set_threads(threads: int) -> None:
    """Keep torch to `threads` threads, and to algorithms that repeat bit by bit."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)


def macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Return the unweighted mean of the classes' F1 (0 for a class without any hit)."""
    scores = []
    for c in range(classes):
        hits = np.sum((labels == c) & (predicted == c))
        total = np.sum(labels == c) + np.sum(predicted == c)
        scores.append(2 * hits / total if total else 0.0)
    return float(np.mean(scores))


@torch.no_grad()
def logits_of(model: torch.nn.Module, data: Encoded, device: torch.device) -> Tensor:
    """Return the logits [N, C] of all texts, in their order, in fp32 on the CPU."""
    model.eval()
    result: list[Tensor | None] = [None] * len(data.ids)
    for indices in in_order_batches([len(ids) for ids in data.ids], EVALUATION_BATCH):
        logits = model(**data.batch(indices, device)).logits.float().cpu()
        for row, index in zip(logits, indices, strict=True):
            result[index] = row
    return torch.stack([row for row in result if row is not None])


def checkpoint_gradients(model: torch.nn.Module) -> None:
    """Have each layer of a transformer recompute its activations in the backward pass, in place.

    (Chen et al. 2016, Training deep nets with sublinear memory cost.) The non-reentrant form, which
    also works where the first trainable tensor stands behind frozen ones. UserError if `model` holds no
    transformer.
    """
    for module in model.modules():
        enable: Any = getattr(module, "activation_checkpointing_enable", None)
        if enable:
            enable({"use_reentrant": False})
            return
    raise UserError("gradient_checkpointing: this model has no transformer layers")


class Trainer:
    """Trains one model.

    `state` is a folder that an unfinished training waits in; `identity` stands for all that the
    result depends on, and a state with another one is not resumed. Call `forget` when the result
    is safe on disk.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        objective: Objective,
        settings: dict[str, Any],
        *,
        seed: int,
        identity: str,
        device: torch.device,
        state: Path,
        after_step: AfterStep = nothing,
    ) -> None:
        self.model, self.objective, self.settings = model.to(device), objective, settings
        self.seed, self.identity = seed, identity
        self.device, self.state, self.after_step = device, state, after_step
        self.bf16 = uses_bf16(settings["precision"], device)
        if settings["gradient_checkpointing"]:
            checkpoint_gradients(model)
        decay = [p for n, p in model.named_parameters() if p.ndim > 1 and p.requires_grad]
        plain = [p for n, p in model.named_parameters() if p.ndim <= 1 and p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decay, "weight_decay": settings["weight_decay"]},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=settings["learning_rate"],
            fused=True,
        )
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_epoch = 0
        self.thresholds: dict[str, list[float]] = {}

    def fit(self, train: Encoded, validation: Encoded, classes: int) -> list[dict[str, float]]:
        """Train, leave the best epoch's weights in the model, and return one row per epoch.

        A row has epoch, loss (mean over the epoch's steps) and validation_macro_f1; where texts have
        any number of labels that is with the thresholds tuned on these texts, and `thresholds` holds
        those of the best epoch (by that name, for the manifest; else it is empty). Each epoch's
        batches and dropout depend on (seed, epoch) only, so a resumed run ends like an unbroken one.
        """
        settings = self.settings
        lengths = [len(ids) for ids in train.ids]
        batches = math.ceil(len(lengths) / settings["batch_size"])
        steps = math.ceil(batches / settings["accumulate"])
        self.scheduler = LambdaLR(self.optimizer, self._schedule(steps * settings["epochs"]))
        self._resume()
        with (
            tracked(run_name(self.state), settings, identity=self.identity) as run,
            tqdm(
                total=steps * settings["epochs"],
                initial=steps * len(self.history),
                desc="training",
                unit="step",
                file=sys.stderr,
                mininterval=2.0,
                maxinterval=10.0,
                dynamic_ncols=False,
                ncols=110,
            ) as bar,
        ):
            for epoch in range(len(self.history) + 1, settings["epochs"] + 1):
                if self._out_of_patience():
                    break
                loss = self._epoch(epoch, train, lengths, bar)
                score, _ = self._judged(validation, classes, (epoch, steps))
                self._record(epoch, loss, score)
                run.log({"loss": loss, "validation_macro_f1": score}, epoch)
                bar.set_postfix(loss=f"{loss:.4f}", val_f1=f"{score:.4f}")
                bar.write(
                    f"epoch {epoch}/{settings['epochs']}  loss {loss:.4f}  "
                    f"validation macro F1 {score:.4f}  (best: epoch {self.best_epoch})",
                    file=sys.stderr,
                )
        if self.history:  # else no epoch was asked for
            self.model.load_state_dict(self.best)
        if validation.labels.ndim == 2:
            self.thresholds = {"thresholds": self._judged(validation, classes)[1]}
        return self.history

    def _demand_finite(self, what: str, value: float, epoch: int, step: int) -> None:
        """Raise UserError if a number of the training is NaN or infinite; it never recovers from one."""
        if not math.isfinite(value):
            raise UserError(
                f"training: the {what} is {value} in epoch {epoch}, step {step} "
                f"(learning rate {self.scheduler.get_last_lr()[0]:.2e}); try a lower "
                "learning_rate, a longer warmup, or precision: fp32"
            )

    def _judged(
        self, validation: Encoded, classes: int, after: tuple[int, int] | None = None
    ) -> tuple[float, list[float]]:
        """Return macro F1 and, where texts have any number of labels, the thresholds that give it.

        `after`: the epoch and its last step, which may have spoilt the weights.
        """
        labels = validation.labels.numpy()
        logits = logits_of(self.model, validation, self.device).numpy()
        if after:
            self._demand_finite("sum of the validation logits", float(logits.sum()), *after)
        if labels.ndim == 1:
            return macro_f1(labels, logits.argmax(1), classes), []
        thresholds, f1 = tuned(probabilities(logits, MULTI), labels > 0)
        return float(np.mean(f1)), thresholds

    def facts(self) -> dict[str, Any]:
        """Return what the same seed's result still depends on: device, threads and precision."""
        return {
            "device": self.device.type,
            "threads": torch.get_num_threads(),
            "precision": "bf16" if self.bf16 else "fp32",
        }

    def forget(self) -> None:
        """Remove the state: the trained model is safe."""
        shutil.rmtree(self.state, ignore_errors=True)

    def _schedule(self, total: int) -> Callable[[int], float]:
        warmup = max(1, round(self.settings["warmup"] * total))

        def factor(step: int) -> float:
            return (step + 1) / warmup if step < warmup else (total - step) / max(1, total - warmup)

        return factor

    def _epoch(self, epoch: int, train: Encoded, lengths: list[int], bar: tqdm) -> float:
        settings = self.settings
        torch.manual_seed(self.seed * 100_003 + epoch)
        rng = np.random.default_rng([self.seed, epoch])
        batches = bucketed_batches(lengths, settings["batch_size"], rng)
        total = bar.total or 1
        self.model.train()
        losses: list[float] = []
        for start in range(0, len(batches), settings["accumulate"]):
            group = batches[start : start + settings["accumulate"]]
            texts = sum(len(indices) for indices in group)
            step_loss = 0.0
            for indices in group:
                autocast = (
                    torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()
                )
                inputs = train.batch(indices, self.device)
                with autocast:
                    output = self.model(**inputs)
                loss = self.objective(output, inputs, indices, bar.n / total)
                loss = loss * (len(indices) / texts)
                loss.backward()
                step_loss += loss.item()
            self._demand_finite("loss", step_loss, epoch, len(losses) + 1)
            norm = torch.nn.utils.clip_grad_norm_(
                self.model.parameters(), settings["max_grad_norm"]
            )
            self._demand_finite("gradient's norm", norm.item(), epoch, len(losses) + 1)
            self.optimizer.step()
            self.scheduler.step()
            self.optimizer.zero_grad(set_to_none=True)
            self.after_step()
            losses.append(step_loss)
            bar.set_postfix(loss=f"{step_loss:.4f}", val_f1=self._best_score(), refresh=False)
            bar.update()
        return float(np.mean(losses))

    def _best_score(self) -> str:
        scores = [row["validation_macro_f1"] for row in self.history]
        return f"{max(scores):.4f}" if scores else "-"

    def _out_of_patience(self) -> bool:
        return len(self.history) - self.best_epoch >= self.settings["patience"]

    def _record(self, epoch: int, loss: float, score: float) -> None:
        if all(score > row["validation_macro_f1"] for row in self.history):
            self.best_epoch = epoch
            self.best = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
        self.history.append({"epoch": epoch, "loss": loss, "validation_macro_f1": score})
        with replaced_folder(self.state) as folder:
            weights = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
            save_file(weights, folder / "model.safetensors")
            save_file(self.best, folder / "best.safetensors")
            save_file(self._optimizer_tensors(), folder / "optimizer.safetensors")
            write_json(
                folder / "progress.json",
                {
                    "history": self.history,
                    "best_epoch": self.best_epoch,
                    "scheduler_step": self.scheduler.last_epoch,
                },
            )
            # What is resumed must be what was saved: the manifest holds the hashes.
            write_json(folder / STATE, {"identity": self.identity, "files": file_table(folder)})

    def _optimizer_tensors(self) -> dict[str, Tensor]:
        state = self.optimizer.state_dict()["state"]
        return {f"{i}.{key}": value for i, row in state.items() for key, value in row.items()}

    def _resume(self) -> None:
        if not (self.state / STATE).is_file():
            return
        manifest = read_json(self.state / STATE)
        if manifest["identity"] != self.identity:
            print("training: an unfinished run of something else is discarded", file=sys.stderr)
            return
        check_files(self.state, manifest["files"])
        saved = read_json(self.state / "progress.json")
        self.model.load_state_dict(load_file(self.state / "model.safetensors"))
        self.best = load_file(self.state / "best.safetensors")
        self.best_epoch, self.history = saved["best_epoch"], saved["history"]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in load_file(self.state / "optimizer.safetensors").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch expects an optimizer step before this one
            self.scheduler.last_epoch = saved["scheduler_step"] - 1
            self.scheduler.step()
        print(f"training: resumed after epoch {len(self.history)}", file=sys.stderr)
