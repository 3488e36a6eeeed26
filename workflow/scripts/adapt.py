"""Rule adapt: low-rank adapters trained on a checkpoint (LoRA, QLoRA) and merged into it."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import pass_arguments
    from emopress.jobs.job import job, training_processes

    with job(snakemake) as threads:
        from emopress.checkpoint import runs_in_transformers
        from emopress.compress.adapters import train_adapters
        from emopress.compress.large_adapters import train_large_adapters
        from emopress.jobs.processes import launched

        arguments = pass_arguments(snakemake)
        large = runs_in_transformers(arguments["parent"])
        launched(
            train_large_adapters if large else train_adapters,
            arguments,
            processes=training_processes(snakemake),
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
