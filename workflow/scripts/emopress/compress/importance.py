"""How much the heads, neurons and layers of an encoder matter: by magnitude, first-order Taylor, or position."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from emopress.compress.anatomy import head_size, layers_of
from emopress.train.batches import Encoded, in_order_batches
from emopress.train.losses import hard_loss

TAYLOR_BATCH = 16


@dataclass(frozen=True)
class Scores:
    """Importance, the higher the better: per layer its heads [H] and neurons [F]; the layers [L]."""

    heads: list[Tensor]
    neurons: list[Tensor]
    layers: Tensor


def highest(scores: Tensor, keep: int) -> list[int]:
    """Return the indices of the `keep` highest scores, ascending; of equal ones the first stay."""
    order = torch.argsort(scores, descending=True, stable=True)
    return sorted(order[:keep].tolist())


def evenly_spaced(count: int, keep: int) -> list[int]:
    """Return `keep` of `count` positions, as even as can be, with the first and the last.

    Position i is i (count - 1) / (keep - 1), halves rounded up; a single one is the first. Six of
    twelve are 0, 2, 4, 7, 9, 11, about every other one, as in Sanh et al. 2019 (DistilBERT, section 2).
    """
    if keep == 1:
        return [0]
    gaps = keep - 1
    return [(2 * i * (count - 1) + gaps) // (2 * gaps) for i in range(keep)]


def kept(count: int, share: float) -> int:
    """Return how many of `count` stay when `share` of them is cut: all but round(share * count), at least one."""
    return max(1, count - round(share * count))


def head_norms(query: Tensor, key: Tensor, value: Tensor, output: Tensor, size: int) -> Tensor:
    """Return the L2 norm of each head's weights, [H].

    A head has `size` rows of query, key and value [H * size, D] and as many columns of output
    [D, H * size].
    """
    squares = sum(rows.pow(2).sum(1) for rows in (query, key, value, output.T))
    return torch.as_tensor(squares).view(-1, size).sum(1).sqrt()


def neuron_norms(ffn_in: Tensor, ffn_out: Tensor) -> Tensor:
    """Return the L2 norm of each neuron's weights, [F]: its row of ffn_in [F, D] and its column of ffn_out [D, F]."""
    return (ffn_in.pow(2).sum(1) + ffn_out.pow(2).sum(0)).sqrt()


def first_order_effect(activation: Tensor, gradient: Tensor, size: int) -> Tensor:
    """Return the sum over texts of |sum of activation * gradient| of each unit, [U].

    activation and gradient are [B, T, U * size]; a unit is a head of that size, or a neuron of size
    1. The inner sum runs over a text's tokens and the unit's width: to first order, how much the
    text's loss changes when the unit's output becomes zero. Heads: equation 2 of Michel, Levy,
    Neubig 2019 ("Are sixteen heads really better than one?"); neurons: the same, the Taylor
    criterion of Molchanov, Tyree, Karras, Aila, Kautz 2017.
    """
    products = (activation * gradient).sum(1)  # [B, U * size]
    return products.view(len(products), -1, size).sum(2).abs().sum(0)


def weight_effect(weights: list[Tensor], gradients: list[Tensor]) -> float:
    """Return the sum of |gradient * weight| over all of a layer's parameters.

    A first-order bound on what removing them changes in the loss (Molchanov, Mallya, Tyree, Frosio,
    Kautz 2019, "Importance estimation for neural network pruning", with the absolute value for
    the square).
    """
    return sum(float((w * g).abs().sum()) for w, g in zip(weights, gradients, strict=True))


def magnitude_scores(model: nn.Module) -> Scores:
    """Score everything by the L2 norm of its weights; a layer's are its six matrices."""
    size, heads, neurons, whole = head_size(model), [], [], []
    for layer in layers_of(model):
        query, key, value, output, ffn_in, ffn_out = (
            model.get_parameter(f"{name}.weight").detach() for name in layer.linears
        )
        heads.append(head_norms(query, key, value, output, size=size))
        neurons.append(neuron_norms(ffn_in, ffn_out))
        whole.append(torch.cat([heads[-1], neurons[-1]]).norm())  # each weight is in one of them
    return Scores(heads, neurons, torch.stack(whole))


def position_scores(model: nn.Module) -> Scores:
    """Score by position: the first are the best (`evenly_spaced` decides which layers stay)."""
    layers = layers_of(model)
    queries = [len(model.get_parameter(f"{layer.query}.weight")) for layer in layers]
    neurons = [len(model.get_parameter(f"{layer.ffn_in}.weight")) for layer in layers]
    return Scores(
        [-torch.arange(rows // head_size(model)) for rows in queries],
        [-torch.arange(rows) for rows in neurons],
        -torch.arange(len(layers)),
    )


def taylor_scores(model: Any, sample: Encoded, device: torch.device) -> Scores:
    """Score everything by its first-order effect on the label loss of `sample`, without dropout.

    Heads and neurons: the mean over texts of `first_order_effect`. Layers: the mean over batches of
    16 texts of `weight_effect`. The model is moved to `device` and keeps its weights.
    """
    layers = layers_of(model)
    model.to(device).eval()
    widths = {layer.attention_output: head_size(model) for layer in layers}
    widths |= {layer.ffn_out: 1 for layer in layers}
    parameters = {
        layer.name: list(model.get_submodule(layer.name).parameters()) for layer in layers
    }
    sums: dict[str, Tensor] = {}
    totals = torch.zeros(len(layers), dtype=torch.float64)
    batches = in_order_batches([len(ids) for ids in sample.ids], TAYLOR_BATCH)
    for indices in tqdm(batches, desc="importance", unit="batch", mininterval=2.0):
        with _inputs_of(model, list(widths)) as seen:
            logits = model(**sample.batch(indices, device)).logits.float()
        labels = sample.labels[indices].to(device)
        loss = hard_loss(logits, labels, kind="cross_entropy", weights=None)
        leaves = [*seen.values(), *chain.from_iterable(parameters.values())]
        gradients = iter(torch.autograd.grad(loss, leaves))
        for name, value in seen.items():
            # The loss is the batch's mean; times its size, a text's gradient is its own loss's.
            gradient = next(gradients) * len(indices)
            effect = first_order_effect(value.detach(), gradient, widths[name]).double().cpu()
            sums[name] = sums.get(name, torch.zeros_like(effect)) + effect
        for place, of_layer in enumerate(parameters.values()):
            weights = [weight.detach() for weight in of_layer]
            totals[place] += weight_effect(weights, [next(gradients) for _ in of_layer])
    return Scores(
        [sums[layer.attention_output] / len(sample.ids) for layer in layers],
        [sums[layer.ffn_out] / len(sample.ids) for layer in layers],
        totals / len(batches),
    )


@contextmanager
def _inputs_of(model: nn.Module, names: list[str]) -> Iterator[dict[str, Tensor]]:
    """Collect the inputs of the modules called `names` during the block."""
    seen: dict[str, Tensor] = {}

    def remember(name: str) -> Any:
        return lambda module, inputs: seen.update({name: inputs[0]})

    hooks = [model.get_submodule(n).register_forward_pre_hook(remember(n)) for n in names]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
