"""What the rules that train hand to the library: a job's files, params and wildcards as keyword arguments."""

from pathlib import Path
from typing import Any

from emopress.jobs.watching import training_run


def optional_folder(inputs: Any, name: str) -> Path | None:
    """Return the folder of a named input that a rule has for some wildcards only."""
    return Path(inputs[name]).parent if name in inputs.keys() else None  # noqa: SIM118


def _common(snakemake: Any) -> dict[str, Any]:
    """Return what every training takes."""
    out = Path(snakemake.output.checkpoint).parent
    return {
        "step": dict(snakemake.params.step),
        "seed": int(snakemake.wildcards.seed),
        "device": snakemake.params.device,
        "train": Path(snakemake.input.train),
        "validation": Path(snakemake.input.validation),
        "run": training_run(out, snakemake.input.code, snakemake.params.context),
        "out": out,
    }


def pass_arguments(snakemake: Any) -> dict[str, Any]:
    """Return the arguments of a pass that trains on a checkpoint.

    `teacher_logits` is among them where the rule has the parent's logits as an input.
    """
    logits = snakemake.input.get("logits")
    return {
        **_common(snakemake),
        "parent": Path(snakemake.input.parent).parent,
        **({"teacher_logits": Path(logits)} if logits else {}),
    }


def model_arguments(snakemake: Any) -> dict[str, Any]:
    """Return the arguments of the training of a model of the config, but for what it starts from."""
    return {**_common(snakemake), "data": dict(snakemake.params.data)}


def distill_arguments(snakemake: Any) -> dict[str, Any]:
    """Return the arguments of a distillation, but for the student's own and what it starts from."""
    common, student = model_arguments(snakemake), snakemake.params.student
    logits = snakemake.input.logits  # Snakemake gives a single file as a string
    return {
        **common,
        "step": {**common["step"], **({"student_model": dict(student)} if student else {})},
        "teacher": Path(snakemake.input.teacher).parent,
        "teacher_logits": [Path(p) for p in ([logits] if isinstance(logits, str) else logits)],
    }


def encoder_sources(snakemake: Any) -> dict[str, Any]:
    """Return the fetched folders that a transformer starts from, where its config entry has such."""
    names = ("pretrained", "pretrained_tokenizer")
    return {name: optional_folder(snakemake.input, name) for name in names}
