"""Reads a config into typed entries; of one with mistakes the part that has none, so that all is checked in one run."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from emopress.entries.base import BY_VALUES, IN_A_CONFIG
from emopress.entries.study import Block, Config
from emopress.study.mistakes import SECTIONS, mistakes, section_of

Aside = dict[str, set[str]]  # section -> names of its entries
NEEDED: dict[str, Any] = {"name": "none", "seeds": [0], "models": {}, "passes": {}, "study": []}
NO_BLOCK = {"dataset": "none", "variants": ["none"]}


@dataclass(frozen=True)
class Reading:
    """A config, its mistakes, and `aside`, the names of the entries that `config` lacks because they have mistakes."""

    config: Config
    mistakes: list[str]
    aside: Aside


def read_config(given: dict[str, Any]) -> Reading:
    """Return the typed entries of a config; of one with mistakes, those without mistakes.

    Data sets, models and passes with a mistake in their values or keys are put aside, an entry in the wrong section
    under the right one. `study` may then be empty.
    """
    given = _whole_numbers(given)
    try:
        return Reading(Config.model_validate(given, context=IN_A_CONFIG), [], {})
    except ValidationError as error:
        lines = [line for line, _ in mistakes(error, given)]
    rest, aside = _without_mistakes(given)
    config = Config.model_validate(
        {**rest, "study": rest["study"] or [NO_BLOCK]}, context=BY_VALUES
    )
    return Reading(
        config if rest["study"] else config.model_copy(update={"study": []}), lines, aside
    )


def _without_mistakes(given: dict[str, Any]) -> tuple[dict[str, Any], Aside]:
    config = {key: value for key, value in given.items() if key in Config.model_fields}
    aside: Aside = {section: set() for section in SECTIONS}
    whole = all(isinstance(config.get(key), dict) for key in SECTIONS)  # else all names are unknown
    config |= {key: {} for key in SECTIONS if not isinstance(config.get(key), dict)}
    config = {**NEEDED, **config}
    study = config["study"] if whole and isinstance(config["study"], list) else []
    blocks = [block for block in map(_readable, study) if block]
    config["study"] = blocks or [NO_BLOCK]
    try:
        Config.model_validate(config, context=BY_VALUES)
    except ValidationError as error:
        for _, path in list(mistakes(error, config)):  # before any is taken out
            _take_out(path, config, aside)
    return {**config, "study": blocks}, aside


def _take_out(path: tuple[Any, ...], config: dict[str, Any], aside: Aside) -> None:
    key = path[0]
    if key in SECTIONS and len(path) > 1:
        if path[1] in config[key]:  # else it was taken out for another mistake
            aside[section_of(config[key][path[1]]) or key].add(str(path[1]))
        config[key] = {name: entry for name, entry in config[key].items() if name != path[1]}
    elif key == "study":
        config["study"][path[1]].pop(path[2], None)
    elif key in NEEDED:
        config[key] = NEEDED[key]
    else:
        config.pop(key, None)


def _readable(block: Any) -> dict[str, Any] | None:
    """Return a block of a study with those of its keys and variants that can be read; None if no variant can."""
    if not isinstance(block, dict) or not isinstance(block.get("dataset"), str):
        return None
    variants = block.get("variants")
    variants = variants if isinstance(variants, list) else []
    kept = list(dict.fromkeys(v for v in variants if isinstance(v, str) and v))
    known = {key: value for key, value in block.items() if key in Block.model_fields}
    return {**known, "variants": kept} if kept else None


def _whole_numbers(value: Any) -> Any:
    """Return a config in which 2.0 is 2: to a user of YAML they are the same number."""
    if isinstance(value, dict):
        return {_whole_numbers(key): _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value
