"""Which figures a data set gets and how their files are called; imports nothing heavy."""


def figure_files(dataset: str, *, training: bool = False, noise: bool = False) -> dict[str, str]:
    """Return kind of figure -> file name without suffix, in the order in which they are written.

    `training`: something of the data set was trained, so there are curves; `noise`: the models
    were evaluated on noisy texts too.
    """
    kinds = {
        "size": "accuracy-size",
        "latency": "accuracy-latency",
        "baseline": "baseline",
        "compression": "compression",
        "speedup": "speedup",
        "techniques": "techniques",
        "noise": "noise",
        "reliability": "reliability",
        "confusion": "confusion",
        "training": "training",
    }
    left_out = {kind for kind, has in (("training", training), ("noise", noise)) if not has}
    return {kind: f"{dataset}-{name}" for kind, name in kinds.items() if kind not in left_out}


def figure_names(dataset: str, *, training: bool = False, noise: bool = False) -> list[str]:
    """Return the file names, without suffix, that `write_figures` writes for a data set."""
    return list(figure_files(dataset, training=training, noise=noise).values())
