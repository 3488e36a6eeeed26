"""Decoders whose weights are kept in 16 bits and never trained themselves: their checkpoints.

The checkpoint of such a model (`runtime: transformers`) is a Hugging Face folder whose weights are hard
links to the published files, which are neither loaded nor written a second time.
"""

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tokenizers import Tokenizer

from emopress.artifact import linked_or_copied, replaced_folder, write_json
from emopress.checkpoint import DECODERS, HEAD, INDEX, WEIGHTS, library_versions, write_manifest
from emopress.errors import UserError
from emopress.tasks import MULTI, task_of
from emopress.train.data import data_hash, read_split
from emopress.train.finetune import read_pretrained
from emopress.train.published_classifier import check_linked
from emopress.train.published_weights import files_of
from emopress.train.tokenizer import embedding_rows, model_tokenizer, pad_id, save_tokenizer
from emopress.train.transformer import build_transformer, classifier_config
from emopress.train.vowel_signs import has_vowel_signs

RUNTIME = {"runtime": "transformers"}
VERSIONS = ("torch", "transformers", "accelerate", "tokenizers", "safetensors")
UNUSED = (
    "lm_head.",
    "score.",
)  # a published language model's output layer, and the head (counted apart)


def weight_files(folder: Path) -> list[Path]:
    """Return the files of a Hugging Face folder that transformers reads its weights from, with their index."""
    files = files_of(folder)
    return files if files == [folder / WEIGHTS] else [*files, folder / INDEX]


def count_weights(folder: Path, head: int) -> tuple[int, int]:
    """Return (all, non-zero) parameters of a folder's classifier, read tensor by tensor.

    `head`: the parameters of the output layer, none of which is zero.
    """
    total = nonzero = head
    for path in files_of(folder):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping
                if not name.startswith(UNUSED):
                    tensor = stream.get_tensor(name)
                    total += tensor.numel()
                    nonzero += int(torch.count_nonzero(tensor))
    return total, nonzero


def weight_bits(folder: Path) -> int:
    """Return the bits of a number that most of a folder's weights have: 16 or, of an fp32 one, 32."""
    numbers: Counter[int] = Counter()
    for path in files_of(folder):
        with safe_open(path, framework="pt") as stream:
            for name in stream.keys():  # noqa: SIM118  # no mapping
                part = stream.get_slice(name)
                bits = re.search(r"\d+", part.get_dtype())  # BF16, F32
                if bits:
                    numbers[int(bits[0])] += math.prod(part.get_shape())
    return numbers.most_common(1)[0][0]


def write_base(
    *,
    entry: dict[str, Any],
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
    base = read_pretrained(pretrained) if pretrained else None
    texts = read_split(train).texts
    tokenizer = model_tokenizer(
        entry, pretrained_tokenizer or pretrained, texts, has_vowel_signs(data["language"])
    )
    shape: dict[str, Any] = {
        "labels": data["labels"],
        "vocab_size": embedding_rows(tokenizer),
        "max_length": data["max_length"],
        "pad": pad_id(tokenizer),
        "pretrained": pretrained,
    }
    config = classifier_config(entry, **shape)
    if config.model_type not in DECODERS:
        raise UserError(
            f"model '{entry['name']}': a {config.model_type} checkpoint; "
            f"runtime: transformers is for {', '.join(DECODERS)}"
        )
    config.dtype = "bfloat16"
    head = torch.randn(len(data["labels"]), config.hidden_size) * config.initializer_range
    if pretrained:
        layer = check_linked(pretrained, config, entry=entry, labels=data["labels"])
        head = head if layer is None else layer
    with replaced_folder(out) as folder:
        if pretrained:
            for path in weight_files(pretrained):
                linked_or_copied(path, folder / path.name)
        else:
            model: Any = build_transformer(entry, **shape)
            model.to(torch.bfloat16).save_pretrained(folder)
        config.save_pretrained(folder)
        save_file({"score.weight": head}, folder / HEAD)
        params, nonzero = count_weights(folder, head.numel())
        write_large(
            folder,
            tokenizer,
            [],
            {
                **data,
                # Nothing is trained yet, so nothing can be tuned.
                **({"thresholds": [0.5] * len(data["labels"])} if task_of(data) == MULTI else {}),
                "recipe": [entry],
                "seed": seed,
                "parent": None,
                "base": base,
                "licences": [base["licence"] or f"not stated by {base['name']}"] if base else [],
                "data_sha256": data_hash(train, validation),
                "params": params,
                "nonzero_params": nonzero,
                "weight_bits": weight_bits(folder),
                "trained_on": None,
            },
        )


def write_large(
    folder: Path, tokenizer: Tokenizer, history: list[dict[str, float]], facts: dict[str, Any]
) -> None:
    """Complete the checkpoint `folder`, which has its weights: tokenizer, training curve, manifest."""
    save_tokenizer(tokenizer, folder, max_length=facts["max_length"])
    write_json(folder / "training.json", history)
    versions = library_versions(*VERSIONS)
    write_manifest(folder, {"family": "transformer", **RUNTIME, **facts, "versions": versions})
