"""Rule prepare_data: splits, normalised, and their counts."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job, warn

    def make() -> None:
        from emopress.data.prepare import prepare_data

        prepare_data(
            snakemake.wildcards.dataset,
            dict(snakemake.params.dataset),
            Path(snakemake.input.manifest).parent,
            Path(snakemake.output.counts).parent,
            warn,
        )

    with job(snakemake):
        cached(snakemake, make)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
