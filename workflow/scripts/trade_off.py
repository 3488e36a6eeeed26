"""Rule trade_off: number and width of dense layers against the metric that decides, as SVG and PNG."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.artifact import read_json
        from emopress.measure.deciding import judge_of
        from emopress.measure.details import trials_of
        from emopress.measure.results import rows_of
        from emopress.measure.summary import read_table
        from emopress.report.figures.draw import drawing_of, figure_title, save
        from emopress.report.figures.trade_off import trade_off_figure

        dataset = snakemake.wildcards.dataset
        rows = rows_of(read_table(snakemake.input.summary), dataset)
        details = read_json(snakemake.input.details)[dataset]
        title = figure_title(dataset, dict(snakemake.params.entry))
        trials = trials_of(rows, details, list(snakemake.params.models))
        spec = trade_off_figure(trials, judge_of(rows).metric, title=title)
        drawing = drawing_of(spec, f"figures of data set {dataset!r}")
        save(spec, drawing, Path(snakemake.output.svg).with_suffix(""))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
