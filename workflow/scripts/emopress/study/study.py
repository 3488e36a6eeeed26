"""A whole, checked study: the config with its defaults, and what every rule needs to know of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from emopress import recipe
from emopress.checkpoint import DATA_KEYS
from emopress.entries.study import Evaluate, Statistics, Timing
from emopress.measure.deciding import DECIDING, Judge
from emopress.passes import PASSES
from emopress.rows import Job
from emopress.tasks import task_facts


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
    judges: dict[str, Judge]
    published: dict[str, dict[str, dict[str, str]]]
    budgets: dict[str, dict[str, Any]]
    statistics: Statistics
    evaluate: Evaluate
    timing: Timing
    device: str = "auto"
    gpus: int = 1
    tracking: str = "none"
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

    def as_config(self) -> dict[str, Any]:
        """Return what a config file of this study says, defaults and all, but for its data sets."""
        blocks = [
            {
                "dataset": dataset,
                **({"reference": self.references[dataset]} if self.references[dataset] else {}),
                "judge_by": self.judges[dataset].key,
                "variants": variants,
                "published": self.published[dataset],
            }
            for dataset, variants in self.variants.items()
        ]
        return {
            "name": self.name,
            "description": self.description,
            "seeds": self.seeds,
            "study": blocks,
            "budgets": self.budgets,
            "models": self.models,
            "passes": self.passes,
            "evaluate": self.evaluate.plain(),
            "statistics": self.statistics.plain(),
            "timing": self.timing.plain(),
            "device": self.device,
        }

    def yardstick(self, dataset: str) -> str:
        """Return the variant of a data set that budgets measure a loss of score from."""
        variants = self.variants[dataset]
        return self.references[dataset] or self.reference(dataset, variants[0])

    def teacher(self, dataset: str, variant: str) -> str | None:
        """Return the variant that the predictions of `variant` are compared with, None for a root.

        That is the model that the recipe starts from, where it is trained and among the variants;
        else the reference of `variant`.
        """
        root = recipe.parse(variant).model
        if root == variant:
            return None
        trained = self.models[root].get("train", {}).get("epochs") != 0
        if root in self.variants[dataset] and trained:
            return root
        reference = self.reference(dataset, variant)
        return reference if reference != variant else None

    def linears(self, dataset: str) -> list[str]:
        """Return the uncompressed linear models among the variants of a data set."""
        linear = self.model_names("linear")
        return [variant for variant in self.variants[dataset] if variant in linear]

    def lstms(self, dataset: str) -> list[dict[str, Any]]:
        """Return the LSTM variants of a data set with at most one pass, which is for LSTMs alone: variant, kind, step.

        `step` is that pass's entry with its name, None without one.
        """
        lstms = []
        for variant in self.variants[dataset]:
            made = recipe.parse(variant)
            entry = self.models[made.model]
            steps = [{"name": name, **self.passes[name]} for name in made.passes]
            lstm_only = all(PASSES[recipe.sort_of(step)].families == ("lstm",) for step in steps)
            if entry["family"] == "lstm" and lstm_only:
                step = steps[0] if steps else None
                lstms.append({"variant": variant, "kind": entry["kind"], "step": step})
        return lstms

    def compares_kinds(self) -> bool:
        """Return whether a data set has LSTMs of both kinds."""
        kinds = (
            {lstm["kind"] for lstm in self.lstms(dataset) if lstm["step"] is None}
            for dataset in self.variants
        )
        return any(len(both) == 2 for both in kinds)

    def data_params(self, dataset: str) -> dict[str, Any]:
        """Return what a model needs to know of its data set, and nothing cosmetic.

        What decides is among it where it shapes the model: thresholds are tuned for macro F1 unless
        something else decides.
        """
        entry, judge = self.datasets[dataset], self.judges.get(dataset)
        known = {key: entry[key] for key in DATA_KEYS} | task_facts(entry)
        tuned_for = judge.key if judge and judge.key != DECIDING[judge.task][0] else None
        return known | ({"judge_by": tuned_for} if entry.get("multilabel") and tuned_for else {})

    def pass_names(self, *sorts: str) -> list[str]:
        """Return the names of the passes of these sorts (keys of `PASSES`)."""
        return [name for name, entry in self.passes.items() if recipe.sort_of(entry) in sorts]

    def step(self, name: str) -> dict[str, Any]:
        """Return a model's or pass's entry with its name, as recipes record it.

        A distillation holds the model that it builds too; how that would be fine-tuned plays no part.
        """
        step = {"name": name, **recipe.recorded(self.models.get(name) or self.passes[name])}
        if "student" in step:
            student = self.step(step["student"])
            step["student_model"] = {k: v for k, v in student.items() if k != "train"}
        return step

    def made_by(self, job: Job) -> list[str]:
        """Return the names of the passes that a job makes."""
        return [name for name, e in self.passes.items() if recipe.job_of(e, self.models) == job]

    def trained_into(self, family: str) -> list[str]:
        """Return the names of the passes that train a new model, a student, of this family."""
        of_student = {name: entry.get("student") for name, entry in self.passes.items()}
        models = self.model_names(family)
        return [name for name, student in of_student.items() if student in models]

    def trains(self, variant: str) -> bool:
        """Return whether the last step of `variant` trains by epochs, and so has a curve."""
        steps = recipe.parse(variant)
        last = self.passes[steps.passes[-1]] if steps.passes else self.models[steps.model]
        return bool({"train", "recover"} & last.keys())

    def generative(self, variant: str) -> bool:
        """Return whether `variant` is a generative model, and so has a cross-entropy of tokens."""
        steps = recipe.parse(variant)
        student = any(self.passes[name].get("student") for name in steps.passes)
        return self.models[steps.model].get("kind") == "generative" and not student

    def is_large(self, variant: str) -> bool:
        """Return whether bundles of `variant` run in transformers (`models.<name>.runtime`)."""
        return recipe.is_large(variant, self.models, self.passes)

    def runtime_of(self, variant: str) -> str | None:
        """Return which runtime predicts with bundles of `variant`; None if that is a search's choice."""
        return recipe.runtime_of(variant, self.models, self.passes)

    def has_large(self) -> bool:
        """Return whether any variant is large."""
        return any(self.is_large(name) for names in self.variants.values() for name in names)

    def search_candidates(self, variant: str) -> list[str]:
        """Return the trials of the search that `variant` ends in."""
        entry = self.passes[recipe.parse(variant).passes[-1]]
        return recipe.search_candidates(recipe.parent(variant), entry, self.models, self.passes)

    def model_names(self, family: str) -> list[str]:
        """Return the names of the models of one family."""
        return [name for name, entry in self.models.items() if entry["family"] == family]
