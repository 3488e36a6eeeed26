"""Rule fetch_vectors: a file of pretrained word vectors, checked."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and fetch."""
    from emopress.cache import cached
    from emopress.data.fetch import WORD_VECTORS, fetch_files
    from emopress.job import job, mirrors

    def make() -> None:
        fetch_files(
            WORD_VECTORS,
            {"files": [dict(snakemake.params.file)]},
            mirrors=mirrors(),
            root=Path(__file__).parents[2],
            dest=Path(snakemake.output.manifest).parent,
        )

    with job(snakemake):
        cached(
            snakemake,
            make,
            script=__file__,
            facts={"mirrored": bool(mirrors())},
            pinned="sha256" in snakemake.params.file,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
