"""Rule quantize_linear: a linear bundle to int8 weights."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job
    from emopress.linear.quantize import quantize_linear

    with job(snakemake):
        quantize_linear(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            out=Path(snakemake.output.bundle).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
