"""Rule fetch_tokenizer: a published tokenizer, from the hub or a mirror."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.data.pretrained import fetch_tokenizer
    from emopress.job import job, mirrors

    spec = snakemake.params.source
    with job(snakemake):
        fetch_tokenizer(
            spec.get("from_mirror", snakemake.wildcards.model),
            {"repo": spec["hub"], "revision": spec["revision"]} if "hub" in spec else {},
            mirrors=mirrors(),
            dest=Path(snakemake.output.manifest).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
