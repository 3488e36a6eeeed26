"""Rule fetch_data: the raw files of a data set, checked."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and fetch."""
    from emopress.cache import cached
    from emopress.data.fetch import data_set, fetch_files
    from emopress.job import job, mirrors

    def make() -> None:
        fetch_files(
            data_set(snakemake.wildcards.dataset),
            dict(snakemake.params.source),
            labels=list(snakemake.params.labels),
            separator=snakemake.params.separator,
            mirrors=mirrors(),
            root=Path(__file__).parents[2],
            dest=Path(snakemake.output.manifest).parent,
        )

    files = snakemake.params.source["files"]
    with job(snakemake):
        cached(
            snakemake,
            make,
            script=__file__,
            facts={"mirrored": bool(mirrors())},
            pinned=all("sha256" in file or "path" in file for file in files),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
