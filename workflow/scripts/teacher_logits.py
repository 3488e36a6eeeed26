"""Rule teacher_logits: a teacher's logits for the training texts."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    def make(threads: int) -> None:
        from emopress.measure.teacher_logits import write_logits

        write_logits(
            Path(snakemake.input.bundle).parent,
            Path(snakemake.input.train),
            Path(snakemake.output.logits),
            threads=threads,
            device=snakemake.params.device,
        )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
