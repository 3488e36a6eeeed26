"""Merges a second config file into a first, and fills in defaults that depend on other keys or entries."""

from typing import Any

from emopress.data.languages import usual_normalisation

Entries = dict[str, dict[str, Any]]


def merged(base: Any, change: Any) -> Any:
    """Return `base` with the keys of `change` put in its place, dict by dict."""
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    return {
        **base,
        **{key: merged(base[key], v) if key in base else v for key, v in change.items()},
    }


def without_nulls(value: Any) -> Any:
    """Return `value` without the keys that are null, by which a second config file removes keys."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def whole_tokenizers(models: Entries) -> Entries:
    """Return the models, with every setting of their tokenizers that decides the tokens.

    A trained tokenizer keeps capitals by default; one taken from another model has that model's settings.
    """
    whole = dict(models)
    for name, entry in models.items():
        spec = entry.get("tokenizer", {})
        theirs = models.get(spec.get("model", ""), {}).get("tokenizer", {})
        base = {"lowercase": False} if "train" in spec else theirs
        if base:
            whole[name] = {**entry, "tokenizer": dict(sorted({**base, **spec}.items()))}
    return whole


def with_normalisation(datasets: Entries) -> Entries:
    """Return data sets with `normalise`, by default what is usual for their language."""
    return {
        name: dict(sorted({"normalise": usual_normalisation(entry["language"]), **entry}.items()))
        for name, entry in datasets.items()
    }
