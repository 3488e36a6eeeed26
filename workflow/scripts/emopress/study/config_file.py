"""Checks the text of a config file: why it cannot be read, with line and column, and which keys are given twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_VALUES = 100_000  # with everything that aliases repeat
TEMPLATE = "__use_yte__"  # Snakemake would run what such a file says


def unreadable(path: Path | str) -> str | None:
    """Return in one line why a config file cannot be read, None if it can (a key given twice or not)."""
    text = _text(path)
    if isinstance(text, _Fault):
        return text.line
    fault, _ = _structure(path, text)
    return fault


def file_errors(path: Path | str) -> list[str]:
    """Return one line per fault of a config file: the first that makes it unreadable, or every key given twice."""
    text = _text(path)
    if isinstance(text, _Fault):
        return [text.line]
    fault, node = _structure(path, text)
    if fault:
        return [fault]
    if node is None:
        return [f"{path}: key {key!r} is given twice; give it once" for key in _json_repeats(text)]
    return list(dict.fromkeys(_repeats(path, node, "")))


class _Fault:
    def __init__(self, line: str) -> None:
        self.line = line


def _text(path: Path | str) -> str | _Fault:
    path = Path(path)
    if not path.exists():
        return _Fault(f"{path}: no such file")
    if not path.is_file():
        return _Fault(f"{path}: not a file; a config is one YAML file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        return _Fault(f"{path}: {size} bytes; a config file has at most {MAX_BYTES}")
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        return _Fault(f"{path}: cannot be read ({error.strerror})")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return _Fault(f"{path}, line {line}: not UTF-8 text ({error.reason}); save it as UTF-8")


def _structure(path: Path | str, text: str) -> tuple[str | None, yaml.Node | None]:
    """Return (what is wrong, None), or (None, the YAML node); (None, None) for good JSON.

    Snakemake reads what is JSON as JSON, and all else as YAML.
    """
    try:
        value = json.loads(text)
    except ValueError:
        pass  # not JSON, so it has to be YAML
    except RecursionError:
        return f"{path}: nested too deeply", None
    else:
        good = isinstance(value, dict) and TEMPLATE not in value
        return (None if good else _not_a_mapping(path, value)), None
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        values = _count(node, {}) if node is not None else 0
        value = yaml.load(text, Loader=yaml.CSafeLoader) if values <= MAX_VALUES else None
    except yaml.MarkedYAMLError as error:
        return f"{path}{_place(error)}: not valid YAML: {_reason(error)}", None
    except yaml.YAMLError as error:  # a character that YAML does not allow
        return f"{path}: not valid YAML: {' '.join(str(error).split())}", None
    except ValueError as error:  # 2024-13-45 is not a date
        return f"{path}: not valid YAML: {error}", None
    except RecursionError:
        return f"{path}: nested too deeply, or an alias that holds itself", None
    if values > MAX_VALUES:
        return f"{path}: its aliases repeat more than {MAX_VALUES} values; write fewer", None
    if not isinstance(value, dict) or TEMPLATE in value:
        return _not_a_mapping(path, value), None
    return None, node


def _not_a_mapping(path: Path | str, value: Any) -> str:
    if isinstance(value, dict):
        return f"{path}: {TEMPLATE} makes a config run code; not allowed: write the values out"
    content = "empty" if value is None else f"a {type(value).__name__}"
    return f"{path}: {content}; a config file is a mapping of keys to values (name: my-study)"


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _reason(error: yaml.MarkedYAMLError) -> str:
    """Return the message of the YAML parser, and the most frequent cause."""
    reason = error.problem or error.context or "unreadable"
    hint = ""
    if error.context and error.context_mark and error.context != reason:
        hint = f" ({error.context}, which began in line {error.context_mark.line + 1})"
    if "cannot start any token" in reason:
        hint += "; indent with spaces, not tabs, and quote texts that begin with a sign"
    if "mapping values are not allowed" in reason:
        hint += "; quote a text that has a colon in it, and check the indentation"
    return f"{reason}{hint}"


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node holds, those of aliases each time; RecursionError if it holds itself."""
    if id(node) in known:
        if known[id(node)] < 0:
            raise RecursionError
        return known[id(node)]
    known[id(node)] = -1
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    known[id(node)] = 1 + sum(_count(child, known) for child in children)
    return known[id(node)]


def _repeats(path: Path | str, node: yaml.Node, where: str) -> Iterator[str]:
    """Yield one line per key that one mapping has twice: YAML would keep the last of them."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeats(path, item, f"{where}.{index}" if where else str(index))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else f"(line {line})"
        full = f"{where}.{name}" if where else name
        if name in lines:
            yield (
                f"{path}, line {line}: key {full!r} is given twice, first in line {lines[name]}; "
                "give it once"
            )
        lines.setdefault(name, line)
        yield from _repeats(path, value, full)


def _json_repeats(text: str) -> list[str]:
    """Return the keys that one mapping of a JSON text has twice."""
    repeats: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in items]
        repeats.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return dict(items)

    json.loads(text, object_pairs_hook=pairs)
    return repeats
