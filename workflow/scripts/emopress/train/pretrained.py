"""Reads the weights of a published checkpoint strictly: whatever does not fit its config.json is told.

transformers draws random numbers for every tensor that a file lacks or has in another shape, drops those
that it has no place for, and says so in a warning. Here only the output layer, poolers and the heads of
other tasks may differ; they are told in the log.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from emopress.artifact import read_json
from emopress.data.pretrained import INDEX, WEIGHTS
from emopress.errors import UserError
from emopress.train.head import Head, head_of, shown

# The last layer of a classifier, whose rows are its labels.
OUTPUT = {
    **{"bert": "classifier", "distilbert": "classifier", "electra": "classifier.out_proj"},
    **{"gemma": "score", "mistral": "score", "llama": "score"},
}
# Put into names by torch.compile, checkpointing and sharding, at any place.
WRAPPERS = re.compile(r"_orig_mod\.|_checkpoint_wrapped_module\.|_fsdp_wrapped_module\.")
# Heads of what these architectures are pretrained and used for, which a classifier does not have.
OTHER_HEADS = (
    *(
        "cls.",
        "lm_head.",
        "qa_outputs.",
        "vocab_transform.",
        "vocab_layer_norm.",
        "vocab_projector.",
    ),
    *("discriminator_predictions.", "generator_predictions.", "generator_lm_head."),
)
POOLER = "pooler."  # of BERT: not in checkpoints of masked language models
ADAPTERS = re.compile(r"lora_|base_layer\.|adapter|prompt_encoder|modules_to_save")
TOLD = 3  # names of each sort in a refusal

Shapes = dict[str, tuple[int, ...]]


def files_of(folder: Path) -> list[Path]:
    """Return the files that hold a folder's weights, in transformers' order: one file before shards."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    shards = read_json(folder / INDEX)["weight_map"].values()
    return [folder / name for name in sorted(set(shards))]


def stored_shapes(folder: Path) -> Shapes:
    """Return the shape of every tensor of a folder's weights, which are not read."""
    shapes = {}
    for path in files_of(folder):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping
                shapes[name] = tuple(stream.get_slice(name).get_shape())
    return shapes


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return every tensor of a folder's weights by its name."""
    return {name: value for path in files_of(folder) for name, value in load_file(path).items()}


def without_wrappers(names: Iterable[str], model: Any) -> dict[str, str]:
    """Return for each of a file's tensor names the one that transformers knows it by.

    Left out are the marks of torch.compile and the like, and what stands before the names of the base
    model (`module.` of data parallel training, `model.` of Lightning, the attribute of a class of its
    own): it is found where the name of the embedding table begins.
    """
    plain = {name: WRAPPERS.sub("", name) for name in names}
    base = f"{model.base_model_prefix}."
    table = model.get_input_embeddings().weight
    anchor = next(name for name, value in model.base_model.named_parameters() if value is table)
    found = {
        name.removesuffix(anchor)
        for name in plain.values()
        if name == anchor or name.endswith(f".{anchor}")
    }
    if len(found) != 1 or found & {"", base}:
        return (
            plain  # as transformers writes it; or none, or several, and then much will be missing
        )
    wrapped = found.pop()
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
        logging.info("pretrained: %d tensors go by other names: %s, ...", len(changed), changed[0])
    return {names[name]: value for name, value in weights.items()}


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
    a head that is used must be whole, and nothing else be left over.
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
        lacking += sorted(name for name in new if not name.startswith(base))
    if as_is:
        left_over += [name for name in unused if not name.startswith(OTHER_HEADS)]
    shapes = [f"{n} {_shape(there)} for {_shape(wanted)}" for n, there, wanted in sorted(reshaped)]
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


def _decide_head(
    folder: Path, shapes: Mapping[str, Any], entry: Mapping[str, Any], labels: list[str], kind: str
) -> tuple[Head, bool]:
    """Return what becomes of the output layer, and whether the model is used untrained."""
    rows = shapes.get(f"{OUTPUT[kind]}.weight")
    as_is = entry.get("train", {}).get("epochs") == 0
    config = read_json(folder / "config.json")
    given = entry.get("labels")
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
    return head, as_is


def load_classifier(
    folder: Path, config: Any, *, entry: Mapping[str, Any], labels: list[str]
) -> nn.Module:
    """Return the classifier of `config` in fp32 with the weights of a published checkpoint's `folder`.

    Its output layer is the checkpoint's where that has the data set's labels, its rows in their order;
    else a new one. UserError, in one line, if the weights do not fit; or, with train.epochs 0, if the
    checkpoint is a classifier of other labels.
    """
    empty = _empty(folder, config)
    weights = renamed(read_weights(folder), empty, folder)
    _check_numbers(folder, weights)
    output = OUTPUT[config.model_type]
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    head, as_is = _decide_head(folder, shapes, entry, labels, config.model_type)
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
        why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UserError(f"{folder}: config.json cannot be used ({why})") from None


def _empty(folder: Path, config: Any) -> Any:
    """Return the classifier of a config without memory for its weights: their names and shapes."""
    from transformers import AutoModelForSequenceClassification

    with usable_config(folder), torch.device("meta"):
        return AutoModelForSequenceClassification.from_config(config)


def _from_weights(kind: Any, config: Any, weights: dict[str, Tensor]) -> Any:
    """Return the model with these weights and what transformers has to say, which `check_fit` reads."""
    from transformers.utils import logging as chatter

    told = chatter.get_verbosity()
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
        chatter.set_verbosity(told)


def _check_numbers(folder: Path, weights: Mapping[str, Tensor]) -> None:
    """Raise UserError for a matrix of whole numbers (it is quantized), and for numbers that are not finite."""
    for name, value in weights.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise UserError(
                f"{folder}: {name} has numbers that are not finite; the checkpoint is of a training that failed, "
                "or was converted to fp16"
            )
        if value.dim() > 1 and not value.is_floating_point() and not name.endswith("_ids"):
            raise UserError(
                f"{folder}: {name} is stored in {str(value.dtype).removeprefix('torch.')}: a quantized "
                "checkpoint; take the one that it was made of"
            )


def check_linked(
    folder: Path, config: Any, *, entry: Mapping[str, Any], labels: list[str]
) -> Tensor | None:
    """Check the weights of `folder` against `config` without loading them; return the output layer to use.

    For decoders whose files are linked, not written again. Returned is the layer's weight [labels, width]
    in fp32 where the checkpoint has it for the data set's labels, else None. UserError as in
    `load_classifier`, and for names that only renaming would make fit.
    """
    model = _empty(folder, config)
    shapes, base = stored_shapes(folder), f"{model.base_model_prefix}."
    parts = tuple(f"{name}." for name, _ in model.base_model.named_children())
    found = {base + n if n.startswith(parts) else n: shape for n, shape in shapes.items()}
    wanted = {name: tuple(value.shape) for name, value in model.named_parameters()}
    output = f"{OUTPUT[config.model_type]}.weight"
    head, as_is = _decide_head(folder, found, entry, labels, config.model_type)
    layer = None
    if head.order is not None:
        layer = _tensor(folder, output).float()[head.order]
    elif output in found:
        del found[output]
    unread = re.compile(r"\.(inv_freq|position_ids)$")
    check_fit(
        folder,
        model,
        missing=set(wanted) - set(found),
        surplus={name for name in set(found) - set(wanted) if not unread.search(name)},
        reshaped=[
            (name, found[name], wanted[name])
            for name in sorted(set(wanted) & set(found))
            if found[name] != wanted[name]
        ],
        as_is=as_is,
        head=head,
    )
    return layer


def _tensor(folder: Path, name: str) -> Tensor:
    """Return one tensor of a folder's weights."""
    for path in files_of(folder):
        with safe_open(path, framework="pt") as stream:
            if name in stream.keys():  # noqa: SIM118  # no mapping
                return stream.get_tensor(name)
    raise KeyError(name)
