"""What a dry run prints of a study with decoders: the memory that each of its trainings takes, beside a GPU's."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emopress import recipe
from emopress.architectures import DECODERS
from emopress.study import Study
from emopress.train.memory import (
    GB,
    Memory,
    Shape,
    shape_of_config,
    shape_of_entry,
    training_memory,
)

COLUMNS = ("parameters", "weights", "adapters", "gradients", "optimizer", "activations", "total")
HEADING = (
    "Memory of each training on a GPU, computed, in GB of 10^9 bytes: bf16 unless precision: fp32, batches of\n"
    "the longest texts; not counted: the CUDA context, workspaces, fragmentation. Weights, gradients and Adam's\n"
    "moments take 4, 4 and 8 bytes for each number that is trained, a frozen base 2 or, in NF4, 4.127 bits\n"
    "(QLoRA, section 3). Activations: Korthikanti et al. 2022, equations 1 and 2."
)


@dataclass(frozen=True)
class Training:
    """One training of a study; `memory` is None where the shape of its model is not known."""

    dataset: str
    variant: str
    how: str
    memory: Memory | None


def has_decoders(study: Study) -> bool:
    """Return whether a variant of the study starts from a decoder, or from a large one."""
    roots = {
        recipe.parse(variant).model for variants in study.variants.values() for variant in variants
    }
    shapes = [study.models[name].get("init") or study.models[name].get("size") for name in roots]
    return any(study.is_large(name) for name in roots) or any(
        shape and shape["architecture"] in DECODERS for shape in shapes
    )


def find_shape(name: str, study: Study, results: Path) -> Shape | None:
    """Return the shape of a model: what its entry states, else its config.json, if that is here.

    That is the fetched one below `results`, or a mirror's. None where there is neither.
    """
    entry = study.models[name]
    stated = shape_of_entry(entry, _vocabulary(entry, study))
    folders = [results / "models" / name]
    folders += [Path(m) / "models" / entry.get("mirrored_as", name) for m in study.mirrors]
    files = (folder / "config.json" for folder in folders)
    found = next((file for file in files if file.is_file()), None)
    if stated is None and found:
        return shape_of_config(json.loads(found.read_text(encoding="utf-8")))
    return stated


def _vocabulary(entry: Mapping[str, Any], study: Study) -> int:
    """Return the rows that the tokenizer of a model from scratch brings, 0 if it does not tell."""
    donor = study.models.get(entry.get("tokenizer", {}).get("model", ""), {})
    return int(donor.get("size", {}).get("vocabulary", 0))


def trainings(study: Study, results: Path) -> Iterator[Training]:
    """Yield every training of transformers that the study's variants share, once per data set."""
    for dataset, variants in study.variants.items():
        seen: set[str] = set()
        for variant in variants:
            names = variant.split("+")
            for end in range(1, len(names) + 1):
                prefix = "+".join(names[:end])
                if prefix not in seen:
                    seen.add(prefix)
                    yield from _training(study, dataset, prefix, results)


def _training(study: Study, dataset: str, variant: str, results: Path) -> Iterator[Training]:
    if recipe.family(variant, study.models, study.passes) != "transformer":
        return
    last = variant.rsplit("+", 1)[-1]
    entry = study.passes.get(last) if "+" in variant else study.models[last]
    assert entry is not None
    settings = entry.get("train") or entry.get("recover")
    if not settings or not settings["epochs"]:
        return
    method = entry.get("method") if entry.get("kind") == "adapt" else "full"
    shape = find_shape(recipe.root(variant, study.passes), study, results)
    data = study.datasets[dataset]
    memory = None
    if shape:
        memory = training_memory(
            shape,
            labels=len(data["labels"]),
            batch=settings["batch_size"],
            tokens=data["max_length"],
            bf16=settings["precision"] != "fp32",
            checkpointing=settings["gradient_checkpointing"],
            method=str(method),
            rank=entry.get("rank", 0),
            targets=entry.get("targets", []),
            kept_in_bf16=study.is_large(variant),
        )
    batch = f"{settings['batch_size']} x {data['max_length']}"
    how = f"{method}, {batch}{', checkpointing' * settings['gradient_checkpointing']}"
    yield Training(dataset, variant, how, memory)


def table(found: Sequence[Training]) -> str:
    """Return the lines of a table: a training each, its numbers in GB (parameters in 10^9)."""
    rows = [("training", "how, batch x tokens", *COLUMNS)]
    for one in found:
        cells = [one.dataset + "/" + one.variant, one.how]
        if one.memory is None:
            cells += ["?"] * len(COLUMNS)
        else:
            cells += [f"{getattr(one.memory, column) / GB:.3f}" for column in COLUMNS]
        rows.append(tuple(cells))  # type: ignore[arg-type]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        text = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*text, *numbers]))
    return "\n".join(lines)


def free_gpu_bytes() -> int | None:
    """Return the free memory of the first GPU that nvidia-smi tells of; None without one."""
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    first = done.stdout.strip().splitlines()[:1]
    return int(first[0]) * 2**20 if done.returncode == 0 and first and first[0].isdigit() else None


def memory_report(study: Study, results: Path, free: int | None) -> str:
    """Return what a dry run prints: heading, table, and a line for each training that has no room.

    `free`: bytes of the GPU, None without one.
    """
    found = list(trainings(study, results))
    lines = [HEADING, table(found)]
    unknown = {recipe.root(one.variant, study.passes) for one in found if one.memory is None}
    lines += [
        f"models.{name}: shape not known before its checkpoint is here; give its size"
        for name in sorted(unknown)
    ]
    if free is None:
        lines.append("No GPU found here to compare with.")
        return "\n".join(lines)
    lines.append(f"The first GPU has {free / GB:.1f} GB free.")
    lines += [
        f"warning: {one.dataset}/{one.variant} takes {one.memory.total / GB:.1f} GB; try a smaller "
        "batch_size with accumulate, gradient_checkpointing: true, or qlora"
        for one in found
        if one.memory and one.memory.total > free
    ]
    return "\n".join(lines)
