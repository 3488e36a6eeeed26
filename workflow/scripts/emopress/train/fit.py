"""Checks that the weights of a published checkpoint are those of the model in its config.json."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emopress.errors import UserError
from emopress.train.head import Head, shown

# Heads of what these architectures are pretrained and used for, which a classifier does not have.
OTHER_HEADS = (
    "cls.", "lm_head.", "qa_outputs.", "vocab_transform.", "vocab_layer_norm.", "vocab_projector.",
    "discriminator_predictions.", "generator_predictions.", "generator_lm_head.",
)  # fmt: skip
POOLER = "pooler."  # of BERT: not in checkpoints of masked language models
ADAPTERS = re.compile(r"lora_|base_layer\.|adapter|prompt_encoder|modules_to_save")
TOLD = 3  # names of each sort in a refusal


def check_fit(
    folder: Path,
    model: Any,
    *,
    missing: Iterable[str],
    surplus: Iterable[str],
    reshaped: Iterable[tuple[str, Iterable[int], Iterable[int]]],
    as_is: bool,
    head: Head,
) -> None:
    """Raise UserError, in one line, unless the weights of `folder` are those of `model`; log what is new.

    `missing` and `surplus` are names, `reshaped` has the name, the shape in the file and the model's. The
    head may be new and that of another task be dropped. With `as_is` the model is used untrained: then
    a head that is used must be complete, and nothing may be left over.
    """
    base = f"{model.base_model_prefix}."
    parts = {f"{name}." for name, _ in model.base_model.named_children()}

    def in_body(name: str) -> bool:
        return name.startswith((base, *parts)) or bool(ADAPTERS.search(name))

    new = {name for name in missing if name.startswith(base + POOLER) or not in_body(name)}
    lacking = sorted(set(missing) - new)
    unused = sorted(name for name in surplus if not in_body(name))
    left_over = sorted(set(surplus) - set(unused))
    if as_is and head.order is not None:
        lacking += sorted(new)
    if as_is:
        left_over += [name for name in unused if not name.startswith(OTHER_HEADS)]
    shapes = [
        f"{n} {_shape(there)} for {_shape(expected)}" for n, there, expected in sorted(reshaped)
    ]
    faults = [
        f"{what} {len(names)}: {shown(names, TOLD)}"
        for what, names in (
            ("missing", lacking),
            ("of another shape", shapes),
            ("surplus", left_over),
        )
        if names
    ]
    if faults:
        hint = _hint([*lacking, *left_over], reshaped)
        raise UserError(f"{folder}: the weights do not fit config.json; {'; '.join(faults)}{hint}")
    if new:
        logging.info("pretrained: newly initialised: %s", ", ".join(sorted(new)))
    if unused:
        logging.info("pretrained: not used (UNEXPECTED): %s", ", ".join(unused))


def _shape(shape: Iterable[int]) -> str:
    return str(list(shape))


def _hint(
    names: Iterable[str], reshaped: Iterable[tuple[str, Iterable[int], Iterable[int]]]
) -> str:
    if any(ADAPTERS.search(name) for name in names):
        return (
            "; adapters are not read: merge them (peft's merge_and_unload) and save the model again"
        )
    if any(0 in tuple(there) for _, there, _ in reshaped):
        return (
            "; tensors of size 0 are what DeepSpeed's ZeRO-3 leaves: gather them (zero_to_fp32.py)"
        )
    return ""
