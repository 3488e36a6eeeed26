"""Rule judge: intervals, paired tests, calibration and flips of a data set's predictions."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.measure.deciding import Judge
        from emopress.measure.statistics import write_statistics

        keys = [(variant, seed) for variant, seed in snakemake.params.bundles]
        settings = dict(snakemake.params.settings)
        write_statistics(
            dict(zip(keys, map(Path, snakemake.input.predictions), strict=True)),
            cut=dict(zip(keys, map(Path, snakemake.input.cut), strict=True)),
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            test=Path(snakemake.input.test),
            labels=list(snakemake.params.labels),
            teachers=dict(snakemake.params.teachers),
            linears=list(snakemake.params.linears),
            reference=snakemake.params.yardstick,
            judge=Judge(*snakemake.params.judge),
            resamples=settings["resamples"],
            flips=settings["flips"],
            lstms=list(snakemake.params.lstms),
            out=Path(snakemake.output.statistics),
            flips_out=Path(snakemake.output.flips),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
