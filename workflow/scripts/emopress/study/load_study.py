"""Loads a study: reads a config, checks all of it, and reports every mistake at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emopress.artifact import read_yaml
from emopress.errors import UserError
from emopress.measure.deciding import DECIDING, Judge
from emopress.study.checks import entry_errors, names_of, published_errors, study_errors
from emopress.study.checks_data import dataset_errors
from emopress.study.layers import merged, whole_tokenizers, with_normalisation, without_nulls
from emopress.study.published import PUBLISHED, load_published
from emopress.study.reading import read_config
from emopress.study.study import Study
from emopress.tasks import task_facts, task_of

CATALOGUE = Path("config") / "datasets.yaml"


def load_study(
    config: dict[str, Any],
    root: Path,
    *,
    several_files: bool = False,
    file_errors: Sequence[str] = (),
) -> Study:
    """Check `config` and return the study; UserError lists every mistake, a line each.

    `file_errors` are those of the files that it was read from (`emopress.study.config_file`).

    In a config from `several_files`, keys that are null are removed: so a later file removes keys of an earlier one. In
    a single file null is a mistake, like any other value of a wrong type.

    `root` is the project's folder: it holds config/datasets.yaml, whose data sets every study
    knows, and the `path` of a data file is relative to it.
    """
    known = read_yaml(root / CATALOGUE)
    config = {**config, "datasets": merged(known, config.get("datasets", {}))}
    if several_files:
        config = without_nulls(config)
    reading = read_config(config)
    config = reading.config.plain()
    config["datasets"] = with_normalisation(config["datasets"])
    names = names_of(config, reading.aside)
    errors = [
        *file_errors,
        *reading.mistakes,
        *dataset_errors(config["datasets"], root),
        *entry_errors(config, names),
        *study_errors(config, names),
    ]
    if any(block["published"] for block in config["study"]):
        errors += published_errors(config, load_published(root / PUBLISHED))
    if errors:
        raise UserError("\n".join(f"config: {error}" for error in dict.fromkeys(errors)))
    mirror = config["mirror"]
    return Study(
        name=config["name"],
        description=config["description"],
        seeds=config["seeds"],
        datasets=config["datasets"],
        models=whole_tokenizers(config["models"]),
        passes=config["passes"],
        variants={block["dataset"]: block["variants"] for block in config["study"]},
        references={block["dataset"]: block.get("reference") for block in config["study"]},
        judges={block["dataset"]: _judge(block, config["datasets"]) for block in config["study"]},
        published={block["dataset"]: block["published"] for block in config["study"]},
        budgets={name: config["budgets"][name] for name in reading.config.budgets},
        statistics=reading.config.statistics,
        evaluate=reading.config.evaluate,
        timing=reading.config.timing,
        device=config["device"],
        gpus=config["gpus"],
        tracking=config["tracking"],
        mirrors=[mirror] if isinstance(mirror, str) else mirror,
    )


def _judge(block: dict[str, Any], datasets: dict[str, dict[str, Any]]) -> Judge:
    """Return what decides between the variants of an entry of `study`."""
    task = task_of(task_facts(datasets[block["dataset"]]))
    return Judge(task, block.get("judge_by", DECIDING[task][0]))
