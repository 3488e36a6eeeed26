"""Rule distill_whitebox: a student trained on its teacher's hidden states and attention, or made of its layers."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job, student_arguments

    with job(snakemake) as threads:
        from emopress.train.loop import set_threads
        from emopress.train.whitebox import train_whitebox

        set_threads(threads)
        train_whitebox(**student_arguments(snakemake))


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
