"""The recipe grammar: a variant's name is a model and the passes applied to it, joined by `+`.

Each row of `emopress.passes` says what its sort of pass may follow.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from emopress.checkpoint import DECODERS
from emopress.errors import unknown
from emopress.families import FAMILIES
from emopress.passes import PASSES
from emopress.rows import Job

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """A parsed variant name: the model it starts from and its passes in order."""

    model: str
    passes: tuple[str, ...]


READABLE_FROM = {  # what a pass reads, and what the pass before it must leave for that
    "checkpoint": ("checkpoint",),
    "fp32 bundle": ("checkpoint",),  # a checkpoint's export
    "onnx bundle": ("checkpoint", "quantized bundle"),
}
# Families that a model of another one can be distilled into.
STUDENTS = tuple(name for name, row in FAMILIES.items() if row.distill)
LONGEST = 240  # characters of a variant, whose log is called <variant>.seed<n>.log: file systems allow 255
LARGE_PASSES = sorted(sort for sort, row in PASSES.items() if row.large)
WHITE_BOX = ("hidden_weight", "attention_weight", "cosine_weight")


def sort_of(entry: Mapping[str, Any]) -> str:
    """Return the key of `PASSES` for one pass entry of the config."""
    if entry["kind"] == "distill":
        hidden = any(entry.get(weight, 0) > 0 for weight in WHITE_BOX)
        return "distill layers" if "layers" in entry else "distill hidden" if hidden else "distill"
    sort = " ".join(str(entry[key]) for key in ("kind", "method") if key in entry)
    if sort not in PASSES:
        raise ValueError(f"unknown sort of pass {sort!r}")
    return sort


def job_of(entry: Mapping[str, Any], models: Entries) -> Job:
    """Return the job that makes a pass, given its entry; some distillations are of their student's family."""
    job = PASSES[sort_of(entry)].job or FAMILIES[models[entry["student"]]["family"]].distill
    if job is None:
        raise ValueError(f"nothing distils into {entry['student']!r}")
    return job


def leaving(what: str) -> list[str]:
    """Return the sorts of pass that leave `what`."""
    return [sort for sort, rule in PASSES.items() if rule.leaves == what]


def recorded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a config entry shapes its result: params, recipes and identities hold no more.

    `size` is a prediction, and the default runtime is left out, since older recipes do not name it.
    """
    usual = entry.get("runtime") == "onnxruntime"
    return {k: v for k, v in entry.items() if k != "size" and not (k == "runtime" and usual)}


def parse(variant: str) -> Recipe:
    """Split a variant name; `parse("a+b+c") == Recipe("a", ("b", "c"))`."""
    model, *passes = variant.split("+")
    return Recipe(model, tuple(passes))


def parent(variant: str) -> str:
    """Return the variant that the last pass of `variant` was applied to."""
    return variant.rsplit("+", 1)[0]


def root(variant: str, passes: Entries) -> str:
    """Return the model whose weights `variant` has: what it starts from, or its last student."""
    recipe = parse(variant)
    students = [passes[name]["student"] for name in recipe.passes if passes[name].get("student")]
    return str(students[-1]) if students else recipe.model


def family(variant: str, models: Entries, passes: Entries) -> str:
    """Return the model family that `variant` ends in: a distillation changes it to its student's."""
    return str(models[root(variant, passes)]["family"])


def is_large(variant: str, models: Entries, passes: Entries) -> bool:
    """Return whether bundles of `variant` run in transformers, and its weights are never trained."""
    return models[root(variant, passes)].get("runtime") == "transformers"


def runtime_of(variant: str, models: Entries, passes: Entries) -> str | None:
    """Return which runtime predicts with bundles of `variant`; None if that is a search's choice."""
    kinds = [passes[name]["kind"] for name in parse(variant).passes]
    if "search" in kinds:
        return None
    if "openvino" in kinds:
        return "openvino"
    if is_large(variant, models, passes):
        return "transformers"
    return FAMILIES[family(variant, models, passes)].runtime


def unknown_names(variant: str, models: Collection[str], passes: Collection[str]) -> list[str]:
    """Return one readable line per name in `variant` that is neither of `models` nor of `passes`."""
    recipe = parse(variant)
    lines = []
    if recipe.model not in models:
        lines.append(unknown("model", recipe.model, models))
    for name in recipe.passes:
        if name not in passes:
            lines.append(unknown("pass", name, passes))
    return lines


def problems(variant: str, models: Entries, passes: Entries) -> list[str]:
    """Return one readable line per reason why `variant` cannot be made; empty if it can."""
    unknown = unknown_names(variant, models, passes)
    if unknown:
        return unknown
    if len(variant) > LONGEST:
        return [
            f"{len(variant)} characters, and it names a folder and a log; allowed: {LONGEST}; "
            "give its model and passes shorter names"
        ]
    recipe = parse(variant)
    current = recipe.model
    before: list[str] = []
    for name in recipe.passes:
        reason = _refusal(name, current, before, models, passes)
        if reason:
            return [f"pass {name!r} ({sort_of(passes[name])}) cannot {reason}"]
        # A new student has nothing of what was done to its teacher.
        before = [name] if passes[name].get("student") else [*before, name]
        current = f"{current}+{name}"
    return []


def article(family: str) -> str:
    """Return the article before the name of a family."""
    return "an" if family == "lstm" else "a"


def _refusal(
    name: str, current: str, before: list[str], models: Entries, passes: Entries
) -> str | None:
    """Return why pass `name` cannot be applied to the variant `current`, None if it can."""
    rule, now = PASSES[sort_of(passes[name])], family(current, models, passes)
    if before:
        last = passes[before[-1]]
        left = PASSES[sort_of(last)].leaves
        if left not in READABLE_FROM[rule.reads]:
            return (
                f"follow {before[-1]!r} ({sort_of(last)}): that leaves a {left}, "
                f"this reads a {rule.reads}"
            )
    if now not in rule.families:
        return f"be applied to {current!r}, {article(now)} {now} model; it takes: {', '.join(rule.families)}"
    refused = _decoder_refusal(name, current, before, models, passes)
    if refused:
        return refused
    for earlier in before:
        if sort_of(passes[earlier]) in rule.not_after:
            return f"come after {earlier!r} ({sort_of(passes[earlier])}): {rule.why_not}"
    if rule.needs and rule.needs not in {sort_of(passes[earlier]) for earlier in before}:
        return f"be applied to {current!r}: it needs a {rule.needs} pass before it"
    return None


def _decoder_refusal(
    name: str, current: str, before: list[str], models: Entries, passes: Entries
) -> str | None:
    """Return why pass `name` cannot be applied to `current` if that is a decoder, else None."""
    model, sort = models[root(current, passes)], sort_of(passes[name])
    shape = model.get("init") or model.get("size") or {}
    if is_large(current, models, passes):
        if sort not in LARGE_PASSES:
            return (
                f"be applied to {current!r}, whose runtime is transformers; "
                f"that takes: {', '.join(LARGE_PASSES)}"
            )
        four_bits = [step for step in before if sort_of(passes[step]) == "adapt qlora"]
        if four_bits and sort != "distill":
            return f"come after {four_bits[-1]!r} (adapt qlora): its adapters stay beside 4-bit weights"
    if shape.get("architecture") in DECODERS and not PASSES[sort].decoders:
        return f"be applied to {current!r}, a decoder: it takes encoders only"
    return None


def search_candidates(
    start: str, entry: Mapping[str, Any], models: Entries, passes: Entries
) -> list[str]:
    """Return the trials of a search on the variant `start`: every legal order of its passes.

    From one pass to `max_passes` of them; an order that cannot be made is left out.
    """
    chains = (
        "+".join([start, *order])
        for length in range(1, entry["max_passes"] + 1)
        for order in permutations(entry["passes"], length)
    )
    return [chain for chain in chains if not problems(chain, models, passes)]


def reference_of(variant: str, siblings: list[str], models: Entries, chosen: str | None) -> str:
    """Return the variant that size and latency of `variant` are compared with.

    That is `chosen` if the study names one, else the model that a variant starts from. A variant of a linear,
    dense, lstm or conv model is compared with the first transformer model among its `siblings`, if there is one.
    """
    if chosen:
        return chosen
    root = parse(variant).model
    if models[root]["family"] == "transformer":
        return root
    roots = [parse(sibling).model for sibling in siblings]
    return next((name for name in roots if models[name]["family"] == "transformer"), root)
