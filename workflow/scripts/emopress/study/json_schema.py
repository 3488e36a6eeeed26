"""The JSON schema of a config, for editors and for config/README.md, written from the entries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from emopress.entries.base import Entry
from emopress.entries.study import Config

SCHEMA = Path("workflow") / "schemas" / "config.schema.json"
Node = dict[str, Any]


class _Schema(GenerateJsonSchema):
    """A schema as editors show it best: a choice by the key that distinguishes, no null, no titles, descriptions in one
    line."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Node:
        entry: type[Entry] = schema["cls"]
        node = super().model_schema(schema)
        node.pop("title")
        node["description"] = " ".join(node["description"].split())
        node["properties"] = {key: node["properties"][key] for key in entry.keys()}  # noqa: SIM118
        constant = None
        for key, child in node["properties"].items():
            if "description" in child:
                child["description"] = " ".join(child["description"].split())
            elif "const" in child:
                constant = key
        if constant:  # what tells an entry from others says what it is
            node["properties"][constant]["description"] = node["description"]
        if entry.ONE_OF:
            node["oneOf"] = [{"required": [key]} for key in entry.ONE_OF]
        if entry.NEEDS:
            node["dependentRequired"] = {key: [needed] for key, needed in entry.NEEDS.items()}
        return node

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Node:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Node:
        node = super().default_schema(schema)
        return {key: value for key, value in node.items() if (key, value) != ("default", None)}

    def dict_schema(self, schema: core_schema.DictSchema) -> Node:
        node = super().dict_schema(schema)
        return node | ({"additionalProperties": False} if "patternProperties" in node else {})

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> Node:
        key, choices = schema["discriminator"], schema["choices"]
        if not isinstance(key, str):
            return {"anyOf": [self.generate_inner(choice) for choice in choices.values()]}
        branches = [
            {
                "if": {"properties": {key: {"const": tag}}, "required": [key]},
                "then": self.generate_inner(choice),
            }
            for tag, choice in choices.items()
        ]
        which = {"enum": list(choices), "description": "Which one: each has keys of its own."}
        return {"type": "object", "required": [key], "properties": {key: which}, "allOf": branches}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def config_schema() -> Node:
    """Return the JSON schema of a study's config."""
    schema = Config.model_json_schema(schema_generator=_Schema)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "emopress study"}
    return head | schema


def branches(node: Node) -> Iterator[Node]:
    """Yield the definitions that a node refers to, those of its choices one after the other."""
    if "$ref" in node:
        yield node
    for choice in node.get("allOf", []):
        yield from branches(choice["then"])


def resolve(schema: Node, node: Node) -> Node:
    """Return a schema's node with its `$ref` followed; keys beside the reference win."""
    if "$ref" not in node:
        return node
    target: Node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return target | {key: value for key, value in node.items() if key != "$ref"}


def schema_text() -> str:
    """Return the text of the schema's file."""
    return json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"
