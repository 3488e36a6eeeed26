"""Rule aggregate: summary and details from predictions, bundles and timing."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job

    with job(snakemake):
        from emopress.measure.aggregate import Entry, aggregate

        entries = [
            Entry(dataset, variant, seed, reference, Path(bundle).parent, Path(predictions))
            for (dataset, variant, seed, reference), bundle, predictions in zip(
                snakemake.params.entries,
                snakemake.input.bundles,
                snakemake.input.predictions,
                strict=True,
            )
        ]
        aggregate(
            entries,
            {Path(path).stem: Path(path) for path in snakemake.input.timings},
            dict(snakemake.params.labels),
            summary=Path(snakemake.output.summary),
            details=Path(snakemake.output.details),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
