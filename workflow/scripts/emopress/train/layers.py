"""Layers of encoders: which teacher layer a student layer learns from, and students made of teacher layers."""

import copy
import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from emopress.errors import UserError
from emopress.train.encoder import fit_to_weights

LAYER = re.compile(r"^(.+\.layer\.)(\d+)(\..+)$")  # bert.encoder.layer.3.output.dense.weight


def layer_pairs(
    layer_map: str | Sequence[Sequence[int]], *, student: int, teacher: int, name: str
) -> list[tuple[int, int]]:
    """Return (student layer, teacher layer) for each layer that learns; the first layer is 0.

    `student` and `teacher` are their numbers of layers. `uniform`: layer i of S learns from layer
    round((i + 1) L / S) - 1 of L, halves rounded up, so that the last learns from the last (the
    uniform strategy of Jiao et al. 2020, TinyBERT). `last`: from the last S. UserError, in the name
    of pass `name`, if a layer does not exist.
    """
    if layer_map == "uniform":
        nearest = ((2 * (i + 1) * teacher + student) // (2 * student) - 1 for i in range(student))
        return [(i, max(0, layer)) for i, layer in enumerate(nearest)]
    if layer_map == "last":
        if student > teacher:
            raise UserError(
                f"pass {name!r}: layer_map last, but its student has {student} layers and its "
                f"teacher {teacher}; use uniform or pairs [student, teacher]"
            )
        return [(i, teacher - student + i) for i in range(student)]
    if isinstance(layer_map, str):
        raise ValueError(f"unknown layer map {layer_map!r}")
    pairs = [(int(one), int(other)) for one, other in layer_map]
    for column, (who, count) in enumerate((("student", student), ("teacher", teacher))):
        for pair in pairs:
            if not 0 <= pair[column] < count:
                raise UserError(
                    f"pass {name!r}: layer_map names {who} layer {pair[column]}; "
                    f"its {who} has layers 0 to {count - 1}"
                )
    return pairs


def renumbered(weights: dict[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Return the weights of a model with `layers` alone, in that order, by their new names.

    All that belongs to no layer (embeddings, pooler, head) stays.
    """
    places = {layer: place for place, layer in enumerate(layers)}
    result = {}
    for name, value in weights.items():
        found = LAYER.match(name)
        if not found:
            result[name] = value
        elif int(found[2]) in places:
            result[f"{found[1]}{places[int(found[2])]}{found[3]}"] = value
    return result


def student_of_layers(teacher: Any, layers: Sequence[int], *, name: str) -> nn.Module:
    """Return a new classifier that has these layers of `teacher`, its embeddings and its head.

    The teacher's own shapes are kept, of cut and low-rank layers too. UserError, in the name of
    pass `name`, if the teacher lacks one of the layers.
    """
    count = teacher.config.num_hidden_layers
    for layer in layers:
        if not 0 <= layer < count:
            raise UserError(
                f"pass {name!r}: layers names layer {layer}; its teacher has layers 0 to {count - 1}"
            )
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(layers)
    student = type(teacher)(config)
    weights = {key: value.clone() for key, value in teacher.state_dict().items()}
    weights = renumbered(weights, layers)
    fit_to_weights(student, weights)
    student.load_state_dict(weights)
    return student.float()
