"""What the report of a study is made of: its figures, the training curves, and what shapes the rule graph."""

from pathlib import Path
from typing import Any

import yaml

from emopress import recipe
from emopress.measure.pareto import layer_grid
from emopress.report.figures.names import TRADE_OFF, figure_names
from emopress.study.places import pretrained_inputs
from emopress.study.study import Study


def curved(study: Study, dataset: str | None = None) -> list[list[str]]:
    """Return data set and variant of everything that has a training curve, in one data set or (None) in all."""
    return [
        [name, variant]
        for name, variant, seed in study.bundles()
        if seed == study.seeds[0] and study.trains(variant) and dataset in (None, name)
    ]


def figures(study: Study, dataset: str = "{dataset}") -> list[str]:
    """Return the names of a data set's figures but for the trade-off: the same kinds for all."""
    return figure_names(
        dataset,
        training=bool(curved(study)),
        noise=bool(study.evaluate.noise),
        bits=study.compares_kinds(),
    )


def grids(study: Study) -> dict[str, list[str]]:
    """Return the data sets whose dense models differ in their layers, with these models."""
    by_dataset = {name: layer_grid(listed, study.models) for name, listed in study.variants.items()}
    return {dataset: models for dataset, models in by_dataset.items() if models}


def figure_files(study: Study, ending: str) -> list[str]:
    """Return the files of all figures of a study, with this ending."""
    names = [name for dataset in study.variants for name in figures(study, dataset)]
    names += [f"{dataset}-{TRADE_OFF}" for dataset in grids(study)]
    return [f"results/figures/{name}{ending}" for name in names]


def described(study: Study, config_files: list[str], root: Path) -> dict[str, Any]:
    """Return what the report says about a study.

    The config has every default and one order, so that neither writing one out nor another order reruns
    anything; its files are relative to `root` where they can be, so that no report holds a path of somebody's
    machine.
    """
    config = study.as_config()
    return {
        "name": study.name,
        "description": study.description,
        "seeds": study.seeds,
        "config_files": [
            str(path.relative_to(root) if path.is_relative_to(root) else path.name)
            for path in map(Path, config_files)
        ],
        "config_text": yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100),
    }


def graph_params(study: Study) -> dict[str, Any]:
    """Return all that shapes the rule graph, and nothing else of the config."""
    named = ("student", "teachers", "passes", "max_passes")
    return {
        "variants": dict(sorted(study.variants.items())),
        "models": {
            name: [entry["family"], *pretrained_inputs(study, name)]
            for name, entry in sorted(study.models.items())
        },
        "passes": {
            name: [recipe.sort_of(entry), "distill" in entry, *(entry.get(key) for key in named)]
            for name, entry in sorted(study.passes.items())
        },
    }
