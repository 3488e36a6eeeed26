"""Rule distill_whitebox: a student trained on its teacher's hidden states and attention, or made of its layers."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job, optional_folder
    from emopress.ledger import STATE

    with job(snakemake) as threads:
        from emopress.train.loop import set_threads
        from emopress.train.whitebox import train_whitebox

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        student = snakemake.params.student and dict(snakemake.params.student)
        step = dict(snakemake.params.step)
        logits = snakemake.input.logits  # Snakemake gives a single file as a string
        train_whitebox(
            entry=student,
            step={**step, "student_model": student} if student else step,
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
