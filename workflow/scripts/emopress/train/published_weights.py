"""The weights of a published checkpoint: their files, their shapes, and the names that transformers knows them by."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from emopress.artifact import read_json
from emopress.checkpoint import INDEX, WEIGHTS
from emopress.errors import UserError

# Put into names by torch.compile, checkpointing and sharding, at any place.
WRAPPERS = re.compile(r"_orig_mod\.|_checkpoint_wrapped_module\.|_fsdp_wrapped_module\.")


def files_of(folder: Path) -> list[Path]:
    """Return the files that hold a folder's weights, in transformers' order: one file before shards."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    shards = read_json(folder / INDEX)["weight_map"].values()
    return [folder / name for name in sorted(set(shards))]


def stored_tensors(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name of every tensor of a folder's weights and the open file that it is in."""
    for path in files_of(folder):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping
                yield name, stream


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a folder's weights, which are not read."""
    tensors = stored_tensors(folder)
    return {name: tuple(stream.get_slice(name).get_shape()) for name, stream in tensors}


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return every tensor of a folder's weights by its name."""
    return {name: value for path in files_of(folder) for name, value in load_file(path).items()}


def read_tensor(folder: Path, name: str) -> Tensor:
    """Return one tensor of a folder's weights."""
    for stored, stream in stored_tensors(folder):
        if stored == name:
            return stream.get_tensor(name)
    raise KeyError(name)


def without_wrappers(names: Iterable[str], model: Any) -> dict[str, str]:
    """Return for each of a file's tensor names the one that transformers knows it by.

    Left out are the marks of torch.compile and the like, and the prefix of the names of the base
    model (`module.` of data parallel training, `model.` of Lightning, the attribute of a custom
    class), which ends where the name of the embedding table begins.
    """
    plain = {name: WRAPPERS.sub("", name) for name in names}
    base = f"{model.base_model_prefix}."
    table = model.get_input_embeddings().weight
    anchor = next(name for name, value in model.base_model.named_parameters() if value is table)
    prefixes = {
        name.removesuffix(anchor)
        for name in plain.values()
        if name == anchor or name.endswith(f".{anchor}")
    }
    if len(prefixes) != 1 or prefixes & {"", base}:
        return (
            plain  # as transformers writes it; or none, or several, and then much will be missing
        )
    wrapped = prefixes.pop()
    outer = wrapped.removesuffix(base)

    def known(name: str) -> str:
        if name.startswith(wrapped):
            return base + name.removeprefix(wrapped)
        return name.removeprefix(outer)

    return {name: known(plain_name) for name, plain_name in plain.items()}


def renamed(weights: Mapping[str, Any], model: Any, folder: Path) -> dict[str, Any]:
    """Return `weights` by the names that transformers knows; UserError if two get the same."""
    names = without_wrappers(weights, model)
    twice = sorted(name for name, times in Counter(names.values()).items() if times > 1)
    if twice:
        both = [old for old, new in names.items() if new == twice[0]]
        raise UserError(f"{folder}: its weights have the same tensor twice: {', '.join(both)}")
    changed = [f"{old} -> {new}" for old, new in names.items() if old != new]
    if changed:
        logging.info("pretrained: %d tensors are renamed: %s, ...", len(changed), changed[0])
    return {names[name]: value for name, value in weights.items()}


def check_numbers(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Raise UserError for a matrix of integers (it is quantized), and for numbers that are not finite."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(
                f"{folder}: {name} has numbers that are not finite; the checkpoint is of a failed training run, "
                "or was converted to fp16"
            )
        if value.dim() > 1 and not value.is_floating_point() and not name.endswith("_ids"):
            raise UserError(
                f"{folder}: {name} is stored in {str(value.dtype).removeprefix('torch.')}: a quantized "
                "checkpoint; take the one that it was made of"
            )
