"""Rule pack: the zeros of a pruned ONNX bundle as a bitmask."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.bundle.pack import pack

        pack(
            parent=Path(snakemake.input.bundle).parent,
            step=dict(snakemake.params.step),
            out=Path(snakemake.output.bundle).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
