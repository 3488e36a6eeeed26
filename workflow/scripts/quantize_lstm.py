"""Rule quantize_lstm: an LSTM checkpoint to a bundle of 2 to 8 bits that computes in integers."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job

    with job(snakemake):
        from emopress.lstm.quantize import quantize_lstm

        quantize_lstm(
            checkpoint=Path(snakemake.input.checkpoint).parent,
            step=dict(snakemake.params.step),
            seed=int(snakemake.wildcards.seed),
            train=Path(snakemake.input.train),
            out=Path(snakemake.output.bundle).parent,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
