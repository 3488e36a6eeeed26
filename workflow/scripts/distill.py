"""Rule distill: a student trained on the logits of its teacher, or of several."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import distill_arguments, encoder_sources
    from emopress.jobs.job import job, training_processes

    with job(snakemake) as threads:
        from emopress.jobs.processes import launched
        from emopress.train.finetune import finetune

        arguments = {**distill_arguments(snakemake), **encoder_sources(snakemake)}
        launched(
            finetune,
            {**arguments, "entry": dict(snakemake.params.student)},
            processes=training_processes(snakemake),
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
