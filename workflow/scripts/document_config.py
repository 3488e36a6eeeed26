"""Writes config/README.md from the schema, so that the two cannot disagree.

python workflow/scripts/document_config.py            (make docs)
"""

from pathlib import Path
from typing import Any

from emopress.recipe import LARGE_PASSES, PASSES, article
from emopress.study.schema import resolve, schema

TARGET = Path(__file__).parents[2] / "config" / "README.md"
OPENING = """\
# The config

One file is one whole study. `config.yaml` is the demo that runs by default, `real-cpu.yaml` a real study for two CPU
cores, `study.yaml` the full one, `glove.yaml` word vectors and dense layers, `dense-grid.yaml` how many of these
layers and how wide, `lstm-calibration.yaml` generative and discriminative LSTMs in few bits, `multilabel.yaml` texts
with any number of labels, `llm-gpu.yaml` large decoders on a GPU, `paper-grid.yaml` and `emotion-quantization.yaml`
published studies; `datasets.yaml` holds the data sets that all of them know by name, `published.yaml` the printed
figures that a study's `published:` refers to, with the sources' own errors.

```sh
snakemake --cores 4 report                                              # the demo
snakemake --cores 4 --configfile my.yaml --config mirror=DIR -- report  # yours
```

A config file given with `--configfile` is read alone: nothing of the demo is merged into it, so it must hold every
model and pass that its variants name. All mistakes of a config are reported at once, a line each, before anything
runs. Equal numbers are one value: `C: 1` after `C: 1.0` makes nothing again. This page is written from
`workflow/schemas/config.schema.yaml` by `make docs`.

## Recipes

A variant is a model's name followed by passes, joined by `+`, in the order in which they are applied:
`minilm-l6+kd-small+mag30+int8-static`. The name is also its folder: `results/<dataset>/<variant>/seed<seed>/`. What
two variants share is made once.

What may follow what is one table, `PASSES` in `workflow/scripts/emopress/recipe.py`; a chain that it does not allow is
refused by name before anything runs.

{passes}
A *checkpoint* is what passes train and cut; a *bundle* is what is shipped, evaluated and timed. Each checkpoint is also
exported as an fp32 bundle, so what reads an fp32 bundle may follow whatever leaves a checkpoint. A distillation into a
`student` starts anew: what was done to its teacher refuses nothing after it. A model with `runtime: transformers`
takes {large} only.

## Two files

`--configfile A B` reads B on top of A, mapping by mapping; a key that is null in B
is taken out of A. `miniature.yaml` and `llm-miniature.yaml` are such second files: they make a study of published
models small enough to see it run.

## The mirror

`--config mirror=DIR` (or `mirror='[DIR1,DIR2]'`, searched in this order) replaces the network, for machines that have
none: what a study needs must all be there, and a dry run tells what is not. Data files are checked by sha256 all the
same, checkpoints where their entry has a `sha256`. It does not touch data files of this repository, and changing it
reruns nothing.

    DIR/<dataset>/<file>        the names under datasets.<dataset>.source.files (or DIR/<its mirrored_as>/<file>)
    DIR/models/<model>/         a Hugging Face folder: config.json, model.safetensors (or its shards and
                                their index), the files of its tokenizer
    DIR/tokenizers/<name>/      tokenizer.json or vocab.txt, and what lies beside it in its repository
    DIR/vectors/<file>          the file of a dense model's vectors

"""
SECTIONS = {
    "budgets.<name>": "budget",
    "datasets.<name>": "dataset",
    "models.<name>, family transformer": "transformer",
    "models.<name>, family linear": "linear",
    "models.<name>, family dense": "dense",
    "models.<name>, family dense: vectors, source glove": "glove",
    "models.<name>, family dense: vectors, source subword": "subword",
    "models.<name>, family dense: vectors, source random": "random",
    "models.<name>, family lstm": "lstm",
    "passes.<name>, kind distill": "distill",
    "passes.<name>, kind trim": "trim",
    "passes.<name>, kind prune, method magnitude": "magnitude",
    "passes.<name>, kind prune, method structured": "structured",
    "passes.<name>, kind low-rank": "low_rank",
    "passes.<name>, kind adapt": "adapt",
    "passes.<name>, kind qat": "qat",
    "passes.<name>, kind quantize, method static": "static",
    "passes.<name>, kind quantize, method dynamic": "dynamic",
    "passes.<name>, kind quantize, method int4": "int4",
    "passes.<name>, kind quantize, method nf4": "nf4",
    "passes.<name>, kind quantize, method fp16": "fp16",
    "passes.<name>, kind quantize, method bf16": "bf16",
    "passes.<name>, kind quantize, method weight-only": "weight_only",
    "passes.<name>, kind quantize, method affine": "affine",
    "passes.<name>, kind quantize, method rtn": "rtn",
    "passes.<name>, kind quantize, method gpfq": "gpfq",
    "passes.<name>, kind openvino": "openvino",
    "passes.<name>, kind pack": "pack",
    "passes.<name>, kind search": "search",
    "Training settings (train, recover)": "training",
}
SHARED = "training"  # its own section, not repeated wherever it is used


def allowed(node: dict[str, Any]) -> str:
    """Return the allowed values of a schema node in words."""
    if "const" in node:
        return f"`{_plain(node['const'])}`"
    if "enum" in node:
        return ", ".join(f"`{_plain(value)}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(allowed(resolve(choice)) for choice in node["anyOf"])
    kind = node.get("type", "any")
    if isinstance(kind, list):
        bounds = {key: node[key] for key in ("minimum", "maximum") if key in node}
        numeric = ("integer", "number")
        kinds = ({"type": one, **(bounds if one in numeric else {})} for one in kind)
        return " or ".join(allowed({"items": node.get("items", {}), **one}) for one in kinds)
    if kind == "array":
        return f"list of {allowed(resolve(node.get('items', {})))}"
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    bounds = []
    if low is not None:
        bounds.append(f"{'above' if 'exclusiveMinimum' in node else 'from'} {low:g}")
    if high is not None:
        bounds.append(f"{'below' if 'exclusiveMaximum' in node else 'to'} {high:g}")
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


def rows(node: dict[str, Any], prefix: str = "") -> list[str]:
    """Return one table row per key of a schema node and of the mappings and lists below it."""
    found = []
    for key, raw in node.get("properties", {}).items():
        child = resolve(raw)
        required = key in node.get("required", [])
        name = f"{prefix}{key}"
        found.append(
            f"| `{name}` | {allowed(child)} | {_default(child, required)} | "
            f"{child.get('description', '').replace('|', chr(92) + '|')} |"
        )
        if str(raw.get("$ref", "")).endswith(f"/{SHARED}"):
            continue
        if child.get("type") == "object" and "properties" in child:
            found += rows(child, f"{name}.")
        if child.get("type") == "array" and "properties" in resolve(child.get("items", {})):
            found += rows(resolve(child["items"]), f"{name}[].")
    return found


def table(node: dict[str, Any]) -> str:
    """Return the Markdown table of a schema node."""
    head = "| key | allowed | default | what |\n| :--- | :--- | :--- | :--- |\n"
    return head + "\n".join(rows(node)) + "\n"


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
    parts = [opening, "## Keys of a study\n\n", table(schema())]
    for title, name in SECTIONS.items():
        parts += [f"\n## {title}\n\n", table(schema()["$defs"][name])]
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
