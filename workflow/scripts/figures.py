"""Rule figures: every figure of a data set, as SVG and PNG."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake, folders=False):
        from emopress.artifact import read_json
        from emopress.measure.results import read_logs
        from emopress.measure.summary import read_table
        from emopress.report.figures.draw import write_figures

        given, params = snakemake.input, snakemake.params
        dataset, summary = snakemake.wildcards.dataset, read_table(given.summary)
        write_figures(
            summary=summary[summary["dataset"] == dataset],
            details=read_json(given.details),
            statistics={dataset: read_json(given.statistics)},
            datasets={dataset: dict(params.entry)},
            curves={dataset: {}} | read_logs(params.curved, given.checkpoints)
            if params.training
            else {},
            out=Path(snakemake.output.figures[0]).parent,
            curve_seed=params.curve_seed,
            bits=params.bits,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
