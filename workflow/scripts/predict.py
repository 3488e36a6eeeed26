"""Rule predict: a bundle's predictions for validation, test and the noisy texts of test."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.measure.predict import predict_splits

        costs = snakemake.output.get("cross_entropy")
        predict_splits(
            bundle=Path(snakemake.input.bundle).parent,
            splits={name: Path(snakemake.input[name]) for name in ("validation", "test")},
            noise=Path(snakemake.input.noise),
            labels=list(snakemake.params.labels),
            batch_size=snakemake.params.batch_size,
            threads=threads,
            device=snakemake.params.device,
            out=Path(snakemake.output.predictions),
            cross_entropy=Path(costs) if costs else None,
            train=Path(snakemake.input.train),
            cut=Path(snakemake.output.cut),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
