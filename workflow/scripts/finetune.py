"""Rule finetune: a transformer teacher, from a published checkpoint or from scratch."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.cache import cached
    from emopress.job import job, optional_folder
    from emopress.ledger import STATE

    def make(threads: int) -> None:
        from emopress.train.loop import set_threads

        set_threads(threads)
        out = Path(snakemake.output.checkpoint).parent
        step = dict(snakemake.params.step)
        common = {
            "entry": step,
            "data": dict(snakemake.params.data),
            "seed": int(snakemake.wildcards.seed),
            "train": Path(snakemake.input.train),
            "validation": Path(snakemake.input.validation),
            "pretrained": optional_folder(snakemake.input, "pretrained"),
            "pretrained_tokenizer": optional_folder(snakemake.input, "pretrained_tokenizer"),
            "out": out,
        }
        if step.get("runtime") == "transformers":
            from emopress.train.large import write_base

            write_base(**common)
        else:
            from emopress.train.finetune import train_encoder

            train_encoder(
                **common,
                step=step,
                device=snakemake.params.device,
                state=out.with_name(STATE),
            )

    with job(snakemake) as threads:
        cached(snakemake, lambda: make(threads), script=__file__, threads=threads)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
