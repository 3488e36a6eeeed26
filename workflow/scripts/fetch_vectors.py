"""Rule fetch_vectors: a file of pretrained word vectors, checked."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and fetch."""
    from emopress.data.fetch import fetch_files
    from emopress.data.sources import WORD_VECTORS, is_pinned, origins
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    source = {"files": [dict(snakemake.params.file)]}
    mirrors = snakemake.params.context.mirror_paths

    def make() -> None:
        fetch_files(
            WORD_VECTORS,
            source,
            mirrors=mirrors,
            root=Path(__file__).parents[2],
            dest=Path(snakemake.output.manifest).parent,
        )

    with job(snakemake):
        cached(
            snakemake,
            make,
            facts=origins(mirrors),
            pinned=is_pinned(source),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
