"""All figures of the report, written as SVG and PNG from result files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.details import last_sorts, test_texts
from emopress.measure.results import check_details, checked_summary, rows_of
from emopress.report.figures.bars import baseline_figure, compression_figure, speedup_figure
from emopress.report.figures.bits import bits_figure
from emopress.report.figures.confusion import confusion_figure
from emopress.report.figures.cross_entropy import cross_entropy_figure
from emopress.report.figures.fonts import families
from emopress.report.figures.names import figure_files
from emopress.report.figures.noise_curves import noise_figure
from emopress.report.figures.radar import radar_figure
from emopress.report.figures.reliability import reliability_figure
from emopress.report.figures.scatter import pareto_figure
from emopress.report.figures.style import save_figure
from emopress.report.figures.training import training_figure

STATISTICS = "results/statistics/{}.json"


def write_figures(
    *,
    summary: pd.DataFrame,
    details: Mapping[str, Any],
    statistics: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Any],
    curves: Mapping[str, Mapping[str, Sequence[Mapping[str, float | None]]]],
    out: Path | str,
    curve_seed: int | None = None,
    bits: bool = False,
) -> list[Path]:
    """Write every figure as SVG and PNG into the folder `out` and return the paths.

    `summary` has one row per variant, `statistics` is dataset -> statistics file. `curves`: dataset
    -> variant -> training log; a dataset that is in it gets a training figure, even if none of its
    variants has a log; `curve_seed` is the seed of the logs where the study has several. A dataset
    gets a noise figure if its statistics have noise, and with `bits` two of
    LSTMs: macro F1 by bits, and what a token costs.
    The same input gives the same bytes.
    """
    table = checked_summary(summary, datasets)
    check_details(details, table, datasets)
    unknown = sorted(set(curves) - set(datasets))
    if unknown:
        raise UserError(f"training curves: {unknown[0]!r} is no dataset of the config")
    paths: list[Path] = []
    for dataset in table["dataset"].unique():
        own, entry = rows_of(table, dataset), datasets[dataset]
        found = _checked(statistics, dataset, [str(name) for name in own.index])
        texts = [figure_title(dataset, entry), *entry["labels"], *map(str, own.index)]
        families(texts, f"figures of data set {dataset!r}")  # an error names the data set
        figures = dataset_figures(own, details[dataset], found, entry, dataset)
        if dataset in curves:
            title = figure_title(dataset, entry)
            figures["training"] = training_figure(curves[dataset], title=title, seed=curve_seed)
        if bits:
            title = figure_title(dataset, entry)
            figures["bits"] = bits_figure(found, title=title)
            figures["cross_entropy"] = cross_entropy_figure(found, details[dataset], title=title)
        files = figure_files(
            dataset, training=dataset in curves, noise="noise" in figures, bits=bits
        )
        for kind, name in files.items():
            paths += save_figure(figures[kind], Path(out) / name)
    return paths


def dataset_figures(
    table: pd.DataFrame,
    details: Mapping[str, Any],
    statistics: Mapping[str, Any],
    entry: Mapping[str, Any],
    dataset: str,
) -> dict[str, Figure]:
    """Return kind -> figure of one dataset, all but its training curves.

    `table`: its rows of the summary, indexed by variant; `entry` is what the config says of it.
    """
    title = figure_title(dataset, entry)
    families_of = {str(name): str(table.loc[name, "family"]) for name in table.index}
    sorts = last_sorts(details, families_of)
    column = judge_of(table).metric.column
    by_seed = {name: own[column]["by_seed"] for name, own in statistics["variants"].items()}
    reference = statistics["reference"] if statistics["reference"] in table.index else None
    figures = {
        axis: pareto_figure(
            table,
            axis,
            title=title,
            sorts=sorts,
            by_seed=by_seed,
            half_width=_half_width(table, reference),
            n_test=test_texts(details),
        )
        for axis in ("size", "latency")
    }
    figures["baseline"] = baseline_figure(table, title=title)
    figures["compression"] = compression_figure(table, title=title)
    figures["speedup"] = speedup_figure(table, title=title)
    figures["techniques"] = radar_figure(table, title=title, sorts=sorts, reference=reference)
    if has_noise(statistics):
        figures["noise"] = noise_figure(table, statistics, title=title)
    figures["reliability"] = reliability_figure(table, statistics, title=title)
    figures["confusion"] = confusion_figure(
        {dataset: details}, dataset, entry["labels"], title=title
    )
    return figures


def has_noise(statistics: Mapping[str, Any]) -> bool:
    """Say whether a statistics file tells of noisy texts."""
    return any(float(share) > 0 for share in statistics.get("noise", []))


def figure_title(dataset: str, entry: Mapping[str, Any]) -> str:
    """Return a data set's title for a figure, with the flag of a demo corpus."""
    title = str(entry.get("title") or dataset)
    return f"{title} (demo corpus)" if entry.get("demo") else title


def _half_width(table: pd.DataFrame, reference: str | None) -> float:
    """Return half the 95 % interval of what decides, of the reference, without one the widest's."""
    column = judge_of(table).metric.column
    widths = (table[f"{column}_high"] - table[f"{column}_low"]) / 2
    return float(widths[reference] if reference else widths.max())


def _checked(
    statistics: Mapping[str, Mapping[str, Any]], dataset: str, variants: Sequence[str]
) -> Mapping[str, Any]:
    where = STATISTICS.format(dataset)
    if dataset not in statistics:
        raise UserError(f"{where}: not handed to the figures")
    absent = [name for name in variants if name not in statistics[dataset]["variants"]]
    if absent:
        raise UserError(f"{where}: no variant {absent[0]!r}, but results/summary.csv has it")
    return statistics[dataset]
