"""Rule distill: a student trained on the logits of its teacher, or of several."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job, optional_folder
    from emopress.ledger import STATE

    with job(snakemake) as threads:
        from emopress.train.finetune import train_encoder
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        student = dict(snakemake.params.student)
        logits = snakemake.input.logits  # Snakemake gives a single file as a string
        train_encoder(
            entry=student,
            step={**snakemake.params.step, "student_model": student},
            data=dict(snakemake.params.data),
            seed=int(snakemake.wildcards.seed),
            device=snakemake.params.device,
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            pretrained=optional_folder(snakemake.input, "pretrained"),
            pretrained_tokenizer=optional_folder(snakemake.input, "pretrained_tokenizer"),
            teacher=Path(snakemake.input.teacher).parent,
            teacher_logits=[Path(p) for p in ([logits] if isinstance(logits, str) else logits)],
            state=out.with_name(STATE),
            out=out,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
