"""Rule export_dense: a dense checkpoint as an fp32 bundle."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.dense.export import export_dense
    from emopress.jobs.job import job

    with job(snakemake):
        export_dense(Path(snakemake.input.checkpoint).parent, Path(snakemake.output.bundle).parent)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
