"""Rule finetune: a transformer teacher, from a published checkpoint or from scratch."""


def main(snakemake) -> None:  # type: ignore[no-untyped-def]
    """Unpack the job and call the library."""
    from emopress.jobs.arguments import encoder_sources, model_arguments
    from emopress.jobs.cache import cached
    from emopress.jobs.job import job, training_processes

    def make(threads: int, processes: int) -> None:
        from emopress.jobs.processes import launched

        arguments = {**model_arguments(snakemake), **encoder_sources(snakemake)}
        arguments["entry"] = arguments["step"]
        if arguments["entry"].get("runtime") == "transformers":  # nothing is trained yet
            from emopress.train.large import write_base

            unused = ("step", "device", "run")
            write_base(**{name: arguments[name] for name in arguments if name not in unused})
        else:
            from emopress.train.finetune import finetune

            launched(finetune, arguments, processes=processes, threads=threads)

    with job(snakemake) as threads:
        trained = snakemake.params.step.get("runtime") != "transformers"
        processes = training_processes(snakemake) if trained else 1
        cached(
            snakemake,
            lambda: make(threads, processes),
            script=__file__,
            threads=threads,
            facts={"processes": processes} if processes > 1 else None,
        )


if __name__ == "__main__":
    main(snakemake)  # type: ignore[name-defined]  # noqa: F821
