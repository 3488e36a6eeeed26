"""Rule train_lstm: an LSTM classifier, discriminative or generative."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import model_arguments, optional_folder
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    def make(threads: int) -> None:
        from emopress.lstm.train import train_lstm
        from emopress.train.loop import set_threads

        set_threads(threads)
        train_lstm(
            entry=dict(snakemake.params.step),
            pretrained_tokenizer=optional_folder(snakemake.input, "pretrained_tokenizer"),
            **model_arguments(snakemake),
        )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
