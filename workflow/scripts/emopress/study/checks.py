"""What is wrong between the entries of a config: unknown names, students that cannot learn, impossible variants."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emopress import recipe
from emopress.errors import unknown
from emopress.families import FAMILIES
from emopress.measure.deciding import ACCURACY, DECIDING, misfit
from emopress.study.mistakes import SECTIONS
from emopress.study.reading import Aside
from emopress.tasks import task_facts, task_of

Entries = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Names:
    """The names in a config, and which of them have mistakes, so that nothing more is said about them."""

    known: Mapping[str, list[str]]  # by section
    unsure: set[str]  # entries that have mistakes, and what refers to them


def names_of(config: dict[str, Any], aside: Aside) -> Names:
    """Return the names of a config; `aside` names entries that it lacks since they have mistakes."""
    known = {key: sorted({*config[key], *aside.get(key, ())}) for key in SECTIONS}
    unsure = {*aside.get("models", ()), *aside.get("passes", ())}
    entries = {**config["models"], **config["passes"]}
    while more := {n for n, entry in entries.items() if _named(entry) & unsure} - unsure:
        unsure |= more
    return Names(known, unsure)


def _named(entry: dict[str, Any]) -> set[str]:
    """Return the models and passes that an entry names."""
    variants = [*entry.get("teachers", []), *entry.get("passes", [])]
    names = {name for variant in variants for name in variant.split("+")}
    return names | {entry.get("student"), entry.get("tokenizer", {}).get("model")} - {None}


def entry_errors(config: dict[str, Any], names: Names) -> Iterator[str]:
    """Yield one line per model or pass that cannot work as it is, or beside another one."""
    models, passes = config["models"], config["passes"]
    if config["gpus"] > 1 and config["device"] == "cpu":
        yield f"gpus: {config['gpus']} GPUs for each training run, but device: cpu uses none; allowed: 1"
    for name in sorted(set(models) & set(passes)):
        yield f"passes.{name}: a model has this name too; names must differ"
    yield from _model_errors(models, names)
    for name, entry in passes.items():
        yield from (f"passes.{name}.{e}" for e in _pass_errors(entry, models, passes, names))


def _model_errors(models: Entries, names: Names) -> Iterator[str]:
    for name, entry in models.items():
        if "hub" in entry and (Path(entry["hub"]) / "config.json").is_file():
            yield (
                f"models.{name}.hub: {entry['hub']!r} is a folder here, and hub is for repositories of "
                f"huggingface.co; for the folder: from_mirror: true, --config mirror=DIR, and the folder as "
                f"DIR/models/{name}/; for the repository of that name: rename the folder"
            )
        donor = entry.get("tokenizer", {}).get("model")
        if donor in names.unsure or donor is None:
            continue
        if not {"hub", "from_mirror"} & set(models.get(donor, {})):
            yield f"models.{name}.tokenizer.model: {donor!r} is not a pretrained model of models"
    yield from _vector_files(models)


def _vector_files(models: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield one line per file of vectors that two models describe differently."""
    origins: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for name, entry in models.items():
        vectors = entry.get("vectors", {})
        if "file" not in vectors:
            continue
        origin = vectors.get("url"), vectors.get("sha256")
        first, known = origins.setdefault(vectors["file"], (name, origin))
        if known != origin:
            file = vectors["file"]
            yield f"models.{name}.vectors: models.{first} has another url or sha256 for {file!r}"


def _pass_errors(
    entry: dict[str, Any], models: Entries, passes: Entries, names: Names
) -> Iterator[str]:
    student = entry.get("student")
    if student in models:
        yield from (f"student: {why}" for why in _student_errors(student, models[student], entry))
    elif student is not None and student not in names.unsure:
        yield f"student: {unknown('model', student, names.known['models'])}"
    for teacher in entry.get("teachers", []):
        for problem in _variant_problems(teacher, models, passes, names):
            yield f"teachers: variant {teacher!r}: {problem}"
        for step in recipe.parse(teacher).passes:
            if passes.get(step, {}).get("teachers") or passes.get(step, {}).get("kind") == "search":
                why = "has several teachers or a search itself"
                yield f"teachers: {teacher!r} {why} ({step}); that may go in circles"
        if entry.get("joined_spans") and set(teacher.split("+")) <= {*models, *passes}:
            yield from _out_of_fold_errors(teacher, models, passes)
    if entry["kind"] == "search":
        for name in entry["passes"]:
            if name not in names.known["passes"]:
                yield f"passes: {unknown('pass', name, names.known['passes'])}"
            elif passes.get(name, {}).get("kind") == "search":
                yield f"passes: {name!r} is a search"


def _out_of_fold_errors(teacher: str, models: Entries, passes: Entries) -> Iterator[str]:
    """Yield a line for a compressed teacher whose family trains its models again to label joined spans."""
    family = models.get(recipe.root(teacher, passes), {}).get("family")
    if family and FAMILIES[family].out_of_fold and teacher not in models:
        yield (
            f"teachers: {teacher!r}: joined_spans are labelled by {family} models that are trained for it, without "
            f"any pass; name {recipe.parse(teacher).model!r}"
        )


def _variant_problems(
    variant: str, models: Entries, passes: Entries, names: Names
) -> Iterator[str]:
    """Yield why a variant cannot be made, as far as mistakes in the entries allow to tell."""
    unknown_names = recipe.unknown_names(variant, names.known["models"], names.known["passes"])
    if unknown_names or set(variant.split("+")) & names.unsure:
        yield from unknown_names
    else:
        yield from recipe.problems(variant, models, passes)


def _student_errors(name: str, student: dict[str, Any], entry: dict[str, Any]) -> Iterator[str]:
    family = student["family"]
    if family not in recipe.STUDENTS:
        yield f"{name!r} is a {family} model; allowed: {', '.join(recipe.STUDENTS)}"
    elif student.get("kind") == "generative":
        yield f"{name!r} is generative, and learns from texts, not from a teacher"
    elif student.get("runtime") == "transformers":
        yield f"the weights of {name!r} (runtime: transformers) are never trained"
    elif family != "transformer" and recipe.sort_of(entry) != "distill":
        weights = ", ".join(weight for weight in recipe.WHITE_BOX if entry[weight])
        article = recipe.article(family)
        yield f"{name!r} is {article} {family} model, which has no layers to compare ({weights})"


def _generative_of_sets(variant: str, models: Entries, passes: Entries) -> Iterator[str]:
    """Yield a line per generative model that `variant` starts from or learns from."""
    steps = recipe.parse(variant)
    taught = [t for name in steps.passes for t in passes.get(name, {}).get("teachers", [])]
    for root in dict.fromkeys(recipe.parse(v).model for v in [variant, *taught]):
        if models.get(root, {}).get("kind") == "generative":
            yield f"{root!r} is generative, which takes one label per text, but this data set has several"


def _empty_search(variant: str, models: Entries, passes: Entries) -> Iterator[str]:
    last = passes.get(variant.rsplit("+", 1)[-1], {})
    if last.get("kind") != "search" or not set(last["passes"]) <= set(passes):
        return
    if not recipe.search_candidates(recipe.parent(variant), last, models, passes):
        yield f"none of {', '.join(last['passes'])} can be applied to {recipe.parent(variant)!r}"


def study_errors(config: dict[str, Any], names: Names) -> Iterator[str]:
    """Yield one line per variant that cannot be made or compared."""
    seen = set()
    for block in config["study"]:
        dataset = block["dataset"]
        if dataset not in names.known["datasets"]:
            yield f"study: {unknown('dataset', dataset, names.known['datasets'])}"
        if dataset in seen:
            yield f"study: dataset {dataset!r} is listed twice"
        seen.add(dataset)
        if dataset in config["datasets"]:
            yield from _judge_errors(block, config)
        yield from (f"study.{dataset}{error}" for error in _block_errors(block, config, names))


def _block_errors(block: dict[str, Any], config: dict[str, Any], names: Names) -> Iterator[str]:
    models, passes, variants = config["models"], config["passes"], block["variants"]
    several_labels = config["datasets"].get(block["dataset"], {}).get("multilabel")
    unsure = any(set(variant.split("+")) & names.unsure for variant in variants)
    unknown_names = False
    for variant in variants:
        problems = list(_variant_problems(variant, models, passes, names))
        unknown_names |= any("unknown" in problem for problem in problems)
        if not problems and not set(variant.split("+")) & names.unsure:
            problems += _empty_search(variant, models, passes)
        if several_labels:
            problems += _generative_of_sets(variant, models, passes)
        yield from (f": variant {variant!r}: {problem}" for problem in problems)
    reference = block.get("reference")
    if reference is not None and reference not in variants:
        yield f".reference: {reference!r} is not among the variants"
    if reference is None and not unsure and not unknown_names:
        for variant in variants:
            needed = recipe.reference_of(variant, variants, models, None)
            if needed not in variants:
                yield (
                    f": variant {variant!r} is compared with {needed!r}, "
                    "which is not among the variants; add it, or set reference"
                )


def _judge_errors(block: dict[str, Any], config: dict[str, Any]) -> Iterator[str]:
    """Yield one line per reason why the metric that decides does not fit the labels, a budget or a search."""
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
    """Yield one line per `published` variant that is not among the variants of its data set, or whose row is unknown.

    `published`: that of `emopress.study.published.load_published`.
    """
    known = list(published["rows"])
    for block in config["study"]:
        where = f"study.{block['dataset']}.published"
        for variant, entry in block["published"].items():
            if variant not in block["variants"]:
                yield f"{where}: {variant!r} is not among the variants: {', '.join(block['variants'])}"
            if entry["row"] not in known:
                row = entry["row"]
                yield f"{where}.{variant}.row: {unknown('row', row, known)}"
