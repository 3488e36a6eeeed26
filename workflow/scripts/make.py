"""Makes what a rule promises: calls the function that its param `maker` names (`emopress.jobs.makers`)."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Hand the job on."""
    from emopress.jobs.makers import make

    make(snakemake)


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
