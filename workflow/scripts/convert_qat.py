"""Rule convert_qat: the checkpoint of a qat pass to a bundle that computes in integers."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.bundle.convert_qat import convert_qat
        from emopress.train.loop import set_threads

        set_threads(threads)
        convert_qat(
            checkpoint=Path(snakemake.input.checkpoint).parent,
            out=Path(snakemake.output.bundle).parent,
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
