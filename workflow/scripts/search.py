"""Rule search: the best of several bundles made of one parent, chosen on validation."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.job import job
    from emopress.jobs.processes import call

    timing = dict(snakemake.params.timing)
    with job(snakemake, threads=1):  # the engines get their number separately
        from emopress.measure.deciding import Judge
        from emopress.measure.machine import thread_counts, usable
        from emopress.measure.search import Candidate, search

        arguments = {
            "parent": Path(snakemake.input.parent).parent,
            "parent_predictions": Path(snakemake.input.parent_predictions),
            "candidates": [
                Candidate(variant, Path(bundle).parent, Path(predictions))
                for variant, bundle, predictions in zip(
                    snakemake.params.candidates,
                    snakemake.input.bundles,
                    snakemake.input.predictions,
                    strict=True,
                )
            ],
            "validation": Path(snakemake.input.validation),
            "step": dict(snakemake.params.step),
            "labels": list(snakemake.params.labels),
            "judge": Judge(*snakemake.params.judge),
            "timing": timing,
            "threads": thread_counts(timing["threads"], usable(snakemake.threads))[0],
            "out": Path(snakemake.output.bundle).parent,
            "trials": Path(snakemake.output.trials),
        }
        call(search, arguments)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
