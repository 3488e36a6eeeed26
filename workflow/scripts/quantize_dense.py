"""Rule quantize_dense: a dense bundle to packed integers of 2 to 8 bits."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.dense.quantize import quantize_dense

        quantize_dense(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            validation=Path(snakemake.input.validation),
            out=Path(snakemake.output.bundle).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
