"""Rule quantize_blocks: an fp32 ONNX bundle with weights in 4 bits."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.bundle.quantize_blocks import quantize_blocks

        quantize_blocks(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            out=Path(snakemake.output.bundle).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
