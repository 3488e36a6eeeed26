"""Rule adapt: low-rank adapters trained on a checkpoint (LoRA, QLoRA) and merged into it."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job, pass_arguments

    with job(snakemake) as threads:
        from emopress.train.adapters import train_adapters
        from emopress.train.loop import set_threads

        set_threads(threads)
        train_adapters(**pass_arguments(snakemake))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
