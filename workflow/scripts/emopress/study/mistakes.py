"""Turns pydantic's errors about a config into lines: where, what, and what is allowed."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from emopress.entries.base import PATTERNS
from emopress.errors import did_you_mean

Path = tuple[Any, ...]
SECTIONS = {  # the key that every entry has, and no entry of those after it; what an entry is
    "datasets": ("source", "a data set"),
    "models": ("family", "a model"),
    "passes": ("kind", "a pass"),
}
TYPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_type": "text",
}
WORDS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {  # of a value and the error's facts
    "finite_number": lambda value, facts: f"{value} is not a finite number",
    "greater_than": lambda value, facts: f"{value} is too small; it must be above {facts['gt']:g}",
    "greater_than_equal": lambda value, facts: (
        f"{value} is too small; it must be at least {facts['ge']:g}"
    ),
    "less_than": lambda value, facts: f"{value} is too large; it must be below {facts['lt']:g}",
    "less_than_equal": lambda value, facts: (
        f"{value} is too large; it must be at most {facts['le']:g}"
    ),
    "one_line": lambda value, facts: f"{value} has a line break or a control character",
    "repeated": lambda value, facts: f"{shown(facts['item'])} is listed twice",
    "string_pattern_mismatch": lambda value, facts: (
        f"{value} is not valid; allowed: {PATTERNS[facts['pattern']]}"
    ),
    "string_too_long": lambda value, facts: (
        f"{value} is too long; allowed: {facts['max_length']} characters"
    ),
    "string_too_short": lambda value, facts: f"{value} is empty",
    "too_long": lambda value, facts: (
        f"{value} has {facts['actual_length']} entries; give at most {facts['max_length']}"
    ),
    "too_short": lambda value, facts: (
        f"{value} {_too_few(facts['actual_length'])}; give at least {facts['min_length']}"
    ),
}


def mistakes(error: ValidationError, config: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield a line per error of pydantic about `config`, and the keys that lead to it."""
    elsewhere = dict(_misplaced(config))
    yield from ((line, path) for path, line in elsewhere.items())
    for one in error.errors(include_url=False):
        path = _path(one["loc"], config)
        if path[:2] not in elsewhere:
            yield from ((line, path) for line in _lines(one, path))


def section_of(entry: Any) -> str | None:
    """Return which of SECTIONS an entry belongs to, by the key that distinguishes them."""
    if not isinstance(entry, dict):
        return None
    return next((section for section, (key, _) in SECTIONS.items() if key in entry), None)


def shown(value: Any) -> str:
    """Return a value as written in a config."""
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else repr(value)


def _misplaced(config: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield path and line of each entry that is in another section than its own."""
    for section, (key, _) in SECTIONS.items():
        entries = config.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            other = section_of(entry)
            if other and key not in entry:
                mark, what = SECTIONS[other]
                line = (
                    f"{section}.{name}: has the key {mark!r}, as {what} does; put it under {other}"
                )
                yield (section, name), line


def _path(place: Path, config: Mapping[str, Any]) -> Path:
    """Return the keys that lead to an error, without the names of branches that pydantic puts between them."""
    path = [part for part in place if not str(part).startswith(("<", "["))]
    if path[:1] == ["passes"] and len(path) > 2:
        method = config["passes"][path[1]].get("method")
        del path[2 : 4 if path[3:4] == [method] else 3]
    if path[:1] == ["models"]:
        del path[2:3]
        if path[2:3] == ["vectors"]:
            del path[3:4]
    return tuple(path)


def _lines(error: ErrorDetails, path: Path) -> Iterator[str]:
    kind, value, facts = error["type"], error["input"], error.get("ctx", {})
    at = path[:-1] if error["loc"][-1:] == ("[key]",) else path
    where = ".".join(map(str, at))
    match kind:
        case "misfit":
            for below, what in facts["faults"]:
                yield ": ".join(filter(None, [".".join(filter(None, [where, below])), what]))
            return
        case "union_tag_not_found":
            line = f"missing key {facts['discriminator']}"
        case "union_tag_invalid":
            key = facts["discriminator"].strip("'")
            where, value = f"{where}.{key}", value[key]
            line = _none_of(value, facts["expected_tags"])
        case "literal_error":
            line = _none_of(value, facts["expected"])
        case "none_of":
            line = f"{shown(value)} is not {error['msg']}"
        case _ if kind in TYPES:
            line = f"{shown(value)} is not {TYPES[kind]}{_meant(value, kind)}"
        case _ if kind in WORDS:
            line = WORDS[kind](shown(value), facts)
        case _:
            line = error["msg"]
    yield f"{where}: {line}" if where else line


def _none_of(value: Any, expected: str) -> str:
    """Say that a value is not one of those expected, which pydantic lists as "'a', 'b' or 'c'"."""
    allowed = expected.replace(" or ", ", ").replace("'", "").replace("True", "true").split(", ")
    return f"{shown(value)} is not one of {', '.join(allowed)}{did_you_mean(value, allowed)}"


def _too_few(count: int) -> str:
    return {0: "is empty", 1: "has 1 entry"}.get(count, f"has {count} entries")


def _meant(value: Any, kind: str) -> str:
    """Return a hint if YAML 1.1 may have read a value differently than meant, else an empty text."""
    if kind == "list_type" and not isinstance(value, dict | None):
        return f"; write [{value}]"
    if kind == "string_type" and isinstance(value, bool):
        return "; YAML takes yes, no, on and off for true and false: put it between quotes"
    if kind == "string_type" and isinstance(value, int | float):
        return f'; put it between quotes: "{value}"'
    if kind in ("float_type", "int_type") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return ""
        if not math.isfinite(number) or kind == "int_type":
            return "; write a number without quotes"
        digits = repr(number)  # YAML 1.1 reads 1e-05 as text, and 1.0e-05 as a number
        return f"; write {digits if '.' in digits else digits.replace('e', '.0e')}, without quotes"
    return ""
