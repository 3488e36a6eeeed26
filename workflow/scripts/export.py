"""Rule export: a transformer checkpoint as an fp32 ONNX bundle, a large decoder's as a bundle of its weights."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.bundle.export import export
        from emopress.train.loop import set_threads

        set_threads(threads)
        export(Path(snakemake.input.checkpoint).parent, Path(snakemake.output.bundle).parent)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
