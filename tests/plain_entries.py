"""Entries of a config as rules hand them to jobs: plain values with a name and all defaults."""

from emopress.entries.step import model_step, typed_step
from emopress.entries.study import model_entry, pass_entry, student_entry
from emopress.families import FAMILIES
from emopress.passes import PASSES

SORTS = [sort.split() for sort in PASSES if sort.startswith(("prune", "quantize"))]
METHODS = {method: kind for kind, method in SORTS}


def typed_entry(sort, /, **keys):
    """Return the typed entry of a family, a kind of pass, or a method, whose name says the kind too."""
    if sort in FAMILIES:
        return model_entry({"family": sort, **keys})
    if sort in METHODS:
        return pass_entry({"kind": METHODS[sort], "method": sort, **keys})
    return pass_entry({"kind": sort.replace("_", "-"), **keys})


def plain_entry(sort, /, name="a-name", **keys):
    """Return what a rule hands its job of such an entry."""
    return {"name": name, **typed_entry(sort, **keys).plain()}


def entry_step(sort, /, name="a-name", **keys):
    """Return such an entry as a maker gets it that asks for a typed step."""
    return typed_step(plain_entry(sort, name, **keys))


def transformer(init=None, **keys):
    """Return what a transformer of this architecture is built of; without one, of a published checkpoint."""
    words = {"train": "words", "vocab_size": 100}
    source = {"init": init, "tokenizer": words} if init else {"hub": "a/b"}
    return student_entry({"family": "transformer", **source, **keys})


def built(step):
    """Return a model, or a distillation with its `student_model`, as the maker of that family gets it.

    How the student would be trained by itself is left out, as rules do.
    """
    student = step.get("student_model")
    if student:
        student = {key: value for key, value in student.items() if key != "train"}
        step = {**step, "student_model": student}
    return model_step(step)
