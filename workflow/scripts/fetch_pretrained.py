"""Rules fetch_model and fetch_tokenizer: a published checkpoint or tokenizer, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.pretrained import fetch_model, fetch_tokenizer, is_pinned
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    params, mirrors = snakemake.params, snakemake.params.context.mirror_paths
    fetch = {"model": fetch_model, "tokenizer": fetch_tokenizer}[params.kind]

    def make() -> None:
        dest = Path(snakemake.output.manifest).parent
        fetch(params.mirrored_as, dict(params.source), mirrors=mirrors, dest=dest)

    with job(snakemake):
        cached(snakemake, make, pinned=is_pinned(dict(params.source), mirrors))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
