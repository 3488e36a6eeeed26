"""Checks a config against the JSON schema: every error at once, one readable line each, defaults filled in."""

import difflib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from emopress.yaml_file import read_yaml

SCHEMA_PATH = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"


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
    validator = Draft202012Validator(schema())
    found = sorted(validator.iter_errors(config), key=lambda error: [str(p) for p in error.path])
    return list(dict.fromkeys(line for error in found for line in _lines(error)))


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
            yield f"{where}: {value!r} is not of type {error.validator_value}"
        case "oneOf" if isinstance(value, dict):  # else the wrong type is told already
            choices = [list(node.get("required", [])) for node in error.validator_value]
            names = ", ".join("+".join(choice) for choice in choices)
            yield f"{where}: give exactly one of {names}; found {', '.join(map(str, value))}"
        case "oneOf":
            yield f"{where}: {value!r} is not of type object"
        case _:
            yield f"{where}: {error.message}"


def with_defaults(value: Any, node: dict[str, Any] | None = None) -> Any:
    """Return a copy of a valid config in which every absent key that has a default has it."""
    node = resolve(schema() if node is None else node)
    if isinstance(value, list):
        return [with_defaults(item, node.get("items", {})) for item in value]
    if not isinstance(value, dict):
        return value
    for branch in node.get("allOf", []):
        key, test = next(iter(branch["if"]["properties"].items()))
        if value.get(key) == test["const"]:
            return with_defaults(value, branch["then"])
    properties = node.get("properties", {})
    extra = node.get("additionalProperties", {})
    filled = {**{k: p["default"] for k, p in _with_default(properties)}, **value}
    return {
        key: with_defaults(item, properties.get(key, extra if isinstance(extra, dict) else {}))
        for key, item in sorted(filled.items())
    }


def _with_default(properties: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, node in properties.items():
        node = resolve(node)
        if "default" in node:
            yield key, node
