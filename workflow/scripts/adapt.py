"""Rule adapt: low-rank adapters trained on a checkpoint (LoRA, QLoRA) and merged into it."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import pass_arguments
    from emopress.jobs.job import job, training_processes

    with job(snakemake) as threads:
        from emopress.compress.adapt import adapt
        from emopress.jobs.processes import launched

        arguments = pass_arguments(snakemake)
        processes = training_processes(snakemake)
        launched(adapt, arguments, processes=processes, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
