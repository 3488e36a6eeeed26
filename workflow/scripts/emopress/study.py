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

Entries = dict[str, dict[str, Any]]
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

    def pass_names(self, *sorts: str) -> list[str]:
        """Return the names of the passes of these sorts (keys of `recipe.PASSES`)."""
        return [name for name, entry in self.passes.items() if recipe.sort_of(entry) in sorts]

    def trains(self, variant: str) -> bool:
        """Return whether the last step of `variant` trains by epochs, and so has a curve."""
        steps = recipe.parse(variant)
        if not steps.passes:
            return bool(self.models[steps.model]["family"] == "transformer")
        last = self.passes[steps.passes[-1]]
        return last["kind"] in ("distill", "adapt", "qat") or "recover" in last

    def search_candidates(self, variant: str) -> list[str]:
        """Return the trials of the search that `variant` ends in."""
        entry = self.passes[recipe.parse(variant).passes[-1]]
        return recipe.search_candidates(recipe.parent(variant), entry, self.models, self.passes)

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


def without_nulls(value: Any) -> Any:
    """Return `value` without the keys that are null: a second config file unsets a key so."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def load_study(config: dict[str, Any], root: Path) -> Study:
    """Check `config` and return the study; UserError lists every mistake, a line each.

    `root` is the project's folder: it holds config/datasets.yaml, whose data sets every study
    knows, and the `path` of a data file is relative to it.
    """
    known = yaml.safe_load((root / CATALOGUE).read_text(encoding="utf-8"))
    config = without_nulls({**config, "datasets": merged(known, config.get("datasets", {}))})
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
        yield from (f"passes.{name}{error}" for error in _pass_errors(entry, models, passes))


def _pass_errors(entry: dict[str, Any], models: Entries, passes: Entries) -> Iterator[str]:
    student = entry.get("student")
    if student is not None and student not in models:
        yield f".student: unknown model {student!r}; models are: {', '.join(models)}"
    elif student is not None and models[student]["family"] != "transformer":
        yield f".student: {student!r} is no transformer"
    for teacher in entry.get("teachers", []):
        for problem in recipe.problems(teacher, models, passes):
            yield f".teachers: variant {teacher!r}: {problem}"
        for step in recipe.parse(teacher).passes:
            if passes.get(step, {}).get("teachers"):
                yield f".teachers: {teacher!r} has several teachers itself ({step}); that may go in circles"
    if entry.get("method") == "structured" and not any(
        entry[key] for key in ("heads", "ffn", "layers")
    ):
        yield ": nothing to cut; give heads, ffn or layers"
    if entry["kind"] == "search":
        for name in entry["passes"]:
            if name not in passes:
                yield f".passes: unknown pass {name!r}; passes are: {', '.join(passes)}"
            elif passes[name]["kind"] == "search":
                yield f".passes: {name!r} is a search itself"


def _empty_search(variant: str, models: Entries, passes: Entries) -> Iterator[str]:
    last = passes.get(variant.rsplit("+", 1)[-1], {})
    if last.get("kind") != "search" or not set(last["passes"]) <= set(passes):
        return
    if not recipe.search_candidates(recipe.parent(variant), last, models, passes):
        yield f"none of {', '.join(last['passes'])} can be applied to {recipe.parent(variant)!r}"


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
            problems = recipe.problems(variant, models, passes)
            for problem in problems or _empty_search(variant, models, passes):
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
