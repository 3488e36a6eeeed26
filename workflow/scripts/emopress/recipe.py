"""The recipe grammar: a variant's name is a model and the passes applied to it, joined by `+`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """A parsed variant name: the model it starts from and its passes in order."""

    model: str
    passes: tuple[str, ...]


@dataclass(frozen=True)
class PassKind:
    """What a kind of pass may follow and what it leaves behind."""

    families: tuple[str, ...]  # of the model it is applied to
    final: bool  # leaves a quantized bundle, which no other pass can read


def pass_rules(entry: Mapping[str, Any]) -> PassKind:
    """Return the rules for one pass entry of the config."""
    match entry["kind"], entry.get("method"):
        case "distill", _:
            return PassKind(families=("transformer", "linear"), final=False)
        case "prune", _:
            return PassKind(families=("transformer",), final=False)
        case "quantize", "weight-only":
            return PassKind(families=("linear",), final=True)
        case "quantize", _:
            return PassKind(families=("transformer",), final=True)
    raise ValueError(f"unknown pass kind {entry['kind']!r}")


def parse(variant: str) -> Recipe:
    """Split a variant name; `parse("a+b+c") == Recipe("a", ("b", "c"))`."""
    model, *passes = variant.split("+")
    return Recipe(model, tuple(passes))


def parent(variant: str) -> str:
    """Return the variant that the last pass of `variant` was applied to."""
    return variant.rsplit("+", 1)[0]


def prefixes(variant: str) -> list[str]:
    """Return every variant on the way to `variant`, itself last."""
    parts = variant.split("+")
    return ["+".join(parts[: end + 1]) for end in range(len(parts))]


def family(variant: str, models: Entries, passes: Entries) -> str:
    """Return the model family that `variant` ends in: a distillation changes it to its student's."""
    recipe = parse(variant)
    result = str(models[recipe.model]["family"])
    for name in recipe.passes:
        if passes[name]["kind"] == "distill":
            result = str(models[passes[name]["student"]]["family"])
    return result


def problems(variant: str, models: Entries, passes: Entries) -> list[str]:
    """Return one readable line per reason why `variant` cannot be made; empty if it can."""
    recipe = parse(variant)
    found = []
    if recipe.model not in models:
        found.append(f"unknown model {recipe.model!r}; models are: {', '.join(models)}")
    for name in recipe.passes:
        if name not in passes:
            found.append(f"unknown pass {name!r}; passes are: {', '.join(passes)}")
    if found:
        return found
    current, previous = recipe.model, recipe.model
    for name in recipe.passes:
        rules, now = pass_rules(passes[name]), family(current, models, passes)
        kind = passes[name]["kind"]
        if previous in passes and pass_rules(passes[previous]).final:
            found.append(
                f"pass {name!r} ({kind}) cannot follow {previous!r} "
                f"({passes[previous]['kind']}): a quantized bundle has no weights to train; "
                "quantize comes last"
            )
            break
        if now not in rules.families:
            found.append(
                f"pass {name!r} ({kind}) cannot be applied to {current!r}, a {now} model; "
                f"it takes: {', '.join(rules.families)}"
            )
            break
        current, previous = f"{current}+{name}", name
    return found


def reference_of(variant: str, siblings: list[str], models: Entries, chosen: str | None) -> str:
    """Return the variant that size and latency of `variant` are compared with.

    That is `chosen` if the study names one; else the variant's own teacher; a linear model is
    compared with the first transformer teacher among its `siblings`, if there is one.
    """
    if chosen:
        return chosen
    root = parse(variant).model
    if models[root]["family"] == "transformer":
        return root
    roots = [parse(sibling).model for sibling in siblings]
    return next((name for name in roots if models[name]["family"] == "transformer"), root)
