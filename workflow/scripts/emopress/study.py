"""A whole, checked study: the config with its defaults, and what every rule needs to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from emopress import recipe
from emopress.checkpoint import DATA_KEYS
from emopress.errors import UserError
from emopress.schema import schema_errors, with_defaults

CATALOGUE = Path("config") / "datasets.yaml"
RESERVED = ("data", "figures", "logs", "models", "timing", "tokenizers")  # folders of results/


@dataclass(frozen=True)
class Study:
    """A study's entries by name, and the variants to make per data set."""

    name: str
    description: str
    seeds: list[int]
    datasets: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    passes: dict[str, dict[str, Any]]
    variants: dict[str, list[str]]
    references: dict[str, str | None]
    evaluate: dict[str, Any]
    timing: dict[str, Any]
    device: str = "auto"
    mirrors: list[str] = field(default_factory=list)

    def bundles(self) -> Iterator[tuple[str, str, int]]:
        """Yield (dataset, variant, seed) of everything that the report lists."""
        for dataset, variants in self.variants.items():
            for variant in variants:
                for seed in self.seeds:
                    yield dataset, variant, seed

    def reference(self, dataset: str, variant: str) -> str:
        """Return the variant that compression and speedup of `variant` refer to."""
        chosen = self.references[dataset]
        return recipe.reference_of(variant, self.variants[dataset], self.models, chosen)

    def data_params(self, dataset: str) -> dict[str, Any]:
        """Return what a model needs to know of its data set, and nothing cosmetic."""
        entry = self.datasets[dataset]
        return {key: entry[key] for key in DATA_KEYS}

    def pass_names(self, **wanted: str) -> list[str]:
        """Return the names of the passes whose entries have these values (`kind="prune"`)."""
        return [
            name
            for name, entry in self.passes.items()
            if all(entry.get(key) == value for key, value in wanted.items())
        ]

    def model_names(self, family: str) -> list[str]:
        """Return the names of the models of one family."""
        return [name for name, entry in self.models.items() if entry["family"] == family]


def merged(base: Any, change: Any) -> Any:
    """Return `base` with the keys of `change` put in its place, dict by dict."""
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    return {
        **base,
        **{key: merged(base[key], v) if key in base else v for key, v in change.items()},
    }


def load_study(config: dict[str, Any], root: Path) -> Study:
    """Check `config` and return the study; UserError lists every mistake, a line each.

    `root` is the project's folder: it holds config/datasets.yaml, whose data sets every study
    knows, and the `path` of a data file is relative to it.
    """
    known = yaml.safe_load((root / CATALOGUE).read_text(encoding="utf-8"))
    config = {**config, "datasets": merged(known, config.get("datasets", {}))}
    errors = schema_errors(config)
    if not errors:
        config = with_defaults(config)
        errors = [*_entry_errors(config, root), *_study_errors(config)]
    if errors:
        raise UserError("\n".join(e if e.startswith("config:") else f"config: {e}" for e in errors))
    mirror = config["mirror"]
    return Study(
        name=config["name"],
        description=config["description"],
        seeds=config["seeds"],
        datasets=config["datasets"],
        models=config["models"],
        passes=config["passes"],
        variants={block["dataset"]: block["variants"] for block in config["study"]},
        references={block["dataset"]: block.get("reference") for block in config["study"]},
        evaluate=config["evaluate"],
        timing=config["timing"],
        device=config["device"],
        mirrors=[mirror] if isinstance(mirror, str) else mirror,
    )


def _entry_errors(config: dict[str, Any], root: Path) -> Iterator[str]:
    models, passes, datasets = config["models"], config["passes"], config["datasets"]
    for name in sorted(set(models) & set(passes)):
        yield f"passes.{name}: a model has this name too; names must differ"
    for name, entry in datasets.items():
        if name in RESERVED:
            yield f"datasets.{name}: reserved name ({', '.join(RESERVED)})"
        for file in entry["source"]["files"]:
            where = f"datasets.{name}.source.files.{file['name']}"
            if "path" in file and not (root / file["path"]).is_file():
                yield f"{where}: no file {file['path']!r} in the repository"
            if "path" not in file and "sha256" not in file:
                yield f"{where}: sha256 is required for a file that is fetched"
            if "path" not in file and "url" not in file and "hub" not in entry["source"]:
                yield f"{where}: give a url, a path, or a hub beside files"
            if (entry["split"]["method"] == "given" or "hub" in entry["source"]) and (
                "split" not in file
            ):
                yield f"{where}: say which split it is (train, validation, test)"
    for name, entry in models.items():
        if "init" in entry:
            if "tokenizer" not in entry:
                yield f"models.{name}: a model from scratch needs a tokenizer"
            if entry["init"]["width"] % entry["init"]["heads"]:
                yield f"models.{name}.init: heads must divide width"
        elif "tokenizer" in entry:
            yield f"models.{name}.tokenizer: a pretrained checkpoint brings its own"
        donor = entry.get("tokenizer", {}).get("model")
        if donor is not None and not {"hub", "from_mirror"} & set(models.get(donor, {})):
            yield f"models.{name}.tokenizer.model: {donor!r} is not a pretrained model of models"
        if entry["family"] == "linear" and entry["ngrams"][0] > entry["ngrams"][1]:
            yield f"models.{name}.ngrams: shortest first, then longest"
    for name, entry in passes.items():
        if entry["kind"] == "distill":
            student = models.get(entry["student"])
            if student is None:
                yield f"passes.{name}.student: unknown model {entry['student']!r}; models are: " + (
                    ", ".join(models)
                )
            elif student["family"] != "transformer":
                yield f"passes.{name}.student: {entry['student']!r} is no transformer"


def _study_errors(config: dict[str, Any]) -> Iterator[str]:
    models, passes, datasets = config["models"], config["passes"], config["datasets"]
    seen = set()
    for block in config["study"]:
        dataset = block["dataset"]
        if dataset not in datasets:
            yield f"study: unknown dataset {dataset!r}; datasets are: {', '.join(datasets)}"
        if dataset in seen:
            yield f"study: dataset {dataset!r} stands twice"
        seen.add(dataset)
        for variant in block["variants"]:
            for problem in recipe.problems(variant, models, passes):
                yield f"study.{dataset}: variant {variant!r}: {problem}"
        reference = block.get("reference")
        if reference is not None and reference not in block["variants"]:
            yield f"study.{dataset}.reference: {reference!r} is not among the variants"
        if reference is None and not any(
            "unknown" in p for v in block["variants"] for p in recipe.problems(v, models, passes)
        ):
            for variant in block["variants"]:
                needed = recipe.reference_of(variant, block["variants"], models, None)
                if needed not in block["variants"]:
                    yield (
                        f"study.{dataset}: variant {variant!r} is compared with {needed!r}, "
                        "which is not among the variants; add it, or set reference"
                    )
