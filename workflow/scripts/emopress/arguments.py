"""What rules of one shape hand to the library: a job's files, params and wildcards as keyword arguments."""

from pathlib import Path
from typing import Any

from emopress.ledger import STATE


def distill_arguments(snakemake: Any) -> dict[str, Any]:
    """Return the keyword arguments of a distillation on logits, from its rule's job.

    The student's entry and the fetched folders that it starts from are not among them, for they
    differ with its family.
    """
    out = Path(snakemake.output.checkpoint).parent
    logits = snakemake.input.logits  # Snakemake gives a single file as a string
    return {
        "step": {**snakemake.params.step, "student_model": dict(snakemake.params.student)},
        "data": dict(snakemake.params.data),
        "seed": int(snakemake.wildcards.seed),
        "device": snakemake.params.device,
        "train": Path(snakemake.input.train),
        "validation": Path(snakemake.input.validation),
        "teacher": Path(snakemake.input.teacher).parent,
        "teacher_logits": [Path(p) for p in ([logits] if isinstance(logits, str) else logits)],
        "state": out.with_name(STATE),
        "out": out,
    }
