"""Rule figures: every figure of the report, as SVG and PNG."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job

    with job(snakemake):
        import pandas

        from emopress.artifact import read_json
        from emopress.report.figures import write_figures
        from emopress.report.training_logs import read_logs

        given, params = snakemake.input, snakemake.params
        write_figures(
            summary=pandas.read_csv(given.summary),
            details=read_json(given.details),
            statistics={Path(path).stem: read_json(path) for path in given.statistics},
            datasets=dict(params.datasets),
            curves=read_logs(params.curved, given.checkpoints),
            rulegraph=Path(given.graph).read_text(encoding="utf-8"),
            out=Path(snakemake.output.figures[0]).parent,
            curve_seed=params.curve_seed,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
