"""What a config means: keys put over keys, what it leaves out filled in, equal numbers spelt alike."""

from collections.abc import Iterator
from typing import Any

from emopress.data.languages import usual_normalisation
from emopress.study.schema import resolve, schema

NUMBERS = ("integer", "number")
A_NUMBER = {"type": "number"}


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


def whole_tokenizers(models: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the models, each tokenizer with all that decides on its tokens.

    A trained one keeps capitals unless it says otherwise; one that is another model's does what is set there.
    """
    whole = dict(models)
    for name, entry in models.items():
        spec = entry.get("tokenizer", {})
        theirs = models.get(spec.get("model", ""), {}).get("tokenizer", {})
        base = {"lowercase": False} if "train" in spec else theirs
        if base:
            whole[name] = {**entry, "tokenizer": dict(sorted({**base, **spec}.items()))}
    return whole


def with_normalisation(datasets: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return data sets that say how their texts are normalised: by default as is usual in their language."""
    return {
        name: {"normalise": usual_normalisation(entry["language"]), **entry}
        for name, entry in datasets.items()
    }


def with_defaults(value: Any, node: dict[str, Any] | None = None) -> Any:
    """Return a copy of a valid config in which every absent key that has a default has it.

    Numbers that are equal are spelt alike (`_spelt`), since Snakemake compares parameters as texts.
    """
    node = _fitting(value, resolve(schema() if node is None else node))
    if isinstance(value, list):
        return [with_defaults(item, node.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return _spelt(value, node)
    for branch in node.get("allOf", []):
        key, test = next(iter(branch["if"]["properties"].items()))
        if value.get(key) == test["const"]:
            return with_defaults(value, branch["then"])
    properties = node.get("properties", {})
    extra = node.get("additionalProperties", {})
    filled = {**{k: p["default"] for k, p in _with_default(properties)}, **value}
    return {
        _spelt(key, A_NUMBER): with_defaults(
            item, properties.get(key, extra if isinstance(extra, dict) else {})
        )
        for key, item in sorted(filled.items(), key=lambda pair: str(pair[0]))
    }


def _fitting(value: Any, node: dict[str, Any]) -> dict[str, Any]:
    """Return the branch of a node's `anyOf` that is about values of this kind, else the node."""
    kinds = {list: ("array",), dict: ("object",), int: NUMBERS, float: NUMBERS}.get(type(value), ())
    branches = map(resolve, node.get("anyOf", []))
    return next((branch for branch in branches if branch.get("type") in kinds), node)


def _spelt(value: Any, node: dict[str, Any]) -> Any:
    """Return a number as every config spells it, whatever else as it is.

    As the schema does, where it is the key's default or one of its choices; else a whole number without
    a decimal point. So 2 and 2.0 are one value, and of the results that there are the fewest are made
    again: most people write `C: 1`, and who gives no number has the schema's spelling.
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    for known in (node.get("default"), *node.get("enum", ())):
        if known == value and isinstance(known, int | float) and not isinstance(known, bool):
            return known
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole and ("enum" in node or node.get("type") in NUMBERS) else value


def _with_default(properties: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, node in properties.items():
        node = resolve(node)
        if "default" in node:
            yield key, node
