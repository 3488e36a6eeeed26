"""Checks a config against the JSON schema: every error at once, one readable line each."""

import difflib
import math
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from emopress.artifact import read_yaml

FREE_TEXTS = (
    "description",
    "title",
    "licence",
    "citation",
    "differs",
    "separator",
    "delimiter",
)  # of any characters
SECTIONS = {  # the key that every entry has, and no entry of those after it; what an entry is
    "datasets": ("source", "a data set"),
    "models": ("family", "a model"),
    "passes": ("kind", "a pass"),
}
SCHEMA_PATH = Path(__file__).parents[3] / "schemas" / "config.schema.yaml"


@cache
def schema() -> dict[str, Any]:
    """Return the schema of a study's config."""
    return read_yaml(SCHEMA_PATH)


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Return a schema node with its `$ref` followed; keys beside the reference win."""
    if "$ref" not in node:
        return node
    target: dict[str, Any] = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return {**resolve(target), **{key: value for key, value in node.items() if key != "$ref"}}


def schema_errors(config: dict[str, Any]) -> list[str]:
    """Return one line per mistake: where it stands, what is wrong and what is allowed."""
    return [line for line, _ in schema_faults(config)]


def schema_faults(config: dict[str, Any]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the lines of `schema_errors`, each with the path of keys to what is wrong."""
    validator = Draft202012Validator(schema())
    found = sorted(validator.iter_errors(config), key=lambda error: [str(p) for p in error.path])
    lines = dict(_misplaced(config))
    elsewhere = set(lines.values())
    found = [error for error in found if tuple(error.absolute_path)[:2] not in elsewhere]
    lines |= {line: _faulty(error) for error in found for line in _lines(error)}
    for path, what in _odd_values(config):
        lines.setdefault(what, path)
    return list(lines.items())


def section_of(entry: Any) -> str | None:
    """Return which of SECTIONS an entry belongs to, by the key that tells them apart."""
    if not isinstance(entry, dict):
        return None
    return next((section for section, (key, _) in SECTIONS.items() if key in entry), None)


def _misplaced(config: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield line and path of each entry that stands in another section than its own."""
    for section, (key, _) in SECTIONS.items():
        entries = config.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            own = section_of(entry)
            if own and key not in entry:
                mark, what = SECTIONS[own]
                yield (
                    f"{section}.{name}: has the key {mark!r}, as {what} does; put it under {own}",
                    (section, name),
                )


def _faulty(error: ValidationError) -> tuple[Any, ...]:
    """Return the path to what an error is about: a key's name, where that is wrong."""
    named = error.parent is None and "propertyNames" in error.absolute_schema_path
    return (*error.absolute_path, error.instance) if named else tuple(error.absolute_path)


def _odd_values(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield path and line of what JSON schema lets pass: infinities, NaN, and control characters in names."""
    where = ".".join(map(str, path)) or "config"
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(key, str) and not _is_plain(key):
                yield (
                    (*path, key),
                    f"{where}: the key {key!r} has a line break or a control character",
                )
            elif key not in FREE_TEXTS:
                yield from _odd_values(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _odd_values(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{where}: {value} is not a finite number"
    elif isinstance(value, str) and not _is_plain(value):
        yield path, f"{where}: {value!r} has a line break or a control character"


def _is_plain(text: str) -> bool:
    return not any(unicodedata.category(char) == "Cc" for char in text)


def _lines(error: ValidationError) -> Iterator[str]:
    where = ".".join(str(part) for part in error.absolute_path) or "config"
    value = error.instance
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            allowed = list(error.schema.get("properties", {}))
            for key in value:
                if key not in allowed:
                    close = difflib.get_close_matches(str(key), allowed, n=1)
                    hint = f"; did you mean {close[0]!r}? Allowed" if close else "; allowed"
                    yield f"{where}: unknown key {key!r}{hint}: {', '.join(allowed)}"
        case "required":
            missing = [key for key in error.validator_value if key not in value]
            yield f"{where}: missing key {', '.join(repr(key) for key in missing)}"
        case "dependentRequired":
            for key, needed in error.validator_value.items():
                missing = [name for name in needed if key in value and name not in value]
                if missing:
                    yield f"{where}: {key!r} needs {', '.join(map(repr, missing))} beside it"
        case "enum":
            yield f"{where}: {value!r} is not one of {', '.join(map(str, error.validator_value))}"
        case "type":
            kinds = error.validator_value
            kinds = kinds if isinstance(kinds, str) else " or ".join(kinds)
            yield f"{where}: {value!r} is not of type {kinds}{_meant(value, error)}"
        case "pattern":
            rule = f"; allowed: {_rule(error.schema)}" if _rule(error.schema) else ""
            yield f"{where}: {value!r} does not match {error.validator_value!r}{rule}"
        case "uniqueItems":
            twice = next(item for index, item in enumerate(value) if item in value[:index])
            yield f"{where}: {value!r} has non-unique elements: {twice!r} stands twice"
        case "maxLength":
            limit = error.validator_value
            yield f"{where}: {value!r} is too long; allowed: {limit} characters"
        case "minItems" | "minProperties" | "minLength" if not value:
            least = max(1, error.validator_value)
            yield f"{where}: {error.message}; give at least {least}"
        case "minItems" | "maxItems":
            least, most = [error.schema.get(key, "") for key in ("minItems", "maxItems")]
            yield f"{where}: {error.message}; allowed: {least} to {most or 'any number of'} entries"
        case "const":
            yield f"{where}: {value!r} is not {error.validator_value!r}, which alone is allowed"
        case "anyOf" if isinstance(value, list | dict) and (faults := _of_its_type(error)):
            for fault in faults:
                yield from _lines(fault)
        case "anyOf":
            kinds = " or ".join(map(_choice, error.validator_value))
            yield f"{where}: {value!r} is none of what is allowed: {kinds}"
        case "oneOf" if isinstance(value, dict):  # else the wrong type is told already
            choices = [list(node.get("required", [])) for node in error.validator_value]
            names = ", ".join("+".join(choice) for choice in choices)
            yield f"{where}: give exactly one of {names}; found {', '.join(map(str, value))}"
        case "oneOf":
            yield f"{where}: {value!r} is not of type object"
        case _:
            yield f"{where}: {error.message}"


def _rule(node: dict[str, Any]) -> str:
    """Return in words what a pattern allows, if it is a shared one: the description is about it then."""
    patterns = [shared.get("pattern") for shared in schema()["$defs"].values()]
    said = node.get("description", "") if node.get("pattern") in patterns else ""
    initial = said[:1] if said[1:2].isupper() else said[:1].lower()
    return f"{initial}{said[1:]}".rstrip(".")


def _of_its_type(error: ValidationError) -> list[ValidationError]:
    """Return what is wrong with a value by the branch of an anyOf that is of its type, if one is."""
    branches: dict[Any, list[ValidationError]] = {}
    for fault in error.context or ():
        branches.setdefault(fault.relative_schema_path[0], []).append(fault)
    for faults in branches.values():
        if not any(f.validator == "type" and not f.relative_path for f in faults):
            return faults
    return []


def _choice(node: dict[str, Any]) -> str:
    """Say one branch of an anyOf in words."""
    node = resolve(node)
    if _rule(node):
        return _rule(node)
    if "const" in node:
        return str(node["const"])
    words = {
        "array": "a list",
        "string": "a text",
        "integer": "a whole number",
        "object": "a mapping",
    }
    return words.get(node.get("type", ""), str(node.get("type", "something else")))


def _meant(value: Any, error: ValidationError) -> str:
    """Return a hint where YAML 1.1 made something else of what was written, else nothing."""
    wanted = error.validator_value
    if wanted == "array" and not isinstance(value, dict | None):
        return f"; write a list: [{value}]"
    if wanted == "string" and isinstance(value, bool):
        return "; YAML takes yes, no, on and off for true and false: put it between quotes"
    if wanted == "string" and isinstance(value, int | float):
        return f'; put it between quotes: "{value}"'
    if wanted in ("number", "integer") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        if not math.isfinite(number) or wanted == "integer":
            return "; write a number without quotes"
        digits = repr(number)  # YAML 1.1 reads 1e-05 as a text, and 1.0e-05 as a number
        return f"; write {digits if '.' in digits else digits.replace('e', '.0e')}, without quotes"
    return ""
