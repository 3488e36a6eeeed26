"""Names that a config may not use, since the workflow uses them for what it writes.

A test compares them with the outputs and logs of all rules, and with the columns of a predictions file.
"""

from collections.abc import Iterator, Sequence

from emopress.measure.prediction_columns import PREDICTED, PREDICTION_COLUMNS

LABELS = (*PREDICTION_COLUMNS, PREDICTED)
# What lies directly below results/ beside the data sets' own folders.
DATASETS = (
    "benchmarks",
    "checksums",
    "data",
    "details.json",
    "figures",
    "flips",
    "logs",
    "models",
    "readme.md",  # README.md, where file names know no case
    "recommendation.json",
    "report.html",
    "report.md",
    "rulegraph.mmd",
    "seeds.csv",
    "statistics",
    "summary.csv",
    "summary.parquet",
    "summary.tex",
    "timing",
    "tokenizers",
    "tracking",
    "vectors",
)


def reserved_labels(labels: Sequence[str]) -> Iterator[str]:
    """Yield one line per label that is named like a column of predictions.parquet."""
    for label in labels:
        if label in LABELS:
            yield (
                f"labels: {label!r} is a column of predictions.parquet; give the label another name, with "
                f"groups if the files have this one (groups: {{my-{label}: [{label}], ...}}); "
                f"reserved are: {', '.join(LABELS)}"
            )


def reserved_dataset(name: str) -> str | None:
    """Return why a data set cannot have a name, in one line; None if it can."""
    if name not in DATASETS:
        return None
    return (
        f"results/{name} is where the workflow writes something else; give the data set another name; "
        f"reserved are: {', '.join(DATASETS)}"
    )
