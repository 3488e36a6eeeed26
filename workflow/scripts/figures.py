"""Rule figures: every figure of the report, as SVG and PNG."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job

    with job(snakemake):
        import pandas

        from emopress.artifact import read_json
        from emopress.report.figures import write_figures

        curves: dict[str, dict] = {}
        for (dataset, variant), manifest in zip(
            snakemake.params.curved, snakemake.input.checkpoints, strict=True
        ):
            curve = read_json(Path(manifest).with_name("training.json"))
            curves.setdefault(dataset, {})[variant] = curve
        write_figures(
            pandas.read_csv(snakemake.input.summary),
            read_json(snakemake.input.details),
            dict(snakemake.params.datasets),
            curves,
            Path(snakemake.output.pareto[0]).parent,
            curve_seed=snakemake.params.curve_seed,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
