"""Rule fetch_tokenizer: a published tokenizer, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.cache import cached, is_commit
    from emopress.data.pretrained import fetch_tokenizer
    from emopress.job import job, mirrors

    def make() -> None:
        fetch_tokenizer(
            snakemake.params.mirrored_as,
            dict(snakemake.params.source),
            mirrors=mirrors(),
            dest=Path(snakemake.output.manifest).parent,
        )

    with job(snakemake):
        # Of a mirror only the weights' hash is known, if that.
        pinned = not mirrors() and is_commit(snakemake.params.source.get("revision"))
        cached(snakemake, make, script=__file__, pinned=pinned)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
