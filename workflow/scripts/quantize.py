"""Rule quantize: an fp32 ONNX bundle to int8."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.bundle.quantize import quantize

        quantize(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            seed=int(snakemake.wildcards.seed),
            train=Path(snakemake.input.train),
            out=Path(snakemake.output.bundle).parent,
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
