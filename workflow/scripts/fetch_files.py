"""Rules fetch_data and fetch_vectors: the raw files of a data set, or a file of word vectors, checked."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and fetch."""
    from emopress.data.fetch import fetch_files
    from emopress.data.sources import WORD_VECTORS, data_set, is_pinned, origins
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    params, source = snakemake.params, dict(snakemake.params.source)
    mirrors, dataset = params.context.mirror_paths, snakemake.wildcards.get("dataset")

    def make() -> None:
        fetch_files(
            data_set(dataset) if dataset else WORD_VECTORS,
            source,
            labels=list(params.labels),
            separator=params.separator,
            mirrors=mirrors,
            root=Path(__file__).parents[2],
            dest=Path(snakemake.output.manifest).parent,
        )

    with job(snakemake):
        cached(snakemake, make, facts=origins(mirrors), pinned=is_pinned(source))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
