"""Rule prune: weights of a checkpoint set to zero, with recovery training."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.job import job

    with job(snakemake) as threads:
        from emopress.compress.prune import prune_checkpoint
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        logits = snakemake.input.get("logits")
        prune_checkpoint(
            parent=Path(snakemake.input.parent).parent,
            step=dict(snakemake.params.step),
            seed=int(snakemake.wildcards.seed),
            device=snakemake.params.device,
            train=Path(snakemake.input.train),
            validation=Path(snakemake.input.validation),
            teacher_logits=Path(logits) if logits else None,
            state=out.with_name("unfinished-training"),
            out=out,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
