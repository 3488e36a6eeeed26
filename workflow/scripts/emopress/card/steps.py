"""Says in words what each step of a recipe did to the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

SKIPPED = ("name", "kind", "method", "family", "student_model", "hub", "revision", "sha256", "init")
PASSES = {
    "trim": "keeps only the vocabulary that the training texts use",
    "distill": "trains a student on its teacher's softened outputs and on the labels",
    "prune magnitude": "sets the smallest weights of the linear layers to zero",
    "prune structured": "cuts whole attention heads, feed-forward neurons or layers out",
    "low-rank": "replaces each linear layer by two thin ones (truncated SVD)",
    "adapt lora": "trains low-rank adapters and merges them into the weights (LoRA)",
    "adapt qlora": "trains low-rank adapters on 4-bit weights and merges them (QLoRA)",
    "qat": "trains with weights and activations rounded, then stores them so",
    "quantize static": "stores int8 weights, with calibrated ranges of the activations",
    "quantize dynamic": "stores int8 weights; ranges of activations are found at run time",
    "quantize int4": "stores weights as blocks of 4-bit integers",
    "quantize nf4": "stores weights as blocks of 4-bit normal floats",
    "quantize fp16": "stores weights in half precision",
    "quantize bf16": "stores weights in bfloat16",
    "quantize weight-only": "stores the weights of the linear model in int8",
    "quantize affine": "stores vectors and matrices as packed integers of a few bits, rounded layer by layer",
    "quantize rtn": "rounds weights and activations to integers of a few bits, to the nearest",
    "quantize gpfq": "rounds weights and activations to integers of a few bits by greedy path-following (GPFQ)",
    "openvino": "converts for the OpenVINO runtime",
    "pack": "stores the zeros of pruned weights as one bit each",
    "search": "chose the passes after it, on the validation texts",
}

# What QLoRA does to a model whose runtime is transformers.
BESIDE = (
    "trains low-rank adapters on 4-bit weights, which stay so, and ships them beside these (QLoRA)"
)

SOURCES = {  # of a dense model's vectors
    "glove": "published word vectors",
    "subword": "vectors of words and their character n-grams",
    "random": "word vectors",
}


def recipe_lines(recipe: Sequence[Mapping[str, Any]]) -> list[Markdown]:
    """Return one line of Markdown per step of a recipe: its name, what it is, its parameters."""
    lines, large = [], False
    for step in recipe:
        student = step.get("student_model")
        if "family" in step or student:  # of what the weights are from here on
            large = (student or step).get("runtime") == "transformers"
        told = [_what(step, large=large)]
        if step.get("student_model"):
            told.append(Markdown(f"the student is {_origin(step['student_model'])}"))
        parameters = t.settings(step, skip=SKIPPED)
        if parameters != t.EMPTY:
            told.append(Markdown(f"parameters: {parameters}"))
        lines.append(Markdown(f"{t.code(step['name'])}: {t.join(told, '; ')}"))
    return lines


def _what(step: Mapping[str, Any], *, large: bool) -> Markdown:
    if "family" not in step:
        sort = " ".join(str(step[key]) for key in ("kind", "method") if key in step)
        return t.escape(BESIDE if large and sort == "adapt qlora" else PASSES.get(sort, sort))
    if step["family"] == "linear":
        return Markdown("a linear SVM over TF-IDF weights of n-grams, trained on the texts")
    trained = (step.get("train") or {}).get("epochs") != 0  # 0: adapters follow
    return Markdown(f"{_origin(step)}{', trained on the texts' if trained else ''}")


def _origin(entry: Mapping[str, Any]) -> Markdown:
    if entry["family"] == "dense":
        return Markdown(f"{SOURCES[entry['vectors']['source']]} and dense layers")
    if entry["family"] == "lstm":
        return Markdown(f"a new {t.escape(entry['kind'])} LSTM classifier")
    if entry.get("hub"):
        where = t.link(entry["hub"], f"https://huggingface.co/{entry['hub']}")
        at = f" at revision {t.code(entry['revision'])}" if entry.get("revision") else ""
        return Markdown(f"the published checkpoint {where}{at}")
    if "init" in entry:
        return Markdown(f"a new model {t.code(entry['name'])} ({t.settings(entry['init'])})")
    return Markdown(f"the published checkpoint {t.code(entry['name'])}")
