"""Rule aggregate: summary, details and recommendation from predictions, statistics, bundles and timing."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake, folders=False):
        from emopress.artifact import read_json, write_json
        from emopress.measure.aggregate import Clock, Entry, aggregate
        from emopress.measure.recommend import recommend
        from emopress.measure.summary import read_table, summarise, write_summary

        entries = [
            Entry(dataset, variant, seed, reference, Path(bundle).parent, Path(predictions))
            for (dataset, variant, seed, reference), bundle, predictions in zip(
                snakemake.params.entries,
                snakemake.input.bundles,
                snakemake.input.predictions,
                strict=True,
            )
        ]
        clocks = {Path(path).stem: Clock(Path(path)) for path in snakemake.input.timings}
        aggregate(
            entries,
            clocks,
            dict(snakemake.params.labels),
            costs={Path(path).parent: read_json(path) for path in snakemake.input.cross_entropies},
            seeds=Path(snakemake.output.seeds),
            details=Path(snakemake.output.details),
        )
        summary = summarise(
            read_table(snakemake.output.seeds),
            {Path(path).stem: read_json(path) for path in snakemake.input.statistics},
            {dataset: clock.main_spread for dataset, clock in clocks.items()},
        )
        write_summary(
            summary,
            csv=Path(snakemake.output.summary),
            parquet=Path(snakemake.output.parquet),
            latex=Path(snakemake.output.latex),
        )
        chosen = {
            dataset: recommend(
                rows.set_index("variant"),
                budgets=dict(snakemake.params.budgets),
                reference=snakemake.params.yardsticks[dataset],
                baselines=sorted(rows["linear"].dropna().unique()),
            )
            for dataset, rows in summary.groupby("dataset", sort=False)
        }
        write_json(snakemake.output.recommendation, chosen)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
