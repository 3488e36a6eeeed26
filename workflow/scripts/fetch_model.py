"""Rule fetch_model: a pretrained checkpoint, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.pretrained import fetch_model
    from emopress.job import job, mirrors

    with job(snakemake):
        fetch_model(
            snakemake.params.mirrored_as,
            dict(snakemake.params.source),
            mirrors=mirrors(),
            dest=Path(snakemake.output.manifest).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
