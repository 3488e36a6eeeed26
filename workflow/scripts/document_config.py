"""Writes config/README.md and the editors' schema from the entries, so that they cannot disagree.

python workflow/scripts/document_config.py            (make docs)
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emopress.recipe import LARGE_PASSES, PASSES, article
from emopress.study.json_schema import SCHEMA, branches, config_schema, resolve, schema_text

ROOT = Path(__file__).parents[2]
PAGE = Path("config") / "README.md"
Node = dict[str, Any]
OPENING = """\
# The config

One file is one whole study. `config.yaml` is the demo that runs by default, `real-cpu.yaml` a real study for two CPU
cores, `study.yaml` the full one, `glove.yaml` word vectors and dense layers, `dense-grid.yaml` how many of these
layers and how wide, `lstm-calibration.yaml` generative and discriminative LSTMs in few bits, `smallest.yaml`
convolutional models of 20 kB, `joined-spans.yaml` students of a linear model on hard data, `multilabel.yaml` texts
with any number of labels, `llm-gpu.yaml` large decoders on a GPU, `paper-grid.yaml` and `emotion-quantization.yaml`
published studies; `datasets.yaml` holds the data sets that all of them know by name, `published.yaml` the printed
figures that a study's `published:` refers to, with the sources' own errors.

```sh
snakemake --cores 4 report                                              # the demo
snakemake --cores 4 --configfile my.yaml --config mirror=DIR -- report  # yours
```

A config file given with `--configfile` is read alone: nothing of the demo is merged into it, so it must hold every
model and pass that its variants name. All mistakes of a config are reported at once, a line each, before anything
runs. Equal numbers are one value: `C: 1` after `C: 1.0` makes nothing again. This page and
`workflow/schemas/config.schema.json` are written from `workflow/scripts/emopress/entries/` by `make docs`. An editor
with a YAML language server (VS Code's YAML extension and others) completes and checks a config that begins with this
line, the path seen from the config:

```yaml
# yaml-language-server: $schema=../workflow/schemas/config.schema.json
```

## Recipes

A variant is a model's name followed by passes, joined by `+`, in the order in which they are applied:
`minilm-l6+kd-small+mag30+int8-static`. The name is also its folder: `results/<dataset>/<variant>/seed<seed>/`. What
two variants share is made once.

This table says which pass may follow which; it is `PASSES` in `workflow/scripts/emopress/passes.py`. A variant that it
does not allow is an error that names the pass, before anything runs.

{passes}
A *checkpoint* is what passes train and cut; a *bundle* is what is shipped, evaluated and timed. Each checkpoint is also
exported as an fp32 bundle, so a pass that reads an fp32 bundle may follow any pass that leaves a checkpoint. A
distillation into a `student` starts anew: passes on the teacher do not restrict those on the student. A model with
`runtime: transformers` takes {large} only.

## Two files

`--configfile A B` reads B on top of A, mapping by mapping; a key that is null in B is removed. `miniature.yaml` and
`llm-miniature.yaml` are such second files: they make a study of published models small enough to see it run.

## The mirror

`--config mirror=DIR` (or `mirror='[DIR1,DIR2]'`, searched in this order) replaces the network, for machines that have
none: it must hold everything that a study needs, and a dry run says what is missing. Data files are still checked by
sha256, and checkpoints where their entry has a `sha256`. Data files of this repository are not read from it, and
changing it reruns nothing.

    DIR/<dataset>/<file>        the names under datasets.<dataset>.source.files (or DIR/<its mirrored_as>/<file>)
    DIR/models/<model>/         a Hugging Face folder: config.json, model.safetensors (or its shards and
                                their index), the files of its tokenizer
    DIR/tokenizers/<name>/      tokenizer.json or vocab.txt, and the files beside it in its repository
    DIR/vectors/<file>          the file of a dense model's vectors

"""
TRAINING = (
    "Training settings (train, recover)"  # a section of its own, not repeated wherever it is used
)
SETTINGS = ("Training", "AdaptTraining", "SmallTraining")


def allowed(schema: Node, node: Node) -> str:
    """Return the allowed values of a schema node in words."""
    node = resolve(schema, node)
    if "const" in node:
        return f"`{_plain(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{_plain(value)}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(allowed(schema, choice) for choice in node["anyOf"])
    kind = node["type"]
    if kind == "array":
        return f"list of {allowed(schema, node['items'])}"
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    bounds = []
    if low is not None:
        bounds.append(f"{'above' if 'exclusiveMinimum' in node else 'from'} {low}")
    if high is not None:
        bounds.append(f"{'below' if 'exclusiveMaximum' in node else 'to'} {high}")
    if "pattern" in node:
        bounds.append(f"matching `{node['pattern']}`".replace("|", "\\|"))
    return " ".join(["mapping" if kind == "object" else kind, *bounds])


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default(node: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    if "default" not in node or node["default"] in ({}, ""):
        return ""
    return f"`{_plain(node['default'])}`"


def rows(schema: Node, node: Node, prefix: str = "") -> Iterator[str]:
    """Yield one table row per key of a schema node and of the mappings and lists below it."""
    for key, raw in node["properties"].items():
        child = resolve(schema, raw)
        required = key in node.get("required", [])
        name = f"{prefix}{key}"
        yield (
            f"| `{name}` | {allowed(schema, child)} | {_default(child, required)} | "
            f"{child['description'].replace('|', chr(92) + '|')} |"
        )
        if raw.get("$ref", "").rsplit("/", 1)[-1] in SETTINGS:
            continue
        items = resolve(schema, child.get("items", {}))
        values = child.get("additionalProperties") or {}
        if "properties" in child:
            yield from rows(schema, child, f"{name}.")
        if "properties" in items:
            yield from rows(schema, items, f"{name}[].")
        if "$ref" in values:
            yield from rows(schema, resolve(schema, values), f"{name}.<name>.")


def table(schema: Node, node: Node) -> str:
    """Return the Markdown table of a schema node."""
    head = "| key | allowed | default | what |\n| :--- | :--- | :--- | :--- |\n"
    return head + "\n".join(rows(schema, node)) + "\n"


def sections(schema: Node) -> Iterator[tuple[str, Node]]:
    """Yield title and node of what has a table of its own: every sort of entry."""
    for place in ("budgets", "datasets", "models", "passes"):
        (entry,) = schema["properties"][place]["patternProperties"].values()
        for node in (resolve(schema, branch) for branch in branches(entry)):
            where = ", ".join([f"{place}.<name>", *_constants(node)])
            yield where, node
            for key, child in node["properties"].items():
                for choice in branches(child) if "allOf" in child else ():
                    choice = resolve(schema, choice)
                    yield f"{where}: {', '.join([key, *_constants(choice)])}", choice
    yield TRAINING, schema["$defs"]["Training"]


def _constants(node: Node) -> list[str]:
    return [
        f"{key} {child['const']}"
        for key, child in node["properties"].items()
        if "const" in child and isinstance(child["const"], str)
    ]


def order_rules() -> str:
    """Return the Markdown table of what may follow what."""
    lines = [
        "| pass | applied to | reads | leaves | never after | only after |",
        "| :--- | :--- | :--- | :--- | :--- | :--- |",
    ]
    for sort, rule in PASSES.items():
        refused = f"{', '.join(rule.not_after)}: {rule.why_not}" if rule.not_after else ""
        families = _either([f"{article(family)} {family}" for family in rule.families])
        families += "" if rule.decoders else " (encoders only)"
        lines.append(
            f"| `{sort}` | {families} model | {rule.reads} | {rule.leaves} | {refused} | {rule.needs} |"
        )
    return "\n".join(lines) + "\n"


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)


def page() -> str:
    """Return the whole page."""
    large = ", ".join(f"`{sort}`" for sort in LARGE_PASSES)
    opening = OPENING.replace("{passes}", order_rules()).replace("{large}", large)
    schema = config_schema()
    parts = [opening, "## Keys of a study\n\n", table(schema, schema)]
    for title, node in sections(schema):
        parts += [f"\n## {title}\n\n", table(schema, node)]
    return "".join(parts)


if __name__ == "__main__":
    (ROOT / PAGE).write_text(page(), encoding="utf-8")
    (ROOT / SCHEMA).write_text(schema_text(), encoding="utf-8")
