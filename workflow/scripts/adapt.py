"""Rule adapt: low-rank adapters trained on a checkpoint (LoRA, QLoRA) and merged into it."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job

    with job(snakemake) as threads:
        from emopress.train.adapters import train_adapters
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        train_adapters(
            parent=Path(snakemake.input.parent).parent,
            step=dict(snakemake.params.step),
            seed=int(snakemake.wildcards.seed),
            device=snakemake.params.device,
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            state=out.with_name("unfinished-training"),
            out=out,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
