"""What a dry run prints for a study with decoders: the memory of each training run, and that of the GPU."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emopress import recipe
from emopress.checkpoint import DECODERS
from emopress.entries.study import model_entry
from emopress.entries.transformer import Transformer
from emopress.errors import UserError
from emopress.study.study import Study
from emopress.train.memory import (
    FP32,
    GB,
    Memory,
    layer_weights,
    other_parameters,
    training_memory,
)
from emopress.train.sizes import Shape, check_size, shape_of_config, shape_of_entry

COLUMNS = ("parameters", "weights", "adapters", "gradients", "optimizer", "activations", "total")
HEADING = (
    "GPU memory of each training run, computed, in GB of 10^9 bytes: bf16 unless precision: fp32, batches of\n"
    "the longest texts; not counted: the CUDA context, workspaces, fragmentation. Weights, gradients and Adam's\n"
    "moments take 4, 4 and 8 bytes for each number that is trained, a frozen base 2 or, in NF4, 4.127 bits\n"
    "(QLoRA, section 3). Activations: Korthikanti et al. 2022, equations 1 and 2."
)


@dataclass(frozen=True)
class Training:
    """One training run of a study; `memory` is None where the shape of its model is not known."""

    dataset: str
    variant: str
    how: str
    memory: Memory | None


def built_models(study: Study) -> list[str]:
    """Return the transformers that the study's variants start from or are distilled into, sorted."""
    names = set()
    for variant in (variant for variants in study.variants.values() for variant in variants):
        steps = recipe.parse(variant)
        students = [study.passes[name].get("student") for name in steps.passes]
        names |= {steps.model, *filter(None, students)}
    return sorted(names & set(study.model_names("transformer")))


def has_decoders(study: Study, results: Path) -> bool:
    """Return whether a decoder is among the built models, as far as entries and local files show."""
    shapes = [find_shape(name, study, results) for name in built_models(study)]
    return any(study.is_large(name) for name in built_models(study)) or any(
        shape and shape.decoder for shape in shapes
    )


def find_config(name: str, study: Study, results: Path) -> dict[str, Any] | None:
    """Return a model's config.json: the fetched one below `results`, or a mirror's; None without."""
    entry = study.models[name]
    folders = [results / "models" / name]
    folders += [Path(m) / "models" / entry.get("mirrored_as", name) for m in study.mirrors]
    files = (folder / "config.json" for folder in folders)
    file = next((file for file in files if file.is_file()), None)
    return json.loads(file.read_text(encoding="utf-8")) if file else None


def find_shape(name: str, study: Study, results: Path) -> Shape | None:
    """Return the shape of a model: what its entry states, else its config.json, if that is here."""
    entry = study.models[name]
    typed = model_entry(entry)
    if not isinstance(typed, Transformer):
        return None
    stated = shape_of_entry(typed, _vocabulary(entry, study))
    config = None if stated or "init" in entry else find_config(name, study, results)
    return shape_of_config(config) if config else stated


def check_checkpoints(study: Study, results: Path) -> None:
    """Raise UserError if a checkpoint that is here is not of its entry's `size`, or is a decoder
    that a pass of the study cannot be applied to. (Of one not fetched yet, no more than the entry is known.)
    """
    models = {name: dict(entry) for name, entry in study.models.items()}
    for name in built_models(study):
        entry = models[name]
        config = None if "init" in entry else find_config(name, study, results)
        typed = model_entry(study.models[name])
        if config and isinstance(typed, Transformer) and typed.size:
            check_size(name, typed, config)
        elif config and config.get("model_type") in DECODERS:
            entry["size"] = {"architecture": config["model_type"]}
    lines = [
        f"config: study.{dataset}: variant {variant!r}: {problem}"
        for dataset, variants in study.variants.items()
        for variant in variants
        for problem in recipe.problems(variant, models, study.passes)
    ]
    if lines:
        raise UserError("\n".join(lines))


def prediction_mb(study: Study, variants: Sequence[str], results: Path, least: int) -> int:
    """Return the MB of main memory to keep for predicting with one of `variants` at a time.

    Of large decoders the weights count, in fp32 as a CPU without bf16 has them, and `least` beside
    them; all others need `least`, and so does one whose shape is not known yet.
    """
    names = {recipe.root(variant, study.passes) for variant in variants if study.is_large(variant)}
    shapes = [find_shape(name, study, results) for name in sorted(names)]
    weights = [FP32 * (layer_weights(s) + other_parameters(s, 0)) for s in shapes if s]
    return least + round(max(weights, default=0) / 10**6)


def training_mb(study: Study, dataset: str, variant: str, results: Path, least: int) -> int:
    """Return the MB of main memory to keep for the adapters of `variant`: those of the table, and `least`.

    `least` alone for models that are not large decoders, and where a shape is not known yet.
    """
    if not study.is_large(variant):
        return least
    memories = [run.memory for run in _training(study, dataset, variant, results)]
    return least + sum(round(memory.total / 10**6) for memory in memories if memory)


def _vocabulary(entry: Mapping[str, Any], study: Study) -> int:
    """Return the rows that the tokenizer of a model from scratch brings, 0 if that is not known."""
    donor = study.models.get(entry.get("tokenizer", {}).get("model", ""), {})
    return int(donor.get("size", {}).get("vocabulary", 0))


def training_runs(study: Study, results: Path) -> Iterator[Training]:
    """Yield every training run of transformers that the study's variants share, once per data set."""
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


def table(runs: Sequence[Training]) -> str:
    """Return the lines of a table: a training run each, its numbers in GB (parameters in 10^9)."""
    rows = [("training run", "how, batch x tokens", *COLUMNS)]
    for run in runs:
        cells = [run.dataset + "/" + run.variant, run.how]
        if run.memory is None:
            cells += ["?"] * len(COLUMNS)
        else:
            cells += [f"{getattr(run.memory, column) / GB:.3f}" for column in COLUMNS]
        rows.append(tuple(cells))  # type: ignore[arg-type]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        text = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join([*text, *numbers]))
    return "\n".join(lines)


def free_gpu_bytes() -> int | None:
    """Return the free memory of the first GPU that nvidia-smi lists; None without one."""
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):  # the driver hangs
        return None
    first = done.stdout.strip().splitlines()[:1]
    return int(first[0]) * 2**20 if done.returncode == 0 and first and first[0].isdigit() else None


def memory_report(study: Study, results: Path, free: int | None) -> str:
    """Return what a dry run prints: heading, table, and a line for each training run that does not fit.

    `free`: bytes of the GPU, None without one.
    """
    runs = list(training_runs(study, results))
    lines = [HEADING, table(runs)]
    unknown = {recipe.root(run.variant, study.passes) for run in runs if run.memory is None}
    lines += [
        f"models.{name}: shape not known before its checkpoint is here; give its size"
        for name in sorted(unknown)
    ]
    if free is None:
        lines.append("No GPU found here to compare with.")
        return "\n".join(lines)
    lines.append(f"The first GPU has {free / GB:.1f} GB free.")
    lines += [
        f"warning: {run.dataset}/{run.variant} takes {run.memory.total / GB:.1f} GB; try a smaller "
        "batch_size with accumulate, gradient_checkpointing: true, or qlora"
        for run in runs
        if run.memory and run.memory.total > free
    ]
    return "\n".join(lines)
