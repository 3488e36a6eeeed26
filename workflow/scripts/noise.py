"""Rule noise: the test texts with a share of their characters changed."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.measure.noise import write_noise

        write_noise(
            Path(snakemake.input.test),
            list(snakemake.params.shares),
            Path(snakemake.output.noise),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
