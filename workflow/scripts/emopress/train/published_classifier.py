"""Builds classifiers with the weights of published checkpoints, and decides what happens to their output layers.

transformers draws random numbers for every tensor that a file lacks or has in another shape, drops those
that it has no place for, and says so in a warning. Here only the output layer, poolers and the heads of
other tasks may differ (`train/fit.py`); the log lists them.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emopress.artifact import read_json
from emopress.errors import UserError, kind_and_text
from emopress.train.fit import check_fit
from emopress.train.head import Head, head_of
from emopress.train.published_weights import (
    check_numbers,
    read_tensor,
    read_weights,
    renamed,
    stored_shapes,
)

# The last layer of a classifier, whose rows are its labels.
OUTPUT = {
    "bert": "classifier", "distilbert": "classifier", "electra": "classifier.out_proj",
    "gemma": "score", "mistral": "score", "llama": "score",
}  # fmt: skip


def _decide_head(
    folder: Path,
    shapes: Mapping[str, Any],
    kind: str,
    *,
    given: list[str] | None,
    labels: list[str],
    as_is: bool,
) -> Head:
    """Return what becomes of the output layer of an architecture; the others as of `load_classifier`."""
    rows = shapes.get(f"{OUTPUT[kind]}.weight")
    config = read_json(folder / "config.json")
    if given and (not rows or rows[0] != len(given)):
        has = f"{rows[0]} rows" if rows else "no output layer"
        raise UserError(
            f"{folder}: `labels` of the model names {len(given)}, its weights have {has}"
        )
    head = head_of(config, rows[0] if rows else None, labels, given)
    if head.order is None and rows and as_is:
        raise UserError(f"{folder}: {head.why}")
    if head.order is None:
        logging.info("pretrained: the output layer is new: %s", head.why)
    elif head.order != list(range(len(labels))):
        logging.info(
            "pretrained: the rows of the output layer are put into the order of the labels"
        )
    return head


def load_classifier(
    folder: Path, config: Any, *, given: list[str] | None, labels: list[str], as_is: bool
) -> nn.Module:
    """Return the classifier of `config` in fp32 with the weights of a published checkpoint's `folder`.

    Its output layer is the checkpoint's where that has the data set's `labels`, its rows in their order;
    else a new one. `given` are the checkpoint's labels where its entry names them. UserError, in one line,
    if the weights do not fit; or, if it is used `as_is` (train.epochs 0), if the checkpoint is a classifier
    of other labels.
    """
    empty = _empty(folder, config)
    weights = renamed(read_weights(folder), empty, folder)
    check_numbers(folder, weights)
    output = OUTPUT[config.model_type]
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    head = _decide_head(folder, shapes, config.model_type, given=given, labels=labels, as_is=as_is)
    for name in (f"{output}.weight", f"{output}.bias"):
        if name in weights:
            value = weights.pop(name)
            if head.order is not None:
                weights[name] = value[head.order]
    loaded: Any = _from_weights(type(empty), config, weights)
    model, info = loaded
    check_fit(
        folder,
        model,
        missing=info["missing_keys"],
        surplus=info["unexpected_keys"],
        reshaped=info["mismatched_keys"],
        as_is=as_is,
        head=head,
    )
    return model


@contextmanager
def usable_config(folder: Path) -> Iterator[None]:
    """Turn whatever transformers raises of a folder's config.json into one line."""
    try:
        yield
    except Exception as error:  # it raises what its checks and layers raise
        why = kind_and_text(error, 200)
        raise UserError(f"{folder}: config.json cannot be used ({why})") from None


def _empty(folder: Path, config: Any) -> Any:
    """Return the classifier of a config without memory for its weights: their names and shapes."""
    from transformers import AutoModelForSequenceClassification

    with usable_config(folder), torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config)


def _from_weights(kind: Any, config: Any, weights: dict[str, Tensor]) -> Any:
    """Return the model with these weights, and the loading report of transformers for `check_fit`."""
    from transformers.utils import logging as chatter

    verbosity = chatter.get_verbosity()
    chatter.set_verbosity_error()
    try:
        return kind.from_pretrained(
            None,
            config=config,
            state_dict=weights,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    finally:
        chatter.set_verbosity(verbosity)


def check_linked(
    folder: Path, config: Any, *, given: list[str] | None, labels: list[str]
) -> Tensor | None:
    """Check the weights of `folder` against `config` without loading them; return the output layer to use.

    For decoders whose files are linked, not written again, and whose weights are never trained. Returned is
    the layer's weight [labels, width] in fp32 where the checkpoint has it for the data set's labels, else
    None. UserError as in `load_classifier`, and for names that only renaming would make fit.
    """
    model = _empty(folder, config)
    shapes, base = stored_shapes(folder), f"{model.base_model_prefix}."
    parts = tuple(f"{name}." for name, _ in model.base_model.named_children())
    stored = {base + n if n.startswith(parts) else n: shape for n, shape in shapes.items()}
    expected = {name: tuple(value.shape) for name, value in model.named_parameters()}
    output = f"{OUTPUT[config.model_type]}.weight"
    head = _decide_head(folder, stored, config.model_type, given=given, labels=labels, as_is=True)
    layer = None
    if head.order is not None:
        layer = read_tensor(folder, output).float()[head.order]
    elif output in stored:
        del stored[output]
    unread = re.compile(r"\.(inv_freq|position_ids)$")
    check_fit(
        folder,
        model,
        missing=set(expected) - set(stored),
        surplus={name for name in set(stored) - set(expected) if not unread.search(name)},
        reshaped=[
            (name, stored[name], expected[name])
            for name in sorted(set(expected) & set(stored))
            if stored[name] != expected[name]
        ],
        as_is=True,
        head=head,
    )
    return layer
