"""Rule export_linear: a linear checkpoint as an fp32 bundle."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job
    from emopress.linear.export import export_linear

    with job(snakemake):
        export_linear(Path(snakemake.input.checkpoint).parent, Path(snakemake.output.bundle).parent)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
