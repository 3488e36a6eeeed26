"""Rule train_lstm: an LSTM classifier, discriminative or generative."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.cache import cached
    from emopress.job import job, optional_folder
    from emopress.ledger import STATE

    def make(threads: int) -> None:
        from emopress.lstm.train import train_lstm
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        step = dict(snakemake.params.step)
        train_lstm(
            entry=step,
            step=step,
            data=dict(snakemake.params.data),
            seed=int(snakemake.wildcards.seed),
            device=snakemake.params.device,
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            pretrained_tokenizer=optional_folder(snakemake.input, "pretrained_tokenizer"),
            state=out.with_name(STATE),
            out=out,
        )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
