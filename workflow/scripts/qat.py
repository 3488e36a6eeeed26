"""Rule qat: a checkpoint trained on with fake-quantized weights and activations."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import pass_arguments
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.compress.qat import qat
        from emopress.train.loop import set_threads

        set_threads(threads)
        qat(**pass_arguments(snakemake))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
