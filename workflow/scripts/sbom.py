"""Rule sbom: results/sbom.cdx.json, what is installed."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.report.sbom import write_sbom

        write_sbom(Path(snakemake.output.sbom))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
