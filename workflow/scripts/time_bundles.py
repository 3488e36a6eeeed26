"""Rule time: all bundles of a data set in interleaved rounds."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    settings = dict(snakemake.params.settings)
    with job(snakemake, threads=1):  # the engines get their number separately
        from emopress.measure.candidates import candidates_of
        from emopress.measure.machine import thread_counts, usable
        from emopress.measure.timing import time_bundles

        time_bundles(
            candidates_of(snakemake.params.candidates, snakemake.input.manifests),
            test=Path(snakemake.input.test),
            settings=settings,
            threads=thread_counts(settings["threads"], usable(snakemake.params.cores)),
            out=Path(snakemake.output.timing),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
