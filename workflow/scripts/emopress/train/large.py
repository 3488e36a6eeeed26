"""Decoders whose weights are kept in 16 bits and never trained themselves: their checkpoints.

The checkpoint of such a model (`runtime: transformers`) is a Hugging Face folder whose weights are hard
links to the published files, which are neither loaded nor written a second time.
"""

import math
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from emopress.artifact import linked_or_copied
from emopress.checkpoint import DECODERS, HEAD, INDEX, WEIGHTS, library_versions
from emopress.errors import UserError
from emopress.tasks import MULTI, task_of
from emopress.train.lesson import checkpoint_folder
from emopress.train.published_classifier import check_linked
from emopress.train.published_weights import files_of, stored_tensors
from emopress.train.source import model_source
from emopress.train.splits import data_hash
from emopress.train.tokenizer import save_tokenizer
from emopress.train.transformer import build_transformer, classifier_config

if TYPE_CHECKING:
    from emopress.entries.step import Step
    from emopress.entries.transformer import TransformerStudent

# A published language model's output layer, and the head, which is counted apart.
UNUSED = ("lm_head.", "score.")


def weight_files(folder: Path) -> list[Path]:
    """Return the files of a Hugging Face folder that transformers reads its weights from, with their index."""
    files = files_of(folder)
    return files if files == [folder / WEIGHTS] else [*files, folder / INDEX]


def count_weights(folder: Path, head: int) -> tuple[int, int]:
    """Return (all, non-zero) parameters of a folder's classifier, read tensor by tensor.

    `head`: the parameters of the output layer, none of which is zero.
    """
    total = nonzero = head
    for name, stream in stored_tensors(folder):
        if not name.startswith(UNUSED):
            tensor = stream.get_tensor(name)
            total += tensor.numel()
            nonzero += int(torch.count_nonzero(tensor))
    return total, nonzero


def weight_bits(folder: Path) -> int:
    """Return the bits of a number that most of a folder's weights have: 16 or, of an fp32 one, 32."""
    numbers: Counter[int] = Counter()
    for name, stream in stored_tensors(folder):
        part = stream.get_slice(name)
        bits = re.search(r"\d+", part.get_dtype())  # BF16, F32
        if bits:
            numbers[int(bits[0])] += math.prod(part.get_shape())
    return numbers.most_common(1)[0][0]


def large_facts() -> dict[str, Any]:
    """Return what the manifests of all large decoders say: family, runtime and versions."""
    packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors")
    versions = library_versions(*packages)
    return {"family": "transformer", "runtime": "transformers", "versions": versions}


def write_base(
    *,
    step: "Step[TransformerStudent]",
    data: dict[str, Any],
    seed: int,
    train: Path,
    validation: Path,
    pretrained: Path | None,
    pretrained_tokenizer: Path | None,
    out: Path,
) -> None:
    """Write the checkpoint of a model of the config whose runtime is transformers, untrained.

    Its head [labels, width] is new, from a normal distribution with the architecture's
    `initializer_range`, unless `pretrained` is a classifier of the same labels. The weights of
    `pretrained` are linked, not loaded; without, they are random in bf16. UserError if `pretrained` is
    no decoder that there is code for, or as `check_linked`.
    """
    torch.manual_seed(seed)
    entry = step.entry
    source = model_source(
        entry,
        data=data,
        train=train,
        pretrained=pretrained,
        pretrained_tokenizer=pretrained_tokenizer,
    )
    config = classifier_config(entry, **source.sizes)
    if config.model_type not in DECODERS:
        raise UserError(
            f"model '{step.name}': a {config.model_type} checkpoint; "
            f"runtime: transformers is for {', '.join(DECODERS)}"
        )
    config.dtype = "bfloat16"
    head = torch.randn(len(data["labels"]), config.hidden_size) * config.initializer_range
    if pretrained:
        layer = check_linked(pretrained, config, given=entry.labels, labels=data["labels"])
        head = head if layer is None else layer
    facts = {
        **large_facts(),
        **data,
        # Nothing is trained yet, so nothing can be tuned.
        **({"thresholds": [0.5] * len(data["labels"])} if task_of(data) == MULTI else {}),
        "recipe": [step.recorded],
        "seed": seed,
        "parent": None,
        "base": source.base,
        "licences": source.licences,
        "data_sha256": data_hash(train, validation),
    }
    with checkpoint_folder(out, None, facts) as folder:
        if pretrained:
            for path in weight_files(pretrained):
                linked_or_copied(path, folder / path.name)
        else:
            model: Any = build_transformer(entry, as_is=True, **source.sizes)
            model.to(torch.bfloat16).save_pretrained(folder)
        config.save_pretrained(folder)
        save_file({"score.weight": head}, folder / HEAD)
        params, nonzero = count_weights(folder, head.numel())
        facts |= {"params": params, "nonzero_params": nonzero, "weight_bits": weight_bits(folder)}
        save_tokenizer(source.tokenizer, folder, max_length=data["max_length"])
