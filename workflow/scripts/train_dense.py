"""Rule train_dense: word vectors and dense layers."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.cache import cached
    from emopress.job import job, optional_folder
    from emopress.ledger import STATE

    def make(threads: int) -> None:
        from emopress.dense.train import train_dense
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        train_dense(
            step=dict(snakemake.params.step),
            data=dict(snakemake.params.data),
            seed=int(snakemake.wildcards.seed),
            device=snakemake.params.device,
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            vectors=optional_folder(snakemake.input, "vectors"),
            state=out.with_name(STATE),
            out=out,
        )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
