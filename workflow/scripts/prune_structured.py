"""Rule prune_structured: heads, neurons and layers cut out of a checkpoint, with recovery training."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import pass_arguments
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.compress.prune_structured import prune_structured
        from emopress.train.loop import set_threads

        set_threads(threads)
        prune_structured(**pass_arguments(snakemake))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
