"""Rule factor: linear layers of a checkpoint as two thin ones each, with recovery training."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import pass_arguments
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.compress.low_rank import low_rank
        from emopress.train.loop import set_threads

        set_threads(threads)
        low_rank(**pass_arguments(snakemake))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
