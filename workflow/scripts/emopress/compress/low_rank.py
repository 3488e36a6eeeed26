"""Low-rank factorisation of a checkpoint: linear layers become two thin ones by truncated SVD, then it recovers."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from tqdm import tqdm

from emopress.compress.anatomy import dense, layers_of
from emopress.compress.derive import Child
from emopress.errors import UserError
from emopress.train.run import TrainingRun
from emopress.train.transformer import count_parameters, replace_module

if TYPE_CHECKING:
    from emopress.entries.low_rank import LowRank
    from emopress.entries.step import Step


def energy_kept(values: Tensor, rank: int) -> float:
    """Return the share of the squared singular values `values` [K] (descending) in the first `rank`."""
    squares = values.double().pow(2)
    return float(squares[:rank].sum() / squares.sum()) if squares.sum() > 0 else 1.0


def energy_rank(values: Tensor, share: float) -> int:
    """Return the smallest rank whose singular values [K] (descending) hold `share` of the squared sum."""
    energy = values.double().pow(2).cumsum(0)
    return int((energy < share * energy[-1]).sum()) + 1


def largest_useful_rank(rows: int, columns: int) -> int:
    """Return the largest r with r * (rows + columns) < rows * columns: two thin layers are smaller."""
    return (rows * columns - 1) // (rows + columns)


def factors(u: Tensor, values: Tensor, vh: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return (first [rank, in], second [out, rank]) of a singular value decomposition.

    second @ first is the best approximation of that rank in the Frobenius norm (Eckart, Young 1936);
    each half takes the roots of the singular values, so that both train at one learning rate.
    """
    roots = values[:rank].sqrt()
    return roots[:, None] * vh[:rank], u[:, :rank] * roots


def two_linears(linear: nn.Linear, first: Tensor, second: Tensor) -> nn.Sequential:
    """Return the layers x -> first x -> second (first x) + bias that stand for `linear`."""
    rank, columns = first.shape
    narrow = nn.Linear(columns, rank, bias=False)
    wide = nn.Linear(rank, len(second), bias=linear.bias is not None)
    with torch.no_grad():
        narrow.weight.copy_(first)
        wide.weight.copy_(second)
        if linear.bias is not None:
            wide.bias.copy_(linear.bias)
    return nn.Sequential(narrow, wide)


def factor_model(
    model: nn.Module, entry: "LowRank", *, step: str
) -> list[tuple[int, float] | None]:
    """Factor the linear layers of the encoder, in place, wherever that makes them smaller.

    Returns (rank, share of energy kept) of each, None for one that stays dense. The pooler and the
    classifier are left alone. Truncated SVD of a network's layers: Denton, Zaremba, Bruna, LeCun,
    Fergus 2014 ("Exploiting linear structure within convolutional networks"). UserError if a layer is
    factored already.
    """
    names = [name for layer in layers_of(model) for name in layer.linears]
    linears = {name: dense(model, name, step=step) for name in names}
    done: list[tuple[int, float] | None] = []
    for name, linear in tqdm(linears.items(), desc="factoring", unit="layer", mininterval=2.0):
        weight = linear.weight.detach()
        useful = largest_useful_rank(*weight.shape)
        if entry.rank is not None and entry.rank > useful:
            done.append(None)
            continue
        u, values, vh = torch.linalg.svd(weight.double(), full_matrices=False)
        rank = entry.rank if entry.energy is None else energy_rank(values, entry.energy)
        if rank is None or rank > useful:
            done.append(None)
            continue
        first, second = factors(u, values, vh, rank)
        replace_module(model, name, two_linears(linear, first, second))
        done.append((rank, energy_kept(values, rank)))
    return done


def low_rank(
    *,
    parent: Path,
    step: "Step[LowRank]",
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
    device: str,
    run: TrainingRun,
    teacher_logits: Path | None = None,
) -> None:
    """Factor the linear layers of checkpoint `parent` as `step` says, and write it to `out`.

    The entry has `rank`, the same for all layers, or `energy`, the share of each layer's squared
    singular values. With `distill`, recovery distils from the dense parent's logits
    (`teacher_logits`). UserError if no layer would get smaller.
    """
    child = Child(parent, step, seed=seed)
    model, entry = child.model, step.entry
    before, _ = count_parameters(model)
    done = factor_model(model, entry, step=step.name)
    factored = [one for one in done if one is not None]
    if not factored:
        setting = f"rank {entry.rank}" if entry.rank else f"energy {entry.energy}"
        shapes = [
            model.get_parameter(f"{name}.weight").shape
            for layer in layers_of(model)
            for name in layer.linears
        ]
        most = max(largest_useful_rank(*shape) for shape in shapes)
        raise UserError(
            f"pass {step.name!r}: no layer gets smaller with {setting}; ranks up to {most} save"
        )
    after, _ = count_parameters(model)
    trainer = child.recover(
        step.entry, train, validation, run, device=device, teacher_logits=teacher_logits
    )
    findings = {
        "params_before": before,
        "params_after": after,
        "layers_factored": len(factored),
        "layers_left_dense": len(done) - len(factored),
        "mean_rank": round(sum(rank for rank, _ in factored) / len(factored), 2),
        "mean_energy_kept": round(sum(share for _, share in factored) / len(factored), 4),
    }
    child.write(out, findings, trainer)
