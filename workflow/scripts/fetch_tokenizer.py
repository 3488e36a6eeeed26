"""Rule fetch_tokenizer: a published tokenizer, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.pretrained import fetch_tokenizer, is_pinned
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    source = dict(snakemake.params.source)
    mirrors = snakemake.params.context.mirror_paths

    def make() -> None:
        fetch_tokenizer(
            snakemake.params.mirrored_as,
            source,
            mirrors=mirrors,
            dest=Path(snakemake.output.manifest).parent,
        )

    with job(snakemake):
        cached(snakemake, make, script=__file__, pinned=is_pinned(source, mirrors))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
