"""Quantization-aware training: a checkpoint trained on with fake int8 or int4, and its trained ranges."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize
from tqdm import tqdm

from emopress.compress.derive import Child
from emopress.compress.fakequant import (
    RANGES,
    REFERENCE,
    ActivationRange,
    Int4Weight,
    Int8Weight,
    round_blocks,
    straight_through,
)
from emopress.devices import pick_device
from emopress.train.batches import Encoded
from emopress.train.run import TrainingRun
from emopress.train.sample import calibration_rows

if TYPE_CHECKING:
    from emopress.entries.qat import Qat
    from emopress.entries.step import Step

REFERENCE_TEXTS = 64
CONTAINER = "activation_ranges"


def input_groups(model: nn.Module, inputs: dict[str, Tensor]) -> list[list[str]]:
    """Return the names of the Linears in the order of their use, those of one input together.

    Query, key and value read the same tensor, which one range quantizes.
    """
    groups: dict[tuple[Any, ...], list[str]] = {}
    alive = []  # a freed tensor's memory would be taken for the same tensor

    def record(name: str) -> Any:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            x = arguments[0]
            alive.append(x)
            groups.setdefault((x.data_ptr(), x.shape, x.stride()), []).append(name)

        return hook

    linears = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    hooks = [m.register_forward_pre_hook(record(n)) for n, m in linears.items()]
    model.eval()
    with torch.no_grad():
        model(**inputs)
    for hook in hooks:
        hook.remove()
    return list(groups.values())


class FakeQuantization:
    """Fake quantization put into a model, in place, with what every layer reads and stores.

    int8: the inputs and weights of Linears and the embedding tables, as static quantization
    (bundle.quantize) does for ONNX; int4: weights and embedding tables in blocks. The ranges are
    part of the model's state; `remove` leaves the trained weights alone.
    """

    def __init__(self, model: nn.Module, entry: "Qat", example: dict[str, Tensor]) -> None:
        self.model, self.entry = model, entry
        self.groups = input_groups(model, example)
        self.layers = [name for group in self.groups for name in group]
        self.quantizers = nn.ModuleList()
        self.real: Tensor | None = None
        self.hooks: list[Any] = []
        if entry.weights == "int8":
            self._quantize_activations()

    def begin(self, texts: Encoded, indices: list[int], device: torch.device) -> None:
        """Warm start: ranges from min-max over some texts, one by one; then weights are rounded.

        Padding would widen the ranges, as would a rounded model's errors.
        """
        if self.quantizers:
            self.model.eval()
            for quantizer in self._ranges():
                quantizer.calibrating = True
            bar = tqdm(
                indices,
                desc="calibration",
                unit="text",
                mininterval=2.0,
                ncols=110,
            )
            with torch.no_grad():
                for index in bar:
                    self.model(**texts.batch([index], device))
            for quantizer in self._ranges():
                quantizer.begin()
        self._quantize_weights()
        if self.entry.embeddings:
            self._quantize_embeddings()

    def ranges(self) -> dict[str, Tensor]:
        """Return [lower, upper] of the input of each Linear, by the layer's name."""
        return {
            name: torch.stack(quantizer.range()).detach().float().cpu().clone()
            for quantizer, group in zip(self._ranges(), self.groups, strict=False)
            for name in group
        }

    def findings(self) -> dict[str, Any]:
        """Return what is rounded, and how far the ranges have moved, for the report."""
        result: dict[str, Any] = {"fake_quantized_layers": len(self.layers)}
        if self.quantizers:
            with torch.no_grad():
                change = [
                    float((upper - lower) / quantizer.width)
                    for quantizer in self._ranges()
                    for lower, upper in [quantizer.range()]
                ]
            result |= {
                "activation_ranges": len(change),
                "range_width_to_calibrated_median": round(float(np.median(change)), 4),
            }
        return result

    def remove(self) -> None:
        """Remove all of it from the model; the weights stay as trained."""
        for hook in self.hooks:
            hook.remove()
        if self.quantizers:
            delattr(self.model, CONTAINER)
        for name in self.layers:
            linear = self.model.get_submodule(name)
            parametrize.remove_parametrizations(linear, "weight", leave_parametrized=False)

    def _ranges(self) -> list[ActivationRange]:
        return [module for module in self.quantizers if isinstance(module, ActivationRange)]

    def _quantize_activations(self) -> None:
        self.quantizers.extend(ActivationRange(self.entry.ranges) for _ in self.groups)
        self.quantizers.to(next(self.model.parameters()).device)
        self.model.add_module(CONTAINER, self.quantizers)

        def remember(module: nn.Module, arguments: Any, named: dict[str, Any]) -> None:
            self.real = named["attention_mask"].bool()

        self.hooks.append(self.model.register_forward_pre_hook(remember, with_kwargs=True))
        for quantizer, group in zip(self._ranges(), self.groups, strict=True):
            for name in group:
                hook = self._input_hook(quantizer)
                linear = self.model.get_submodule(name)
                self.hooks.append(linear.register_forward_pre_hook(hook))

    def _input_hook(self, quantizer: ActivationRange) -> Any:
        def rounded(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor]:
            x = arguments[0]
            return (quantizer(x, self.real if x.ndim == 3 else None),)

        return rounded

    def _quantize_weights(self) -> None:
        for name in self.layers:
            parametrization = (
                Int8Weight(per_channel=self.entry.per_channel)
                if self.entry.weights == "int8"
                else Int4Weight(block_size=self.entry.block_size)
            )
            linear = self.model.get_submodule(name)
            parametrize.register_parametrization(linear, "weight", parametrization)

    def _quantize_embeddings(self) -> None:
        # The looked-up rows are rounded, not the whole table: the same values at a fraction of the
        # work, since a table of a hundred thousand rows meets a few hundred words per batch.
        def rounded(module: nn.Embedding, arguments: Any, output: Tensor) -> Tensor:
            rows = output.reshape(-1, output.shape[-1])
            whole = self.entry.weights == "int8"  # a scale per row
            size = rows.shape[1] if whole else self.entry.block_size
            rounded_rows = round_blocks(rows, bits=8 if whole else 4, block_size=size)
            return straight_through(output, rounded_rows.view_as(output))

        for module in self.model.modules():
            if isinstance(module, nn.Embedding):
                self.hooks.append(module.register_forward_hook(rounded))


@torch.no_grad()
def reference_logits(
    model: nn.Module, texts: Encoded, *, seed: int, device: torch.device
) -> dict[str, Tensor]:
    """Return input_ids, attention_mask and the model's logits for a seeded sample of texts."""
    size = min(REFERENCE_TEXTS, len(texts.ids))
    chosen = np.random.default_rng(seed).choice(len(texts.ids), size=size, replace=False)
    inputs = texts.batch([int(i) for i in np.sort(chosen)], device)
    model.eval()
    tensors = {**inputs, "logits": model(**inputs).logits.float()}
    return {name: value.cpu().contiguous() for name, value in tensors.items()}


def qat(
    *,
    parent: Path,
    step: "Step[Qat]",
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
    device: str,
    run: TrainingRun,
    teacher_logits: Path | None = None,
) -> None:
    """Train the checkpoint `parent` on with fake quantization as config entry `step` says.

    Jacob et al. 2018, section 3. The child at `out` has plain fp32 weights, RANGES and REFERENCE;
    bundle.convert_qat makes it what it was trained to be. With `distill`, `teacher_logits`
    of the parent are the target of the soft loss.
    """
    child, where = Child(parent, step, seed=seed), pick_device(device)
    model, texts = child.model.to(where), child.encode(train, validation)
    sample, entry = step.entry.calibration, step.entry
    labels = texts.train.labels.numpy()
    indices = calibration_rows(labels, texts=sample.texts, balanced=sample.balanced, seed=seed)
    fake = FakeQuantization(model, entry, texts.train.batch([0], where))
    fake.begin(texts.train, indices, where)
    trainer = child.train(
        model,
        texts,
        entry.train,
        run,
        device=where,
        distill=entry.distill,
        teacher_logits=teacher_logits,
    )
    reference = reference_logits(model, texts.validation, seed=seed, device=where)
    ranges, findings = fake.ranges(), fake.findings()
    fake.remove()

    def add_files(folder: Path) -> None:
        if ranges:
            save_file(ranges, folder / RANGES)
        save_file(reference, folder / REFERENCE)

    child.write(out, findings, trainer, extra=add_files)
