"""Rule train_dense: word vectors and dense layers."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import model_arguments, optional_folder
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    def make(threads: int) -> None:
        from emopress.dense.train import train_dense
        from emopress.train.loop import set_threads

        set_threads(threads)
        train_dense(
            vectors=optional_folder(snakemake.input, "vectors"),
            **model_arguments(snakemake),
        )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
