"""Rule train_linear: the linear baseline."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job

    def make() -> None:
        from emopress.linear.train import train_linear

        train_linear(
            step=dict(snakemake.params.step),
            data=dict(snakemake.params.data),
            seed=int(snakemake.wildcards.seed),
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            out=Path(snakemake.output.checkpoint).parent,
        )

    with job(snakemake):
        cached(snakemake, make, script=__file__)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
