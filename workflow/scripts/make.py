"""Makes the output of a rule by the function that its param `maker` names (`emopress.jobs.makers`)."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Make the output of the job."""
    from emopress.jobs.makers import make

    make(snakemake)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
