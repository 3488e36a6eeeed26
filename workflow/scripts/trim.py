"""Rule trim: the vocabulary of a checkpoint cut to what its training texts use."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.compress.trim import trim
        from emopress.train.loop import set_threads

        set_threads(threads)
        trim(
            parent=Path(snakemake.input.parent).parent,
            step=dict(snakemake.params.step),
            seed=int(snakemake.wildcards.seed),
            train=Path(snakemake.input.train),
            test=Path(snakemake.input.test),
            out=Path(snakemake.output.checkpoint).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
