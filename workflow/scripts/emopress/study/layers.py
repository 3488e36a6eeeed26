"""Puts keys over keys (a second config file over a first), and fills in what depends on another entry."""

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
    """Return `value` without the keys that are null: a second config file unsets a key so."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def whole_tokenizers(models: Entries) -> Entries:
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


def with_normalisation(datasets: Entries) -> Entries:
    """Return data sets that say how their texts are normalised: by default as is usual in their language."""
    return {
        name: dict(sorted({"normalise": usual_normalisation(entry["language"]), **entry}.items()))
        for name, entry in datasets.items()
    }
