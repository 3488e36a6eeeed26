"""Rule time: all bundles of a data set in interleaved rounds."""

from pathlib import Path


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.artifact import read_json
    from emopress.job import job

    settings = dict(snakemake.params.settings)
    with job(snakemake, threads=settings["threads"]):
        from emopress.measure.timing import Candidate, time_bundles

        candidates = []
        for (variant, seed, runtime), manifest in zip(
            snakemake.params.candidates, snakemake.input.manifests, strict=True
        ):
            if runtime == "bundle":
                runtime = read_json(manifest)["runtime"]
            candidates.append(Candidate(variant, seed, runtime, Path(manifest).parent))
        time_bundles(
            candidates,
            test=Path(snakemake.input.test),
            settings=settings,
            out=Path(snakemake.output.timing),
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
