"""Rule distill: a student trained on the logits of its teacher, or of several."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job, student_arguments, training_processes

    with job(snakemake) as threads:
        from emopress.train.finetune import train_encoder
        from emopress.train.parallel import launched

        launched(
            train_encoder,
            student_arguments(snakemake),
            processes=training_processes(snakemake),
            threads=threads,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
