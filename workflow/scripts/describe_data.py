"""Rule describe_data: the data card."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.prepare import describe_dataset
    from emopress.jobs.job import job

    with job(snakemake):
        describe_dataset(
            Path(snakemake.input.counts),
            dict(snakemake.params.described),
            Path(snakemake.output.card),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
