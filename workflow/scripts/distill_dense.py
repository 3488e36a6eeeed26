"""Rule distill_dense: word vectors and dense layers trained on the logits of a teacher, or of several."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import distill_arguments, optional_folder
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.dense.train import train_dense
        from emopress.train.loop import set_threads

        set_threads(threads)
        train_dense(
            student=dict(snakemake.params.student),
            vectors=optional_folder(snakemake.input, "vectors"),
            **distill_arguments(snakemake),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
