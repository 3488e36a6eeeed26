"""Rule quantize_half: an fp32 ONNX bundle in 16 bits."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.bundle.quantize_half import quantize_half

        quantize_half(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            out=Path(snakemake.output.bundle).parent,
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
