"""Rule fetch_data: the raw files of a data set, checked."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and fetch."""
    from emopress.data.fetch import fetch_files
    from emopress.data.sources import data_set, is_pinned, origins
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    source = dict(snakemake.params.source)
    mirrors = snakemake.params.context.mirror_paths

    def make() -> None:
        fetch_files(
            data_set(snakemake.wildcards.dataset),
            source,
            labels=list(snakemake.params.labels),
            separator=snakemake.params.separator,
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
