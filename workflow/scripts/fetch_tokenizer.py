"""Rule fetch_tokenizer: a published tokenizer, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.pretrained import fetch_tokenizer
    from emopress.job import job, mirrors

    with job(snakemake):
        fetch_tokenizer(
            snakemake.params.mirrored_as,
            dict(snakemake.params.source),
            mirrors=mirrors(),
            dest=Path(snakemake.output.manifest).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
