"""Takes out of a config what its schema refuses, so that the rest can be checked in the same run."""

from typing import Any

from emopress import recipe
from emopress.study.schema import SECTIONS, schema, schema_faults, section_of

Aside = dict[str, set[str]]  # section -> names of its entries
NEEDED: dict[str, Any] = {"name": "none", "seeds": [0], "models": {}, "passes": {}, "study": []}


def sound_part(config: dict[str, Any]) -> tuple[dict[str, Any], Aside]:
    """Return the part of `config` that its schema allows, and the names of the entries that were put aside.

    Put aside are data sets, models and passes with a mistake, and what refers to them by name, since
    nothing certain can be said of it. One that stands in another section counts to its own. `study` of
    the part may be empty; all else is valid.
    """
    config = {key: value for key, value in config.items() if key in schema()["properties"]}
    aside: Aside = {section: set() for section in SECTIONS}
    whole = all(isinstance(config.get(key), dict) for key in SECTIONS)  # else all names are unknown
    config |= {key: {} for key in SECTIONS if not isinstance(config.get(key), dict)}
    config = {**NEEDED, **config}
    study = config["study"] if whole and isinstance(config["study"], list) else []
    blocks = [block for block in map(_sound_block, study) if block]
    config["study"] = blocks or [{"dataset": "none", "variants": ["none"]}]
    for _, path in schema_faults(config):
        key = path[0]
        if key in SECTIONS and len(path) > 1:
            if path[1] in config[key]:  # else it was taken out for another mistake
                aside[section_of(config[key][path[1]]) or key].add(str(path[1]))
            config[key] = {name: entry for name, entry in config[key].items() if name != path[1]}
        elif key == "study":
            config["study"][path[1]].pop("published", None)
        elif key in NEEDED:
            config[key] = NEEDED[key]
        else:
            config.pop(key, None)
    _put_aside_what_refers_to(config, aside)
    config["study"] = blocks
    return config, aside


def _sound_block(block: Any) -> dict[str, Any] | None:
    """Return a block of a study with the keys and variants that are what they should be, None without any."""
    if not isinstance(block, dict) or not isinstance(block.get("dataset"), str):
        return None
    variants = block.get("variants")
    variants = variants if isinstance(variants, list) else []
    kept = list(dict.fromkeys(v for v in variants if isinstance(v, str) and v))
    texts = {k: block[k] for k in ("dataset", "reference") if isinstance(block.get(k), str)}
    published = {"published": block["published"]} if "published" in block else {}
    return {**texts, "variants": kept, **published} if kept else None


def _put_aside_what_refers_to(config: dict[str, Any], aside: Aside) -> None:
    """Move entries that name one that was put aside there too, again and again."""
    moved = True
    while moved:
        moved = False
        for key in ("models", "passes"):
            unsure = aside["models"] | aside["passes"]
            referring = {n for n, entry in config[key].items() if _names(entry) & unsure}
            moved |= bool(referring)
            aside[key] |= referring
            config[key] = {n: e for n, e in config[key].items() if n not in referring}


def _names(entry: dict[str, Any]) -> set[str]:
    """Return the models and passes that a valid entry names."""
    variants = [*entry.get("teachers", []), *entry.get("passes", [])]
    names = {name for v in variants for name in (recipe.parse(v).model, *recipe.parse(v).passes)}
    donor = entry.get("tokenizer", {}).get("model")
    return names | {name for name in (entry.get("student"), donor) if name}
