"""All charts of the report, drawn as SVG and PNG from result files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.measure.deciding import judge_of
from emopress.measure.details import last_sorts, test_texts
from emopress.measure.results import check_details, checked_summary, rows_of
from emopress.report.figures.bars import baseline_figure, compression_figure, speedup_figure
from emopress.report.figures.bits import bits_figure, cross_entropy_figure
from emopress.report.figures.costs import pareto_figure
from emopress.report.figures.curves import noise_figure, training_figure
from emopress.report.figures.fonts import fonts_for
from emopress.report.figures.looks import Spec
from emopress.report.figures.matrices import confusion_figure
from emopress.report.figures.names import SPEC, figure_files
from emopress.report.figures.reliability import reliability_figure
from emopress.report.figures.svg import finished
from emopress.report.figures.techniques import techniques_figure

STATISTICS = "results/statistics/{}.json"
SCALE = 2  # pixels of the PNG for one of the SVG


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
    """Write every figure as SVG, PNG and spec into the folder `out` and return the paths.

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
        variants, entry = rows_of(table, dataset), datasets[dataset]
        measured = _checked(statistics, dataset, [str(name) for name in variants.index])
        specs = dataset_figures(variants, details[dataset], measured, entry, dataset)
        title = figure_title(dataset, entry)
        if dataset in curves:
            specs["training"] = training_figure(curves[dataset], title=title, seed=curve_seed)
        if bits:
            specs["bits"] = bits_figure(measured, title=title)
            specs["cross_entropy"] = cross_entropy_figure(measured, details[dataset], title=title)
        files = figure_files(dataset, training=dataset in curves, noise="noise" in specs, bits=bits)
        # an error about a font comes before anything is written, and names the data set
        drawn = {
            kind: drawing_of(specs[kind], f"figures of data set {dataset!r}") for kind in files
        }
        for kind, name in files.items():
            paths += save(specs[kind], drawn[kind], Path(out) / name)
    return paths


def dataset_figures(
    table: pd.DataFrame,
    details: Mapping[str, Any],
    statistics: Mapping[str, Any],
    entry: Mapping[str, Any],
    dataset: str,
) -> dict[str, Spec]:
    """Return kind -> spec of each figure of one dataset, all but its training curves.

    `table`: its rows of the summary, indexed by variant; `entry` is what the config says of it.
    """
    title = figure_title(dataset, entry)
    families_of = {str(name): str(table.loc[name, "family"]) for name in table.index}
    sorts = last_sorts(details, families_of)
    column = judge_of(table).metric.column
    by_seed = {name: one[column]["by_seed"] for name, one in statistics["variants"].items()}
    reference = statistics["reference"] if statistics["reference"] in table.index else None
    figures = {
        axis: pareto_figure(
            table, axis, title=title, sorts=sorts, by_seed=by_seed, n_test=test_texts(details)
        )
        for axis in ("size", "latency")
    }
    figures["baseline"] = baseline_figure(table, title=title)
    figures["compression"] = compression_figure(table, title=title)
    figures["speedup"] = speedup_figure(table, title=title)
    figures["techniques"] = techniques_figure(table, title=title, sorts=sorts, reference=reference)
    if has_noise(statistics):
        figures["noise"] = noise_figure(table, statistics, title=title)
    figures["reliability"] = reliability_figure(table, statistics, title=title)
    figures["confusion"] = confusion_figure(table, details, entry["labels"], title=title)
    return figures


def has_noise(statistics: Mapping[str, Any]) -> bool:
    """Say whether a statistics file has scores on noisy texts."""
    return any(float(share) > 0 for share in statistics.get("noise", []))


def figure_title(dataset: str, entry: Mapping[str, Any]) -> str:
    """Return a data set's title for a figure, with the flag of a demo corpus."""
    title = str(entry.get("title") or dataset)
    return f"{title} (demo corpus)" if entry.get("demo") else title


def drawing_of(spec: Spec, where: str) -> str:
    """Return a spec's SVG; UserError naming `where` if no font draws its letters."""
    svg = vl_convert.vegalite_to_svg(spec)
    return finished(svg, fonts_for([svg], where), str(spec["description"]))


def save(spec: Spec, svg: str, path: Path) -> list[Path]:
    """Save a figure as `path`.svg and `path`.png, its spec beside them, and return the three paths."""
    paths = [path.with_name(f"{path.name}{end}") for end in (".svg", ".png", SPEC)]
    with replaced_file(paths[0]) as temporary:
        temporary.write_text(svg, encoding="utf-8")
    with replaced_file(paths[1]) as temporary:
        temporary.write_bytes(vl_convert.svg_to_png(svg, scale=SCALE))
    with replaced_file(paths[2]) as temporary:
        temporary.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    return paths


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
