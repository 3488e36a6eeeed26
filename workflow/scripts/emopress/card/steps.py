"""Says in words what each step of a recipe did to the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from emopress.passes import PASSES
from emopress.recipe import sort_of
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown

# Of a step, what is not a parameter to print.
SKIPPED = ("name", "kind", "method", "family", "student_model", "hub", "revision", "sha256", "init")
# QLoRA on a model with runtime: transformers, whose weights stay in 4 bits.
KEPT_APART = (
    "trains low-rank adapters on 4-bit weights and ships both, without merging them (QLoRA)"
)
VECTORS = {  # the vectors of a dense model, by source
    "glove": "published word vectors",
    "subword": "vectors of words and their character n-grams",
    "random": "word vectors",
}


def recipe_lines(recipe: Sequence[Mapping[str, Any]]) -> list[Markdown]:
    """Return one line of Markdown per step of a recipe: its name, what it does, its parameters."""
    lines, large = [], False
    for step in recipe:
        student = step.get("student_model")
        if "family" in step or student:  # the weights are those of this model from here on
            large = (student or step).get("runtime") == "transformers"
        parts = [_action(step, large=large)]
        if student:
            parts.append(Markdown(f"the student is {_origin(student)}"))
        parameters = t.settings(step, skip=SKIPPED)
        if parameters != t.EMPTY:
            parts.append(Markdown(f"parameters: {parameters}"))
        lines.append(Markdown(f"{t.code(step['name'])}: {t.join(parts, '; ')}"))
    return lines


def _action(step: Mapping[str, Any], *, large: bool) -> Markdown:
    if "family" not in step:
        sort = sort_of(step)
        return t.escape(KEPT_APART if large and sort == "adapt qlora" else PASSES[sort].does)
    if step["family"] == "linear":
        return Markdown("a linear SVM on TF-IDF weights of n-grams, trained on the texts")
    trained = (step.get("train") or {}).get("epochs") != 0  # 0: adapters follow
    return Markdown(f"{_origin(step)}{', trained on the texts' if trained else ''}")


def _origin(entry: Mapping[str, Any]) -> Markdown:
    if entry["family"] == "dense":
        return Markdown(f"{VECTORS[entry['vectors']['source']]} and dense layers")
    if entry["family"] == "conv":
        wide = ", with a linear model of n-grams beside it" if entry.get("wide") else ""
        return Markdown(f"a new convolutional classifier on word vectors{wide}")
    if entry["family"] == "lstm":
        return Markdown(f"a new {t.escape(entry['kind'])} LSTM classifier")
    if entry.get("hub"):
        where = t.link(entry["hub"], f"https://huggingface.co/{entry['hub']}")
        at = f" at revision {t.code(entry['revision'])}" if entry.get("revision") else ""
        return Markdown(f"the published checkpoint {where}{at}")
    if "init" in entry:
        return Markdown(f"a new model {t.code(entry['name'])} ({t.settings(entry['init'])})")
    return Markdown(f"the published checkpoint {t.code(entry['name'])}")
