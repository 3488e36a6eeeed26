"""Rule distill_whitebox: a student trained on its teacher's hidden states and attention, or made of its layers."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import distill_arguments, encoder_sources
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.compress.distill_whitebox import distill_whitebox
        from emopress.train.loop import set_threads

        set_threads(threads)
        student = snakemake.params.student  # None: the teacher's own layers
        distill_whitebox(
            entry=student and dict(student),
            **encoder_sources(snakemake),
            **distill_arguments(snakemake),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
