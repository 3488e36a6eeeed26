"""Which figures a data set gets and how their files are called; imports nothing heavy."""

SPEC = ".vl.json"  # how the file with a figure's Vega-Lite spec ends
TRADE_OFF = "trade-off"  # drawn by a separate rule, for the data sets that have it


def figure_files(
    dataset: str,
    *,
    training: bool = False,
    noise: bool = False,
    trade_off: bool = False,
    bits: bool = False,
) -> dict[str, str]:
    """Return kind of figure -> file name without suffix, in the order in which they are written.

    `training`: something of the data set was trained, so there are curves; `noise`: the models
    were evaluated on noisy texts too; `trade_off`: dense models differ in their layers; `bits`: the
    study has LSTMs of both kinds.
    """
    kinds = {
        "size": "accuracy-size",
        "latency": "accuracy-latency",
        "baseline": "baseline",
        "compression": "compression",
        "speedup": "speedup",
        "techniques": "techniques",
        "noise": "noise",
        "bits": "bits",
        "cross_entropy": "cross-entropy",
        "reliability": "reliability",
        "confusion": "confusion",
        "training": "training",
        "trade_off": TRADE_OFF,
    }
    asked = {
        "training": training,
        "noise": noise,
        "trade_off": trade_off,
        "bits": bits,
        "cross_entropy": bits,
    }
    left_out = {kind for kind, has in asked.items() if not has}
    return {kind: f"{dataset}-{name}" for kind, name in kinds.items() if kind not in left_out}


def figure_names(
    dataset: str, *, training: bool = False, noise: bool = False, bits: bool = False
) -> list[str]:
    """Return the file names, without suffix, that `write_figures` writes for a data set."""
    return list(figure_files(dataset, training=training, noise=noise, bits=bits).values())
