"""What is wrong with a config that its schema allows: entries that do not fit, idle keys, impossible variants."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from emopress import recipe
from emopress.measure.deciding import ACCURACY, DECIDING, misfit
from emopress.study.checks_models import model_errors
from emopress.study.schema import SECTIONS
from emopress.study.sound import Aside
from emopress.tasks import task_facts, task_of

Entries = dict[str, dict[str, Any]]


def idle_keys(passes: Any) -> list[str]:
    """Return one line per key of the passes, as the config gives them, that would change nothing."""
    if not isinstance(passes, dict):
        return []
    return [
        f"passes.{name}: {key!r} changes nothing {why}"
        for name, entry in passes.items()
        if isinstance(entry, dict)
        for key, why in _idle(entry)
        if key in entry
    ]


def _idle(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the keys that cannot act in this entry, and when they would."""
    kind, method = entry.get("kind"), entry.get("method")
    if kind == "qat" and entry.get("weights") == "int4":
        return [(key, "with weights: int4") for key in ("per_channel", "ranges", "calibration")]
    if kind == "qat":
        return [("block_size", "without weights: int4")]
    if kind == "distill" and not any(entry.get(weight) for weight in recipe.WHITE_BOX):
        return [("layer_map", f"without one of {', '.join(recipe.WHITE_BOX)}")]
    if method == "structured" and entry.get("importance", "taylor") != "taylor":
        return [("texts", "without importance: taylor")]
    if kind == "openvino" and entry.get("precision") != "int8":
        return [("calibration", "without precision: int8")]
    return []


def entry_errors(config: dict[str, Any]) -> Iterator[str]:
    """Yield one line per entry (model, pass) that the schema allows and that cannot work."""
    models, passes = config["models"], config["passes"]
    if config["gpus"] > 1 and config["device"] == "cpu":
        yield f"gpus: {config['gpus']} GPUs for each training, and device: cpu uses none; allowed: 1"
    for name in sorted(set(models) & set(passes)):
        yield f"passes.{name}: a model has this name too; names must differ"
    yield from model_errors(models)
    for name, entry in passes.items():
        yield from (f"passes.{name}{error}" for error in _pass_errors(entry, models, passes))


def _pass_errors(entry: dict[str, Any], models: Entries, passes: Entries) -> Iterator[str]:
    student = entry.get("student")
    if student is not None and student not in models:
        yield f".student: unknown model {student!r}; models are: {', '.join(models)}"
    elif student is not None:
        yield from _student_errors(student, models[student], entry)
    for teacher in entry.get("teachers", []):
        for problem in recipe.problems(teacher, models, passes):
            yield f".teachers: variant {teacher!r}: {problem}"
        for step in recipe.parse(teacher).passes:
            if passes.get(step, {}).get("teachers") or passes.get(step, {}).get("kind") == "search":
                why = "has several teachers or a search itself"
                yield f".teachers: {teacher!r} {why} ({step}); that may go in circles"
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


def _student_errors(name: str, student: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    family = student["family"]
    if family not in recipe.STUDENTS:
        yield f".student: {name!r} is a {family} model; allowed: {', '.join(recipe.STUDENTS)}"
    elif student.get("kind") == "generative":
        yield f".student: {name!r} is generative, and learns from texts, not from a teacher"
    elif student.get("runtime") == "transformers":
        yield f".student: the weights of {name!r} (runtime: transformers) are never trained"
    elif family != "transformer" and recipe.sort_of(entry) != "distill":
        weights = ", ".join(weight for weight in recipe.WHITE_BOX if entry[weight])
        article = recipe.article(family)
        yield f".student: {name!r} is {article} {family} model, which has no layers to compare ({weights})"


def _generative_of_sets(variant: str, models: Entries, passes: Entries) -> Iterator[str]:
    """Yield a line per generative model that `variant` starts from or learns from."""
    steps = recipe.parse(variant)
    taught = [t for name in steps.passes for t in passes.get(name, {}).get("teachers", [])]
    for root in dict.fromkeys(recipe.parse(v).model for v in [variant, *taught]):
        if models.get(root, {}).get("kind") == "generative":
            yield f"{root!r} is generative, which takes one label per text, and here are several"


def _empty_search(variant: str, models: Entries, passes: Entries) -> Iterator[str]:
    last = passes.get(variant.rsplit("+", 1)[-1], {})
    if last.get("kind") != "search" or not set(last["passes"]) <= set(passes):
        return
    if not recipe.search_candidates(recipe.parent(variant), last, models, passes):
        yield f"none of {', '.join(last['passes'])} can be applied to {recipe.parent(variant)!r}"


def study_errors(config: dict[str, Any], aside: Aside | None = None) -> Iterator[str]:
    """Yield one line per variant that cannot be made or compared.

    `aside` names entries that `config` lacks since they have mistakes of their own: of a variant with
    one of them only the unknown names are told.
    """
    models, passes, datasets = config["models"], config["passes"], config["datasets"]
    apart = aside or {}
    known = {key: dict.fromkeys([*config[key], *sorted(apart.get(key, ()))]) for key in SECTIONS}
    uncertain = {*apart.get("models", ()), *apart.get("passes", ())}
    seen = set()
    for block in config["study"]:
        dataset = block["dataset"]
        if dataset not in known["datasets"]:
            names = ", ".join(known["datasets"])
            yield f"study: unknown dataset {dataset!r}; datasets are: {names}"
        if dataset in seen:
            yield f"study: dataset {dataset!r} stands twice"
        seen.add(dataset)
        if dataset in datasets:
            yield from _judge_errors(block, config)
        unsure = [v for v in block["variants"] if set(v.split("+")) & uncertain]
        for variant in unsure:
            for problem in recipe.unknown_names(variant, known["models"], known["passes"]):
                yield f"study.{dataset}: variant {variant!r}: {problem}"
        for variant in (v for v in block["variants"] if v not in unsure):
            problems = recipe.unknown_names(variant, known["models"], known["passes"])
            problems = problems or recipe.problems(variant, models, passes)
            for problem in problems or _empty_search(variant, models, passes):
                yield f"study.{dataset}: variant {variant!r}: {problem}"
            if datasets.get(dataset, {}).get("multilabel"):
                for problem in _generative_of_sets(variant, models, passes):
                    yield f"study.{dataset}: variant {variant!r}: {problem}"
        reference = block.get("reference")
        if reference is not None and reference not in block["variants"]:
            yield f"study.{dataset}.reference: {reference!r} is not among the variants"
        if (
            reference is None
            and not unsure
            and not any(
                "unknown" in p
                for v in block["variants"]
                for p in recipe.problems(v, models, passes)
            )
        ):
            for variant in block["variants"]:
                needed = recipe.reference_of(variant, block["variants"], models, None)
                if needed not in block["variants"]:
                    yield (
                        f"study.{dataset}: variant {variant!r} is compared with {needed!r}, "
                        "which is not among the variants; add it, or set reference"
                    )


def _judge_errors(block: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    """Yield a line per way in which what decides on a data set does not fit its labels, a budget or a search."""
    name = block["dataset"]
    task = task_of(task_facts(config["datasets"][name]))
    key = block.get("judge_by", DECIDING[task][0])
    if why := misfit(key, task):
        yield f"study.{name}.judge_by: {why}"
    if key == ACCURACY.key:
        return
    used = {step for variant in block["variants"] for step in variant.split("+")[1:]}
    passes = {step: config["passes"].get(step, {}) for step in sorted(used)}
    for where, entry in (
        *((f"budgets.{budget}", entry) for budget, entry in config["budgets"].items()),
        *((f"passes.{step}", entry) for step, entry in passes.items()),
    ):
        if entry.get("prefer") == ACCURACY.key:
            yield f"{where}.prefer: {ACCURACY.key!r}, but {key} decides on {name}; write score"


def published_errors(config: dict[str, Any], published: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line per variant that is no variant of its data set, or whose published row is unknown.

    `published`: that of `emopress.study.published.load_published`.
    """
    known = list(published["rows"])
    for block in config["study"]:
        where = f"study.{block['dataset']}.published"
        for variant, entry in block["published"].items():
            if variant not in block["variants"]:
                yield f"{where}: {variant!r} is not among the variants: {', '.join(block['variants'])}"
            if entry["row"] not in known:
                close = difflib.get_close_matches(entry["row"], known, n=1)
                hint = f"did you mean {close[0]!r}? Rows are" if close else "rows are"
                yield f"{where}.{variant}.row: unknown row {entry['row']!r}; {hint}: {', '.join(known)}"
