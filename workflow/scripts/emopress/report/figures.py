"""All figures of the report, written as SVG and PNG from result files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emopress.errors import UserError
from emopress.report.confusion import confusion_figure
from emopress.report.results import check_details, checked_summary, last_sorts, test_texts
from emopress.report.scatter import pareto_figure
from emopress.report.style import save_figure
from emopress.report.training import training_figure

__all__ = ["confusion_figure", "figure_names", "pareto_figure", "training_figure", "write_figures"]


def figure_names(dataset: str, *, training: bool = False) -> list[str]:
    """Return the file names, without suffix, that `write_figures` writes for a data set."""
    names = [f"{dataset}-accuracy-size", f"{dataset}-accuracy-latency", f"{dataset}-confusion"]
    return [*names, f"{dataset}-training"] if training else names


def write_figures(
    summary: pd.DataFrame,
    details: Mapping[str, Any],
    datasets: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float | None]]]],
    out: Path | str,
    *,
    curve_seed: int | None = None,
) -> list[Path]:
    """Write every figure as SVG and PNG into the folder `out` and return the paths.

    `curves`: dataset -> variant -> training log; a dataset that is in it gets a training figure,
    even if none of its variants has a log; `curve_seed` is the seed of the logs where the study has
    several. The same input gives the same bytes.
    """
    table = checked_summary(summary, datasets)
    check_details(details, table, datasets)
    unknown = sorted(set(curves) - set(datasets))
    if unknown:
        raise UserError(f"training curves: {unknown[0]!r} is no dataset of the config")
    paths: list[Path] = []
    for dataset in table["dataset"].unique():
        entry = datasets[dataset]
        rows = table[table["dataset"] == dataset]
        title = figure_title(dataset, entry)
        sorts = last_sorts(
            details[dataset], dict(zip(rows["variant"], rows["family"], strict=True))
        )
        n_test = test_texts(details[dataset])
        figures = [
            pareto_figure(table, dataset, x, title=title, sorts=sorts, n_test=n_test)
            for x in ("size", "latency")
        ]
        figures.append(confusion_figure(details, dataset, entry["labels"], title=title))
        if dataset in curves:
            figures.append(training_figure(curves[dataset], title=title, seed=curve_seed))
        names = figure_names(dataset, training=dataset in curves)
        for name, figure in zip(names, figures, strict=True):
            paths += save_figure(figure, Path(out) / name)
    return paths


def figure_title(dataset: str, entry: Mapping[str, Any]) -> str:
    """Return a data set's title for a figure, with the flag of a demo corpus."""
    title = str(entry.get("title") or dataset)
    return f"{title} (demo corpus)" if entry.get("demo") else title
