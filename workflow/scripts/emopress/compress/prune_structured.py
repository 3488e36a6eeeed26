"""Structured pruning of a checkpoint: heads, feed-forward neurons and layers are cut out, then it recovers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from emopress.compress.anatomy import Layer, dense, head_size, layers_of, student_of_layers
from emopress.compress.derive import Child
from emopress.compress.importance import (
    Scores,
    evenly_spaced,
    highest,
    kept,
    magnitude_scores,
    position_scores,
    taylor_scores,
)
from emopress.devices import pick_device
from emopress.errors import UserError
from emopress.tasks import label_array
from emopress.train.batches import Encoded, encode
from emopress.train.run import TrainingRun
from emopress.train.splits import read_split
from emopress.train.tokenizer import pad_id
from emopress.train.transformer import count_parameters, replace_module

if TYPE_CHECKING:
    from emopress.entries.prune import Structured
    from emopress.entries.step import Step


def cut_linear(
    linear: nn.Linear, *, rows: Tensor | None = None, columns: Tensor | None = None
) -> nn.Linear:
    """Return a new, smaller layer with these rows (outputs) and columns (inputs) of `linear`."""
    weight = linear.weight.detach()
    bias = None if linear.bias is None else linear.bias.detach()
    if rows is not None:
        weight, bias = weight[rows], None if bias is None else bias[rows]
    if columns is not None:
        weight = weight[:, columns]
    small = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        small.weight.copy_(weight)
        if bias is not None:
            small.bias.copy_(bias)
    return small


def cut_layer(
    model: nn.Module, layer: Layer, *, heads: Sequence[int], neurons: Sequence[int], step: str
) -> None:
    """Leave a layer of `model` with these heads and feed-forward neurons, in place.

    The size of a head stays, so the attention's scale does too; config.json keeps its number of
    heads, from which transformers computes that size. UserError if the layer is factored.
    """
    size = head_size(model)
    rows = (torch.tensor(heads)[:, None] * size + torch.arange(size)).flatten()
    units = torch.tensor(neurons)
    cuts: dict[str, dict[str, Tensor]] = {
        **{name: {"rows": rows} for name in (layer.query, layer.key, layer.value)},
        layer.attention_output: {"columns": rows},
        layer.ffn_in: {"rows": units},
        layer.ffn_out: {"columns": units},
    }
    for name, cut in cuts.items():
        replace_module(model, name, cut_linear(dense(model, name, step=step), **cut))


def shapes_of(model: nn.Module) -> tuple[list[int], list[int]]:
    """Return (heads, feed-forward neurons) of every layer."""
    layers, size = layers_of(model), head_size(model)
    rows = [
        [len(model.get_parameter(f"{name}.weight")) for name in (layer.query, layer.ffn_in)]
        for layer in layers
    ]
    return [query // size for query, _ in rows], [ffn for _, ffn in rows]


def cut_model(
    model: nn.Module, scores: Scores, step: "Step[Structured]"
) -> tuple[nn.Module, list[int]]:
    """Return `model` with what config entry `step` takes away cut out, and the layers that stayed.

    `scores` are those of the model as it comes. Each layer that stays loses the same shares of its
    heads and of its neurons. UserError if a layer is factored, or no layer would be left.
    """
    count, entry = len(layers_of(model)), step.entry
    if entry.layers >= count:
        raise UserError(
            f"pass {step.name!r}: layers is {entry.layers}, but its parent has {count} layers; "
            f"at most {count - 1} can be cut"
        )
    left = count - entry.layers
    by_position = entry.importance == "index"
    stay = evenly_spaced(count, left) if by_position else highest(scores.layers, left)
    if left < count:
        model = student_of_layers(model, stay, name=step.name).eval()
    for layer, old in zip(layers_of(model), stay, strict=True):
        heads, neurons = scores.heads[old], scores.neurons[old]
        cut_layer(
            model,
            layer,
            heads=highest(heads, kept(len(heads), entry.heads)),
            neurons=highest(neurons, kept(len(neurons), entry.ffn)),
            step=step.name,
        )
    return model, stay


def taylor_sample(
    train: Path, tokenizer: Tokenizer, *, classes: int, texts: int, max_length: int, seed: int
) -> Encoded:
    """Return `texts` training texts drawn with `seed` (all, if there are fewer), tokenized."""
    split = read_split(train)
    rng = np.random.default_rng(seed)
    total = len(split.texts)
    chosen = sorted(rng.choice(total, size=min(texts, total), replace=False).tolist())
    return encode(
        tokenizer,
        [split.texts[i] for i in chosen],
        label_array(split.labels, classes)[chosen],
        max_length=max_length,
        pad_id=pad_id(tokenizer),
    )


def prune_structured(
    *,
    parent: Path,
    step: "Step[Structured]",
    seed: int,
    train: Path,
    validation: Path,
    out: Path,
    device: str,
    run: TrainingRun,
    teacher_logits: Path | None = None,
) -> None:
    """Cut heads, neurons and layers out of checkpoint `parent` as `step` says, and write it to `out`.

    With `distill`, recovery distils from the uncut parent's logits (`teacher_logits`).
    UserError if the parent is factored, has too few layers, or the shares round to nothing.
    """
    child = Child(parent, step, seed=seed)
    model, entry = child.model, step.entry
    for layer in layers_of(model):
        for name in layer.linears:  # before minutes are spent on scores
            dense(model, name, step=step.name)
    before, _ = count_parameters(model)
    if entry.importance == "taylor":
        sample = taylor_sample(
            train,
            child.tokenizer,
            classes=len(child.parent.labels),
            texts=entry.texts,
            max_length=child.parent.data["max_length"],
            seed=seed,
        )
        scores = taylor_scores(model, sample, pick_device(device))
        model.cpu()
    else:
        of = {"magnitude": magnitude_scores, "index": position_scores}[entry.importance]
        scores = of(model)
    child.model, stay = cut_model(model, scores, step)
    after, _ = count_parameters(child.model)
    if after == before:
        raise UserError(
            f"pass {step.name!r}: nothing to cut; heads {entry.heads} and ffn {entry.ffn} of "
            f"{len(scores.heads[0])} heads and {len(scores.neurons[0])} neurons round to none"
        )
    trainer = child.recover(
        step.entry, train, validation, run, device=device, teacher_logits=teacher_logits
    )
    heads, neurons = shapes_of(child.model)
    findings = {
        "params_before": before,
        "params_after": after,
        "heads_per_layer_after": heads,
        "ffn_per_layer_after": neurons,
        "layers_after": len(stay),
        "layers_kept": stay,
    }
    child.write(out, findings, trainer)
