"""Rule distill_lstm: a discriminative LSTM trained on the logits of a teacher, or of several."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import distill_arguments, optional_folder
    from emopress.jobs.job import job

    with job(snakemake) as threads:
        from emopress.lstm.train import train_lstm
        from emopress.train.loop import set_threads

        set_threads(threads)
        train_lstm(
            entry=dict(snakemake.params.student),
            pretrained_tokenizer=optional_folder(snakemake.input, "pretrained_tokenizer"),
            **distill_arguments(snakemake),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
